"""The threats of exports and answers that nobody reads, with the real server."""

from __future__ import annotations

import http.client
import re
import socket
from contextlib import ExitStack, contextmanager
from urllib.parse import urlencode

import pytest

from hypersync.access.sessions import ACCOUNT, begin_session
from hypersync.cli.serving import THREADS, listen, serving
from hypersync.model.objects import Operation
from tests.asking import person
from tests.signing_in import COOKIE, RULES, account, browser
from webui.exports import MOST_AT_ONCE, Exports, TooManyExports

EXPORT = "/report/pending.json"
PEOPLE = [f"vic{number}" for number in range(THREADS)]


@contextmanager
def served(folder):
    """A site with an export of twenty megabytes; its port, and what each person's browser holds."""
    made = browser(folder, *(person(who, roles=frozenset({"viewer"})) for who in PEOPLE))
    long = {"before": {"a": "x" * 500_000}, "after": {"a": "y" * 500_000}}
    world = made.world
    world.ask(world.suspend(20, operation=Operation.UPDATE, **long))
    secrets = {}
    for who in PEOPLE:
        account(world, who)
        secrets[who] = begin_session(world.store, who, ACCOUNT, now=made.time, rules=RULES)
    listening = listen("127.0.0.1", 0, has_sign_in=True)
    with serving(made.client().application, listening):
        yield listening.getsockname()[1], secrets


def ask(port, secret, path, *, method="GET"):
    """Ask for a page on a connection of its own whose other end reads little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", port))
    lines = [f"{method} {path} HTTP/1.1", "Host: iam.example.org", f"Cookie: {COOKIE}={secret}"]
    connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    return connection


def head_of(connection):
    """The status and the head of an answer, without reading on."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        one = connection.recv(1)
        assert one, head
        head += one
    return int(head.split()[1]), head.decode()


def body_of(connection):
    parts = iter(lambda: connection.recv(1 << 20), b"")
    return b"".join(parts)


def status_of(port, secret, path):
    with ask(port, secret, path) as connection:
        return head_of(connection)[0]


@pytest.mark.parametrize("are_many", [False, True])
def test_S11_exports_that_nobody_reads_keep_no_page_from_anybody(tmp_path, are_many):
    with served(tmp_path) as (port, secrets), ExitStack() as held:
        codes, heads = [], []
        for who in PEOPLE:
            mine = secrets[who if are_many else PEOPLE[0]]
            connection = held.enter_context(ask(port, mine, EXPORT))
            code, head = head_of(connection)
            codes.append(code)
            heads.append(head)
        expected = [200] * THREADS if are_many else [200] + [429] * (THREADS - 1)
        assert codes == expected
        assert status_of(port, secrets[PEOPLE[-1]], "/report/runs") == 200
        if not are_many:
            assert "Retry-After: 10" in heads[-1]
            assert "You are taking a file along already." in body_of(connection).decode()
            assert status_of(port, secrets[PEOPLE[-1]], EXPORT) == 200


def test_an_export_arrives_whole_and_then_there_may_be_another(tmp_path):
    with served(tmp_path) as (port, secrets):
        mine = secrets[PEOPLE[0]]
        with ask(port, mine, EXPORT) as connection:
            code, head = head_of(connection)
            body = body_of(connection)
        assert code == 200
        assert len(body) == int(re.search(r"Content-Length: (\d+)", head)[1]) > 20_000_000
        assert body.endswith(b"]}\n")
        assert status_of(port, mine, EXPORT) == 200


def test_who_asks_only_whether_there_is_an_export_takes_no_place(tmp_path):
    with served(tmp_path) as (port, secrets):
        for _ in range(3):
            with ask(port, secrets[PEOPLE[0]], EXPORT, method="HEAD") as connection:
                assert head_of(connection)[0] == 200
                assert body_of(connection) == b""


# --- many questions at once --------------------------------------------------------------------


def style_of(folder):
    """The largest file of the pages, which everybody may read."""
    page = browser(folder).open("/sign-in").text
    return re.search(r'href="(/assets[^"]+\.css[^"]*)"', page)[1]


def test_S11_strangers_that_ask_much_and_read_nothing_keep_no_page_from_anybody(tmp_path):
    (tmp_path / "other").mkdir()
    style = style_of(tmp_path / "other")
    with served(tmp_path) as (port, secrets), ExitStack() as held:
        question = f"GET {style} HTTP/1.1\r\nHost: iam.example.org\r\n\r\n".encode()
        for _ in range(THREADS + 1):
            connection = held.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", port))
            connection.sendall(question * (8192 // len(question)))
            head_of(connection)
        assert status_of(port, secrets[PEOPLE[0]], "/report/runs") == 200


def test_of_requests_sent_at_once_the_first_is_answered_and_the_connection_closed(tmp_path):
    question = b"GET /sign-in HTTP/1.1\r\nHost: iam.example.org\r\n\r\n"
    with served(tmp_path) as (port, _), socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(30)
        connection.sendall(b"\r\n" + question * 3)
        code, head = head_of(connection)
        assert code == 200
        assert "Connection: close" in head
        body = body_of(connection)
        assert len(body) == int(re.search(r"Content-Length: (\d+)", head)[1])


def test_one_request_after_the_other_is_answered_on_one_connection(tmp_path):
    with served(tmp_path) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(3):
            connection.request("GET", "/sign-in", headers={"Host": "iam.example.org"})
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, answer.headers["Connection"]) == (200, None)
        form = urlencode({"name": "x" * 30_000, "password": "y"})
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Host": "iam.example.org"}
        connection.request("POST", "/sign-in", form, kind)
        assert connection.getresponse().status == 403
        connection.close()


# --- the places --------------------------------------------------------------------------------


def test_a_place_is_free_again_when_the_file_is_closed_or_forgotten():
    exports = Exports()
    for _ in range(2):
        exports.written("ann", (each for each in "ab")).close()
    file = exports.written("ann", (each for each in "ab"))
    with pytest.raises(TooManyExports, match="You are taking a file along already"):
        exports.written("ann", (each for each in "ab"))
    del file
    exports.written("ann", (each for each in "ab")).close()


def test_a_place_is_free_again_when_writing_fails():
    exports = Exports()

    def failing():
        yield "a"
        raise OSError

    for _ in range(MOST_AT_ONCE + 1):
        with pytest.raises(OSError):  # noqa: PT011 - the one from above
            exports.written("ann", failing())


def test_no_more_than_two_are_written_at_a_time_whoever_asks():
    exports = Exports()
    refused = []

    def asking(depth):
        yield "a"
        try:
            exports.written(f"person-{depth}", asking(depth + 1)).close()
        except TooManyExports as error:
            refused.append((depth, str(error)))

    exports.written("ann", asking(1)).close()
    assert [depth for depth, _ in refused] == [MOST_AT_ONCE]
    assert "Others are taking files along just now" in refused[0][1]
    exports.written("ann", (each for each in "ab")).close()
