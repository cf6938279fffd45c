"""The client of Graph: who waits for what."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from azure.core.credentials import AccessToken

from hypersync.connectors.msgraph.client import MOST_MEGABYTES, Client, Target
from hypersync.connectors.msgraph.options import MsgraphOptions
from hypersync.connectors.msgraph.requests import Lost, Request
from hypersync.connectors.msgraph.sign_in import SignIn

SECONDS = 20
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Service(ThreadingHTTPServer):
    """Answers when it is let go on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.go_on = Event(), Event()
        self.body, self.encoding = b"{}", "identity"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.asked.set()
        self.server.go_on.wait(SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.send_header("Content-Encoding", self.server.encoding)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Held(SignIn):
    """Signs in when it is let go on; the first time at once."""

    def __init__(self, url: str) -> None:
        sign_in = {"tenant": "t", "client": "c", "secret": "s"}
        types = {"user": {"resource": "users"}}
        options = MsgraphOptions.model_validate({"url": url, "sign_in": sign_in, "types": types})
        assert options.sign_in is not None
        super().__init__(
            options,
            options.sign_in,
            root=Path(),
            timeout_seconds=SECONDS,
            now=lambda: NOW,
        )
        self.fetching, self.go_on = Event(), Event()

    def _fetch(self, claims: str | None) -> AccessToken:
        if self._is_again:
            self.fetching.set()
            self.go_on.wait(SECONDS)
        self._is_again = True
        return AccessToken("token", int((NOW + timedelta(hours=1)).timestamp()))

    _is_again = False


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as found:
        thread = Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.go_on.set()
        found.shutdown()
        thread.join()


def test_an_answer_does_not_wait_for_the_token_of_another_request(service: Service):
    """What was written meanwhile would otherwise count as unknown."""
    url = f"http://127.0.0.1:{service.server_port}"
    sign_in = Held(url)
    sign_in.get_token()
    client = Client(Target(root=url, host="127.0.0.1", sign_in=sign_in, timeout_seconds=SECONDS))
    try:
        written = client.send(Request(url=f"{url}/first"))
        assert service.asked.wait(SECONDS)
        sign_in.forget()
        waiting = client.send(Request(url=f"{url}/second"))
        assert sign_in.fetching.wait(SECONDS)
        service.go_on.set()
        assert written.result(SECONDS / 2).status == 200
        assert not waiting.done()
        sign_in.go_on.set()
        assert waiting.result(SECONDS).status == 200
    finally:
        sign_in.go_on.set()
        client.close()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_answer_has_no_more_bytes_than_one_can_hold(service: Service, encoding: str):
    url = f"http://127.0.0.1:{service.server_port}"
    client = Client(Target(root=url, host="127.0.0.1", sign_in=None, timeout_seconds=SECONDS))
    service.go_on.set()
    service.encoding = encoding
    try:
        for megabytes in (MOST_MEGABYTES, MOST_MEGABYTES + 1):
            body = b"{" + b" " * (megabytes * 1_000_000 - 2) + b"}"
            service.body = body if encoding == "identity" else gzip.compress(body, 1)
            answer = client.send(Request(url=f"{url}/all"))
            if megabytes == MOST_MEGABYTES:
                assert answer.result(SECONDS).json() == {}
                continue
            with pytest.raises(Lost, match="the answer has more than 64 MB"):
                answer.result(SECONDS)
    finally:
        client.close()
