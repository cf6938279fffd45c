"""Signing in by the header of a proxy, and what is believed of what proxies say."""

from __future__ import annotations

import http.client
import logging
import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from hypersync.access.sessions import header_form_tokens
from hypersync.cli.serving import address_of, is_readable_on_the_way, listen, serving
from hypersync.errors import UsageError
from tests.asking import person
from tests.signing_in import EVERYBODY, account, browser, enter
from webui import create_app

PROXY = {"proxy": {"header": "X-Remote-User", "from": ["10.0.0.5", "10.1.0.0/16", "2001:db8::/64"]}}


def through(folder, who="ann", remote="10.0.0.5", **more):
    made = browser(folder, *EVERYBODY, person("eva", subject="E7"), **{"sign_in": PROXY, **more})
    made.remote = remote
    if who is not None:
        made.headers["X-Remote-User"] = who
    return made


@pytest.mark.parametrize("remote", ["10.0.0.5", "10.1.2.3", "2001:db8::7", "::ffff:10.0.0.5"])
def test_a_named_proxy_says_who_it_is(tmp_path, remote):
    made = through(tmp_path, remote=remote)
    page = made.open("/report/runs")
    assert page.status_code == 200
    assert "Ann Ng" in page.text
    assert "Sign out" not in page.text
    assert made.world.rows("session") == []


@pytest.mark.parametrize("remote", ["10.0.0.6", "127.0.0.1", "192.0.2.7", "::1", ""])
def test_the_header_of_anybody_else_is_refused(tmp_path, remote, caplog):
    made = through(tmp_path, remote=remote)
    for page in ("/report/runs", "/sign-in", "/nothing"):
        answer = made.open(page)
        assert answer.status_code == 403
        assert "Only the proxy of this site may say who you are." in answer.text
    assert "refused the header X-Remote-User" in caplog.text
    assert "ann" not in caplog.text


@pytest.mark.parametrize(
    "who", ["", "nobody", "Ann", "ann, bob", "ann\tx", "ann@example.org", "a" * 5000, "\u00e4nn"]
)
def test_a_name_that_is_nobodys_is_nobody(tmp_path, who):
    made = through(tmp_path, who.encode().decode("latin-1"))
    assert made.open("/report/runs").status_code == 302
    page = made.open("/sign-in")
    assert page.status_code == 200
    assert "whom HyperSync does not know" in page.text
    assert len(page.text) < 5000


@pytest.mark.parametrize(
    ("names", "who", "name"),
    [("email", "ANN@example.org", "Ann Ng"), ("subject", "E7", "Eva Ng"), ("person", "eva", "Eva")],
)
def test_the_header_holds_what_the_configuration_says(tmp_path, names, who, name):
    made = through(tmp_path, who, sign_in={"proxy": {**PROXY["proxy"], "names": names}})
    assert name in made.open("/report/runs").text


def test_without_the_header_nobody_is_known_although_it_is_the_proxy(tmp_path):
    made = through(tmp_path, None)
    assert made.open("/report/runs").status_code == 302
    assert "no sign-in of its own" in made.open("/sign-in").text


def test_the_header_says_who_it_is_whatever_cookie_the_browser_has(tmp_path):
    made = through(tmp_path, None, sign_in={**PROXY, "accounts": "true"})
    account(made.world, "vic")
    assert enter(made, "vic").status_code == 303
    assert "Vic Ng" in made.open("/report/runs").text
    made.headers["X-Remote-User"] = "ann"
    assert "Ann Ng" in made.open("/report/runs").text
    made.headers["X-Remote-User"] = "nobody"
    assert made.open("/report/runs").status_code == 302


def test_S14_what_is_sent_behind_a_proxy_carries_what_its_pages_were_given(tmp_path):
    made = through(tmp_path)
    assert made.post("/sign-out", {}).status_code == 403
    assert made.post("/sign-out", {"csrf": "x"}).status_code == 403
    settings = made.world.settings
    mine = header_form_tokens(settings.signer, "ann", made.time)[0]
    made.headers["X-Remote-User"] = "vic"
    assert made.post("/sign-out", {"csrf": mine}).status_code == 403
    made.headers["X-Remote-User"] = "ann"
    made.time = made.time.replace(hour=23, day=made.time.day + 1)
    assert made.post("/sign-out", {"csrf": mine}).status_code == 303
    made.time = made.time.replace(day=made.time.day + 1)
    assert made.post("/sign-out", {"csrf": mine}).status_code == 403


# --- what proxies say --------------------------------------------------------------------------


def seen(folder, headers, remote, proxies=("10.0.0.5", "10.1.0.0/16")):
    """What the pages see of a request."""
    made = browser(folder, proxies=tuple(proxies))
    site = create_app(made._app())
    found = {}

    @site.before_request
    def look():
        from flask import request

        found.update(
            remote=request.remote_addr,
            scheme=request.scheme,
            host=request.host,
            left=[name for name, _ in request.headers if name.lower().startswith("x-")],
        )

    answer = site.test_client().get(
        "/sign-in",
        headers={"Host": "iam.example.org", **headers},
        environ_base={"REMOTE_ADDR": remote},
    )
    return answer, found


SAID = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "localhost:8443",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9",
    "X-Forwarded-Prefix": "/evil",
}


def test_of_a_named_proxy_the_headers_are_believed(tmp_path):
    answer, found = seen(tmp_path, SAID, "10.0.0.5")
    assert answer.status_code == 200
    assert found == {
        "remote": "203.0.113.9",
        "scheme": "https",
        "host": "localhost:8443",
        "left": [],
    }


