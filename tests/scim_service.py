"""The server of scim2-server in this process, and hands that may answer in its place.

Requests are noted. ``instead`` looks at each request first; what it returns is the answer, ``None``
lets the server answer. ``clock`` tells when something changes, ``date`` when it was answered.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from io import BytesIO
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import requests
from scim2_models import ScimProvider, ServiceProviderConfig
from scim2_server.memory import InMemoryStorage, utcnow
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)
from werkzeug import Request, Response

TOKEN = "a-token-of-the-tests"  # noqa: S105 - of a server that lives for one test
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MEDIA = "application/scim+json"

Instead = Callable[[Request], Response | None]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that do not like our certificate, or go away."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def get_environ(self) -> dict[str, Any]:
        """Add the connection itself, for who wants to break it."""
        return {**super().get_environ(), "tests.connection": self.connection}


class ScimServer:
    """A running server, with a client of somebody else's."""

    def __init__(self, features: Mapping[str, Any]) -> None:
        standard = load_default_service_provider_config().model_dump()
        self._provider = ScimProvider.from_discovery(
            load_default_schemas().values(),
            load_default_resource_types().values(),
            config=ServiceProviderConfig.model_validate({**standard, **features}),
        )
        self._service = ScimService(self._provider, secret="x" * 32)
        self.instead: Instead | None = None
        self.clock: Callable[[], datetime] = utcnow
        self.date: Callable[[], datetime] | None = None
        self.requests: list[Request] = []
        self.fresh()
        self._server = make_server(
            "127.0.0.1", 0, self._serve, server_class=_Server, handler_class=_Quiet
        )
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v2"
        self._client = requests.Session()
        self._client.headers["Authorization"] = f"Bearer {TOKEN}"
        self._client.headers["Content-Type"] = MEDIA
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def fresh(self) -> None:
        """Forget every resource and every request."""
        self._application = BearerTokenApplication(
            InMemoryStorage(lambda: self.clock()),
            self._provider,
            service=self._service,
            bearer_tokens=[TOKEN],
        )
        self.instead = None
        self.clock = utcnow
        self.date = None
        self.requests.clear()

    def stop(self) -> None:
        """Stop serving."""
        self._client.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextmanager
    def behind(self, context: ssl.SSLContext) -> Iterator[int]:
        """Serve by TLS as well, on a port of its own."""
        server = make_server(
            "127.0.0.1", 0, self._serve, server_class=_Server, handler_class=_Quiet
        )
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _serve(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        if environ.get("HTTP_X_HANDS") is None:
            environ["wsgi.input"] = BytesIO(request.get_data())
            self.requests.append(request)
            answer = self.instead(request) if self.instead is not None else None
            if answer is not None:
                return answer(environ, start)
        return self._application(environ, self._dated(start))

    def _dated(self, start: Any) -> Any:
        """Return what begins an answer, which is told the date of the service."""
        if self.date is None:
            return start
        date = ("Date", format_datetime(self.date(), usegmt=True))
        return lambda status, headers, *more: start(status, [*headers, date], *more)

    # --- somebody else -------------------------------------------------------------------------

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Do something behind everybody's back; nothing of it is noted."""
        data = None if body is None else json.dumps(body)
        answer = self._client.request(
            method, f"{self.url}{path}", data=data, headers={"X-Hands": "1"}, timeout=20
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def add_user(self, name: str, /, **more: object) -> str:
        """Make a user, and return its id."""
        return str(self.call("POST", "/Users", user(name, **more))["id"])

    def add_group(self, name: str, members: list[str]) -> str:
        """Make a group, and return its id."""
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": m} for m in members]}
        return str(self.call("POST", "/Groups", body)["id"])

    def patch(self, path: str, *operations: dict[str, object]) -> None:
        """Change a resource."""
        schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
        self.call("PATCH", path, {"schemas": [schema], "Operations": list(operations)})


def user(name: str, /, **more: object) -> dict[str, object]:
    """Return the body of a user of the contract."""
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": name,
        "title": "Clerk",
        "userType": "active",
        "active": True,
        ENTERPRISE: {"department": "Sales"},
        **more,
    }


@contextmanager
def serving(**features: object) -> Iterator[ScimServer]:
    """Run a server that says it has these features, beyond what it has anyway."""
    server = ScimServer(features)
    try:
        yield server
    finally:
        server.stop()


def answer(body: object, status: int = 200, **headers: str) -> Response:
    """Return an answer with JSON."""
    return Response(
        json.dumps(body),
        status,
        content_type=MEDIA,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def broken(request: Request) -> Response:
    """Break the connection instead of answering."""
    request.environ["tests.connection"].shutdown(socket.SHUT_RDWR)
    return Response("")


def problem(status: int, detail: str = "", scim_type: str = "", **headers: str) -> Response:
    """Return an error as RFC 7644 writes it."""
    schema = "urn:ietf:params:scim:api:messages:2.0:Error"
    body = {"schemas": [schema], "status": str(status), "detail": detail, "scimType": scim_type}
    return answer({k: v for k, v in body.items() if v}, status, **headers)


def listed(resources: list[Any], total: int | None = None, start: int = 1) -> Response:
    """Return a page of a list."""
    return answer(
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": len(resources) if total is None else total,
            "startIndex": start,
            "itemsPerPage": len(resources),
            "Resources": resources,
        }
    )
