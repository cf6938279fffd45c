"""The switches over HTTP, for those who run the service alone: everything below ``/control/``.

It takes no sign-in: the service listens on the loopback only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from tests.services.graph import company
from tests.services.graph.graph import Graph
from tests.services.graph.properties import Kind
from tests.services.graph.tenant import Tenant
from tests.services.graph.throttle import Limits, documented
from tests.services.graph.validate import check_new
from tests.services.graph.wire import Problem, Reply, Request


class Control:
    """Answers the control path."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._answers: dict[tuple[str, str], Callable[[dict[str, Any]], object]] = {
            ("GET", "state"): self._state,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "clock"): self._forward,
            ("POST", "expire"): self._expire,
            ("POST", "lag"): self._lag,
            ("POST", "limits"): self._limits,
            ("POST", "company"): self._company,
            ("POST", "objects"): self._objects,
            ("GET", "token"): self._token,
            ("GET", "received"): self._received,
            ("DELETE", "received"): self._forget,
        }

    def answer(self, request: Request) -> Reply:
        """Turn a switch."""
        what = self._answers.get((request.method, request.path.removeprefix("/control/")))
        if what is None:
            known = ", ".join(f"{method} /control/{name}" for method, name in self._answers)
            return Reply.of({"error": f"no such switch; there are {known}"}, status=404)
        try:
            return Reply.of(what(request.json() if request.body else {}))
        except (Problem, TypeError, ValueError, KeyError) as error:
            return Reply.of({"error": str(error)}, status=400)

    @property
    def _tenant(self) -> Tenant:
        return self._graph.tenant

    def _state(self, _: dict[str, Any]) -> object:
        tenant = self._tenant
        return {
            "tenant": tenant.id,
            "domains": tenant.domains,
            "application": tenant.sign_in.application.id,
            "secret": tenant.sign_in.application.secret,
            "identity_header": tenant.sign_in.identity_header,
            "now": tenant.clock.now().isoformat(),
            "users": sum(1 for _ in tenant.directory.all(Kind.USER)),
            "groups": sum(1 for _ in tenant.directory.all(Kind.GROUP)),
            "faults": [asdict(fault) for fault in tenant.faults.waiting],
        }

    def _add_fault(self, options: dict[str, Any]) -> object:
        return asdict(self._tenant.faults.add(str(options.pop("kind", "")), **options))

    def _clear_faults(self, _: dict[str, Any]) -> object:
        self._tenant.faults.clear()
        return {}

    def _forward(self, options: dict[str, Any]) -> object:
        self._tenant.clock.forward(timedelta(seconds=float(options["seconds"])))
        return {"now": self._tenant.clock.now().isoformat()}

    def _expire(self, options: dict[str, Any]) -> object:
        self._tenant.delta.expired = str(options.get("code", self._tenant.delta.expired))
        self._tenant.expire_delta_tokens()
        return {}

    def _lag(self, options: dict[str, Any]) -> object:
        self._tenant.lag.reads = int(options.get("reads", 0))
        held = bool(options.get("deltas", False))
        self._tenant.delta.held_at = self._tenant.directory.number if held else None
        if not self._tenant.lag.reads:
            self._tenant.lag.settle()
        return {}

    def _limits(self, options: dict[str, Any]) -> object:
        if options.get("documented"):
            users = sum(1 for _ in self._tenant.directory.all(Kind.USER))
            self._tenant.throttle.limits = documented(users)
        else:
            self._tenant.throttle.limits = Limits(**options) if options else None
        limits = self._tenant.throttle.limits
        return {} if limits is None else asdict(limits)

    def _company(self, options: dict[str, Any]) -> object:
        company.fill(self._tenant, **options)
        return {}

    def _objects(self, options: dict[str, Any]) -> object:
        """Make objects, valid ones only."""
        tenant, made = self._tenant, []
        for kind in Kind:
            for given in options.get(kind.collection, ()):
                values = check_new(tenant.directory, kind, given, tenant.domains)
                made.append(tenant.directory.create(kind, values, tenant.clock.now()).id)
        return made

    def _token(self, _: dict[str, Any]) -> object:
        return {"token": self._tenant.sign_in.token()}

    def _received(self, _: dict[str, Any]) -> object:
        return [asdict(each) for each in self._graph.received]

    def _forget(self, _: dict[str, Any]) -> object:
        self._graph.received.clear()
        return {}
