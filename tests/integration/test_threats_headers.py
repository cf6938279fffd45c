"""Headers that no browser sends: refused or passed over, never the end of a page."""

from __future__ import annotations

import logging

import pytest

from tests.signing_in import browser as signing_in
from webui.origin import host_of

ODD = [
    "",
    " ",
    "http://[::1",
    "https://[",
    "http://[::1]:x/",
    "http://[v1.x]/",
    "//[",
    "http://a:99999999999/",
    "http://\u2100.example.org/",
    "http://iam.example.org\uff0f@evil/",
    "\x7f",
    "\xff\xfe",
    "\xc3\x28",
    "%",
    "%zz%ff%00",
    "=",
    ";=;,;",
    '"',
    "null",
    "-1",
    "1e9",
    "9" * 400,
    "a" * 9000,
    "[" * 3000,
    "bytes=9-1,x-,-",
    "en;q=x,de;q=1e999,;;q",
    "de;q=" + "9" * 400,
    'for="[::1";proto=;host=[',
    "[::1",
    "999.1.1.1, ::g, %",
]
HEADERS = [
    "Host",
    "Origin",
    "Referer",
    "HX-Request",
    "HX-Current-URL",
    "HX-Target",
    "HX-Trigger",
    "HX-Trigger-Name",
    "HX-Boosted",
    "HX-Prompt",
    "HX-History-Restore-Request",
    "Cookie",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Transfer-Encoding",
    "Accept",
    "Accept-Language",
    "Accept-Encoding",
    "Authorization",
    "Idempotency-Key",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "Range",
    "Sec-Fetch-Site",
    "X-CSRF-Token",
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "X-Remote-User",
]
PLACES = [
    ("GET", "/report/pending", {}),
    ("GET", "/report/pending", {"HX-Request": "true"}),
    ("POST", "/sign-in", {}),
    ("GET", "/api/v1/runs", {}),
]
OF_FILES = [("GET", "/static/style.css", {})]
PROXY = {
    "accounts": True,
    "proxy": {"header": "X-Remote-User", "from": ["192.0.2.7"]},
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """The pages with a sign-in, and behind a proxy that is believed."""
    folder = tmp_path_factory.mktemp
    return {
        "accounts": signing_in(folder("accounts")),
        "proxy": signing_in(folder("proxy"), sign_in=PROXY),
    }


def send(site, place, header, value):
    """The answer to a request with a header as it would come over the wire."""
    method, address, headers = place
    kept = {"Host": "iam.example.org", **headers}
    kept.pop(header, None)
    name = header.upper().replace("-", "_")
    if header not in ("Content-Length", "Content-Type"):
        name = f"HTTP_{name}"
    wire = value.encode().decode("latin-1")
    return site.client().open(
        address,
        method=method,
        headers=kept,
        buffered=True,
        environ_overrides={"REMOTE_ADDR": site.remote, name: wire},
    )


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("of", ["accounts", "proxy"])
def test_S14_no_header_of_a_stranger_leads_to_an_error_of_ours(sites, of, header, caplog):
    caplog.set_level(logging.ERROR)
    is_of_files = header in ("Range", "If-Range", "If-None-Match", "If-Modified-Since")
    for place in OF_FILES if is_of_files else PLACES:
        for value in ODD:
            answer = send(sites[of], place, header, value)
            assert answer.status_code < 500, (place, header, value)
    assert not caplog.records


def test_S13_somebody_unknown_is_sent_to_the_start_where_their_page_cannot_be_read(tmp_path):
    page = signing_in(tmp_path)
    page.headers |= {"HX-Request": "true", "HX-Current-URL": "http://[::1"}
    answer = page.open("/report/pending")
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in"


STRANGE = [
    "localhost:80@evil",
    "localhost:80@evil.example.org",
    "localhost:@evil",
    "iam.example.org:443@evil.example.org",
    "iam.example.org@evil.example.org",
    "localhost:x",
    "localhost:",
    "localhost:80:90",
    "localhost:123456",
    "localhost:99999",
    "localhost:\u0661",
    "[::1]:80@evil",
    "[::1]evil]",
    "[::1",
    "localhost:80/evil",
    "localhost:80#",
    "localhost\\@evil:80",
    "",
]


@pytest.mark.parametrize("host", STRANGE)
@pytest.mark.parametrize("place", ["/report/pending", "/sign-in", "/api/v1/runs"])
def test_S17_a_host_with_more_than_a_name_and_a_port_is_refused(sites, place, host):
    assert host_of(host) == ""
    assert send(sites["accounts"], ("GET", place, {}), "Host", host).status_code == 400


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8080", "localhost"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::1]:65535", "[::1]"),
        ("iam-2.Example.org:443", "iam-2.example.org"),
    ],
)
def test_S17_a_host_is_a_name_and_maybe_a_port(host, name):
    assert host_of(host) == name
