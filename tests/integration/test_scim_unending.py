"""A SCIM service that does not end its answers: each becomes one error, in time and in memory."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from werkzeug import Request, Response

from hypersync.connectors.scim.connector import ScimConnector
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import Change, Complete, Operation, RetryAfter, Unknown
from tests.certificates import self_signed
from tests.scim_service import MEDIA, Instead, ScimServer, answer
from tests.scimming import connect, scan

TOO_LARGE = "answers with more than 64 MB, which is too much to believe"
TOO_LATE = "nothing complete came within 1 s, the silo's 'timeout'"
SPACES = b" " * 1_000_000
EMPTY = b'{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0}'


def endless() -> Iterator[bytes]:
    """A list that is complete after 80 MB."""
    yield EMPTY[:-1]
    for _ in range(80):
        yield SPACES
    yield EMPTY[-1:]


def slowly(text: bytes) -> Iterator[bytes]:
    """A byte now and then, often enough for a timeout that is for each read; 3 s in all."""
    for number in range(len(text)):
        time.sleep(3 / len(text))
        yield text[number : number + 1]


def streamed(status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(endless(), status, headers=headers, content_type=MEDIA)


def dripped(status: int = 200) -> Response:
    return Response(slowly(EMPTY), status, content_type=MEDIA)


def dripped_headers(request: Request) -> Response:
    """Send the headers of a good answer byte by byte, over the connection itself."""
    connection: socket.socket = request.environ["tests.connection"]
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(EMPTY)}\r\nContent-Type: {MEDIA}\r\n\r\n"
    try:
        for part in slowly(head.encode()):
            connection.sendall(part)
        connection.sendall(EMPTY)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # nobody listens any more, as it should be
    return Response("")


def packed(request: Request) -> Response:
    """Send 80 MB as some ten thousand bytes."""
    body = gzip.compress(b"".join(endless()))
    assert len(body) < 1_000_000
    return Response(body, headers={"Content-Encoding": "gzip"}, content_type=MEDIA)


def failure(url: str, timeout: int = 20) -> str:
    """Return why a scan fails that gets one answer of this kind."""
    with pytest.raises((ScanFailed, SiloRefused, SiloUnreachable)) as caught:
        scan(connect(url, timeout=timeout))
    return caught.value.message


def on_pages(then: Instead) -> Instead:
    """Answer for the list of a scan only."""
    return lambda request: then(request) if "startIndex" in request.args else None


@pytest.mark.parametrize("status", [200, 401, 503])
def test_an_answer_that_does_not_end_is_given_up_at_64_mb(scim: ScimServer, status: int):
    scim.instead = lambda r: streamed(status)
    assert TOO_LARGE in failure(scim.url)


def test_a_page_of_gigabytes_fails_the_scan(scim: ScimServer):
    scim.instead = on_pages(lambda r: streamed(headers={"Content-Length": "5000000000"}))
    said = failure(scim.url)
    assert TOO_LARGE in said
    assert "'page_size'" in said


def test_what_a_small_answer_is_unpacked_to_counts(scim: ScimServer):
    scim.instead = on_pages(packed)
    assert TOO_LARGE in failure(scim.url)


def test_what_redirects_is_not_read(scim: ScimServer):
    sent: list[bytes] = []
    noted = (sent.append(part) or part for part in endless())
    scim.instead = lambda r: Response(noted, 302, headers={"Location": "https://login.example.org"})
    assert "redirects to https://login.example.org, which is not followed" in failure(scim.url)
    assert len(sent) < 40


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_comes_byte_by_byte_is_given_up_in_time(scim: ScimServer, status: int):
    scim.instead = lambda r: dripped(status)
    assert TOO_LATE in failure(scim.url, timeout=1)


def test_headers_that_come_byte_by_byte_are_given_up_in_time(scim: ScimServer):
    scim.instead = dripped_headers
    assert TOO_LATE in failure(scim.url, timeout=1)


def test_a_page_that_comes_byte_by_byte_fails_the_scan(scim: ScimServer):
    scim.instead = on_pages(lambda r: dripped())
    assert "went away in the middle" in failure(scim.url, timeout=1)


def test_it_is_just_so_by_tls(scim: ScimServer, tmp_path: Path):
    own = self_signed(tmp_path / "tls", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.file, own.key)
    scim.instead = lambda r: dripped()
    with scim.behind(context) as port:
        url, tls = f"https://127.0.0.1:{port}/v2", {"ca_file": str(own.file)}
        with pytest.raises(SiloUnreachable, match="nothing complete came within 1 s"):
            scan(connect(url, tls=tls, timeout=1))
        scim.instead = lambda r: streamed()
        with pytest.raises(SiloRefused, match=TOO_LARGE):
            scan(connect(url, tls=tls))


class _Patient(BaseHTTPRequestHandler):
    """Answers everything with an empty list, on one connection, each time after a quarter of 1 s.

    Five of them take longer together than the timeout, which is for one.
    """

    protocol_version = "HTTP/1.1"
    connections: ClassVar[list[object]] = []

    def do_GET(self) -> None:
        self.connections.append(self.client_address)
        time.sleep(0.25)
        self.send_response(200)
        self.send_header("Content-Length", str(len(EMPTY)))
        self.end_headers()
        self.wfile.write(EMPTY)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def test_the_time_is_that_of_an_answer_and_not_of_the_connection_that_it_comes_by():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Patient) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            events = scan(connect(f"http://127.0.0.1:{server.server_port}", timeout=1))
        finally:
            server.shutdown()
            thread.join()
    assert events == [Complete(None)]
    assert len(_Patient.connections) >= 5
    assert len(set(_Patient.connections)) == 1


def boss(connector: ScimConnector, anchor: str) -> Change:
    (kind,) = connector.streams()[0]
    before, after = {"title": "Clerk"}, {"title": "Boss"}
    return Change(
        key="key",
        operation=Operation.UPDATE,
        type=kind,
        anchor=anchor,
        before=before,
        after=after,
    )


@pytest.mark.parametrize(
    ("then", "why", "status"),
    [(streamed, TOO_LARGE, 200), (streamed, TOO_LARGE, 500), (dripped, TOO_LATE, 500)],
)
def test_a_write_whose_answer_does_not_end_is_unknown(
    scim: ScimServer, then: Callable[[int], Response], why: str, status: int
):
    ann = scim.add_user("ann")
    scim.instead = lambda r: then(status) if r.method == "PATCH" else None
    connector = connect(scim.url, timeout=1)
    with connector.open() as session:
        outcomes = session.apply([boss(connector, ann), boss(connector, ann)])
    assert [type(each) for each in outcomes] == [Unknown, RetryAfter]
    assert why in outcomes[0].reason


def test_a_cursor_that_leads_to_empty_pages_for_ever_fails_the_scan(scim: ScimServer):
    numbers = iter(range(1_000))
    scim.instead = lambda r: (
        answer({"Resources": [], "totalResults": 9, "nextCursor": f"c{next(numbers)}"})
        if "cursor" in r.args
        else None
    )
    with pytest.raises(ScanFailed, match="never ends: 101 pages in a row were empty"):
        scan(connect(scim.url, pagination="cursor"))
