"""Answers one request after the other: faults, sign-in, permissions, throttling, the resource."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from tests.services.graph import batch, throttle
from tests.services.graph.clock import stamp
from tests.services.graph.faults import Fault
from tests.services.graph.permissions import require
from tests.services.graph.routes import route
from tests.services.graph.tenant import Tenant
from tests.services.graph.wire import JSON, Problem, Reply, Request, error_body

LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in to your account</title></head>"
    b"<body><form><input name='loginfmt'></form></body></html>"
)
LINKS = (b'"@odata.nextLink":"', b'"@odata.deltaLink":"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request that came, and what it was answered; items of batches too."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int
    in_batch: bool


class Graph:
    """The service without HTTP; one request at a time."""

    def __init__(self, tenant: Tenant, pause: Callable[[float], object]) -> None:
        self.tenant = tenant
        self.received: list[Received] = []
        self._lock = threading.RLock()
        self._pause = pause

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        delay = self.tenant.faults.taken("delay", request)
        if delay is not None:
            self._pause(delay.seconds)
        with self._lock:
            reply = self._answer(request)
            return self._spoilt(request, reply)

    def _answer(self, request: Request) -> Reply:
        try:
            reply = self._fault(request) or self._resource(request)
        except Problem as problem:
            reply = _error(problem, request, stamp(self.tenant.clock.now()))
        reply.headers.setdefault("Cache-Control", "no-cache")
        if not request.in_batch:
            id_ = str(uuid.uuid4())
            reply.headers["request-id"] = id_
            reply.headers["client-request-id"] = request.headers.get("client-request-id", id_)
        self._note(request, reply)
        return reply

    def _resource(self, request: Request) -> Reply:
        """Let the resource answer, if the caller may use it."""
        if not request.path.startswith("/v1.0/"):
            raise Problem(400, "BadRequest", "Invalid version: use v1.0.")
        tenant = self.tenant
        caller = tenant.sign_in.caller(request.headers.get("authorization"), request.base)
        if request.segments == ("$batch",) and request.method == "POST" and not request.in_batch:
            return batch.answer(request, self._answer_item)
        handler, parts, needed = route(request)
        require(caller.roles, needed)
        scope = f"{caller.application}/{tenant.id}"
        costs = tenant.throttle.charge(request, tenant.clock.now(), scope=scope)
        reply = handler(tenant, replace(request, roles=caller.roles), *parts)
        reply.headers |= costs
        return reply

    def _answer_item(self, request: Request) -> Reply:
        return self._spoilt(request, self._answer(request))

    def _fault(self, request: Request) -> Reply | None:
        """Return what is answered instead; raises `Problem` for what Graph would call an error."""
        faults = self.tenant.faults
        if fault := faults.taken("throttle", request):
            scope = f"{self.tenant.sign_in.application.id}/{self.tenant.id}"
            raise throttle.too_many(fault.retry_after or "1", scope=scope)
        if fault := faults.taken("fail", request):
            raise _failure(fault)
        if faults.taken("login_page", request):
            return Reply(headers={"Content-Type": "text/html; charset=utf-8"}, body=LOGIN_PAGE)
        if fault := faults.taken("redirect", request):
            location = f"{fault.host}{request.path}"
            return Reply(status=302, headers={"Location": location})
        return None

    def _spoilt(self, request: Request, reply: Reply) -> Reply:
        """Spoil an answer to a request that was carried out."""
        faults = self.tenant.faults
        if fault := faults.taken("lost_answer", request):
            return _error(_failure(fault), request, stamp(self.tenant.clock.now()))
        if request.in_batch:
            return reply
        if fault := faults.taken("elsewhere", request):
            body = reply.body
            for link in LINKS:
                body = body.replace(link + request.base.encode(), link + fault.host.encode())
            reply = replace(reply, body=body)
        if fault := faults.taken("reworded", request):
            reply = replace(reply, body=reply.body.replace(fault.old.encode(), fault.new.encode()))
        if faults.taken("malformed", request):
            reply = replace(reply, body=reply.body[: len(reply.body) // 2])
        if fault := faults.taken("drop", request):
            reply = replace(reply, cut=len(reply.body) // 2 if fault.at is None else fault.at)
        return reply

    def _note(self, request: Request, reply: Reply) -> None:
        try:
            body: Any = orjson.loads(request.body) if request.body else None
        except ValueError:
            body = request.body.decode("utf-8", "replace")
        self.received.append(
            Received(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers={k: v for k, v in request.headers.items() if k != "authorization"},
                body=body,
                status=reply.status,
                in_batch=request.in_batch,
            )
        )


def _failure(fault: Fault) -> Problem:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return Problem(fault.status, fault.code, fault.message, headers=headers)


def _error(problem: Problem, request: Request, date: str) -> Reply:
    id_ = str(uuid.uuid4())
    body = error_body(
        problem,
        request_id=id_,
        client_id=request.headers.get("client-request-id", id_),
        date=date.rstrip("Z"),
    )
    headers = {"Content-Type": JSON, **problem.headers}
    return Reply(status=problem.status, headers=headers, body=orjson.dumps(body))