def test_of_anybody_else_they_are_dropped(tmp_path):
    answer, found = seen(tmp_path, SAID, "10.0.0.6")
    assert answer.status_code == 200
    assert found == {
        "remote": "10.0.0.6",
        "scheme": "http",
        "host": "iam.example.org",
        "left": [],
    }


def test_S17_a_host_that_a_stranger_forwards_changes_nothing(tmp_path):
    answer, found = seen(tmp_path, {"X-Forwarded-Host": "evil.example.org"}, "192.0.2.7")
    assert answer.status_code == 200
    assert found["host"] == "iam.example.org"
    refused, _ = seen(tmp_path, {"X-Forwarded-Host": "evil.example.org"}, "10.0.0.5")
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("chain", "remote"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.1.0.8", "203.0.113.9"),
        ("10.1.0.9, 10.1.0.8", "10.1.0.9"),
        ("203.0.113.9:51234", "203.0.113.9"),
        ("[2001:db8::9]:443", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("1.1.1.1, nonsense", "10.0.0.5"),
        ("", "10.0.0.5"),
        ("203.0.113.9, ", "10.0.0.5"),
    ],
)
def test_of_a_chain_the_last_address_counts_that_is_no_proxy(tmp_path, chain, remote):
    _, found = seen(tmp_path, {"X-Forwarded-For": chain}, "10.0.0.5")
    assert found["remote"] == remote


@pytest.mark.parametrize("scheme", ["ftp", "javascript", "https, http", ""])
def test_a_scheme_is_http_or_https(tmp_path, scheme):
    _, found = seen(tmp_path, {"X-Forwarded-Proto": scheme}, "10.0.0.5")
    assert found["scheme"] == "http"


def test_a_proxy_that_is_named_sets_nobody_free_to_say_who_they_are(tmp_path):
    made = through(tmp_path, remote="10.9.9.9", proxies=("10.9.9.9",))
    made.headers["X-Forwarded-For"] = "10.0.0.5"
    assert made.open("/report/runs").status_code == 403


# --- the real server ---------------------------------------------------------------------------


@contextmanager
def served(made):
    listening = listen("127.0.0.1", 0, has_sign_in=True)
    address = urlsplit(address_of(listening))
    with serving(create_app(made._app()), listening):
        yield address.hostname, address.port


def raw(address, *lines):
    """The status that the real server answers to these header lines."""
    with socket.create_connection(address, timeout=10) as connection:
        head = ["GET /report/runs HTTP/1.1", "Host: localhost", "Connection: close", *lines]
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.getheaders()


def test_the_real_server_takes_the_header_of_a_named_proxy_only_and_in_its_one_spelling(tmp_path):
    here = {"proxy": {"header": "X-Remote-User", "from": ["127.0.0.1"]}}
    with served(browser(tmp_path, sign_in=here)) as address:
        assert raw(address, "X-Remote-User: ann")[0] == 200
        assert raw(address, "x-remote-user: ann")[0] == 200
        assert raw(address, "X_Remote_User: ann")[0] == 302
        assert raw(address, "X-Remote-User: ann", "X-Remote-User: ada")[0] == 302
        assert raw(address)[0] == 302


def test_the_real_server_refuses_the_header_of_others(tmp_path):
    with served(browser(tmp_path, sign_in=PROXY)) as address:
        assert raw(address, "X-Remote-User: ann")[0] == 403
        assert raw(address, "X-Remote-User: ann", "X-Forwarded-For: 10.0.0.5")[0] == 403


@pytest.mark.parametrize("sign", ["X-Forwarded-For: 203.0.113.9", "Via: 1.1 proxy", "Forwarded: x"])
def test_S03_through_the_real_server_a_proxy_on_this_machine_is_seen_too(tmp_path, sign):
    made = browser(tmp_path)
    made.configured = {}
    with served(made) as address:
        assert raw(address)[0] == 200
        assert raw(address, sign)[0] == 403


@pytest.mark.parametrize("path", ["/report/runs", "/static/style.css", "/nothing", "/sign-in"])
def test_every_answer_says_what_a_browser_may_do_with_it(tmp_path, path):
    with served(browser(tmp_path)) as (host, port):
        connection = http.client.HTTPConnection(host, port, timeout=10)
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
    assert answer.getheader("Content-Security-Policy", "").startswith("default-src 'self'")
    for name in ("Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options"):
        assert answer.getheader(name)
    assert answer.getheader("Server") == "HyperSync"


def test_with_a_sign_in_any_address_may_be_listened_on():
    for host in ("0.0.0.0", "localhost", "127.0.0.1", "::1"):  # noqa: S104 - it is what is tried
        with listen(host, 0, has_sign_in=True) as taken:
            assert address_of(taken).startswith(("http://127.0.0.1:", "http://[::1]:"))
    with pytest.raises(UsageError, match="there is no address"):
        listen("no..host", 0, has_sign_in=True)
    with pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.7"):
        listen("192.0.2.7", 0, has_sign_in=True)


def test_http_to_elsewhere_is_readable_on_the_way():
    assert is_readable_on_the_way("http://iam.example.org")
    assert not is_readable_on_the_way("https://iam.example.org")
    assert not is_readable_on_the_way("http://localhost:8080")
    assert not is_readable_on_the_way("http://127.0.0.1:8080")


def test_what_comes_by_the_proxy_is_not_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    made = through(tmp_path, "secret-name-7")
    made.open("/report/runs")
    made.open("/sign-in")
    assert "secret-name-7" not in caplog.text
