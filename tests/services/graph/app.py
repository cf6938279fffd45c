"""The service as a WSGI application: Graph, the token endpoints, and the control path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.services.graph import tokens_endpoint
from tests.services.graph.control import Control
from tests.services.graph.graph import Graph
from tests.services.graph.wire import Reply, Request

_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    410: "Gone",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


class Application:
    """What a WSGI server calls."""

    def __init__(self, graph: Graph, control: Control) -> None:
        self._graph, self._control = graph, control

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = _request(environ)
        reply = self._answer(request)
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        if reply.status == 204:
            headers.pop("Content-Length")
        reason = _REASONS.get(reply.status, "Status")
        start_response(f"{reply.status} {reason}", list(headers.items()))
        # the server drops the connection when less comes than was announced
        return [reply.body[: reply.cut]]

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith("/control/"):
            return self._control.answer(request)
        found = tokens_endpoint.answer(self._graph.tenant, request)
        return self._graph.answer(request) if found is None else found


def _request(environ: WSGIEnvironment) -> Request:
    headers = {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    host = headers.get("host", f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}")
    query: Any = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace"),
        query=dict(query),
        headers=headers,
        body=_body(environ),
        base=f"{environ['wsgi.url_scheme']}://{host}",
    )


def _body(environ: WSGIEnvironment) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    return environ["wsgi.input"].read(int(length)) if length.isdecimal() else b""
