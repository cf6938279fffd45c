"""`GraphService`: the service on a free loopback port, in threads of this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import waitress

from tests.services.graph import company
from tests.services.graph.app import Application
from tests.services.graph.control import Control
from tests.services.graph.directory import Entry
from tests.services.graph.graph import Graph, Received
from tests.services.graph.properties import Kind
from tests.services.graph.tenant import Tenant
from tests.services.graph.tls import Https
from tests.services.graph.validate import check_new

DOMAINS = ("contoso.com", "contoso.onmicrosoft.com")
THREADS = 8
PATIENCE = 5.0


class GraphService:
    """A running service. What a test does here directly is neither throttled nor recorded."""

    def __init__(self, *, port: int = 0, domains: Sequence[str] = ()) -> None:
        self._stopping = threading.Event()
        self._domains = tuple(domains) or DOMAINS
        self.graph = Graph(Tenant(self._domains), self._stopping.wait)
        self.application = Application(self.graph, Control(self.graph))
        self._server: Any = waitress.create_server(
            self.application, host="127.0.0.1", port=port, threads=THREADS, ident=None
        )
        self.port = int(self._server.effective_port)
        self.url = f"http://127.0.0.1:{self.port}"
        """Where it listens; ``graph_url`` is what a client is told."""
        self.graph_url = f"{self.url}/v1.0"
        self._thread = threading.Thread(target=self._server.run, name="graph", daemon=True)

        self._https: Https | None = None

    @property
    def tenant(self) -> Tenant:
        """The tenant, with everything in it."""
        return self.graph.tenant

    def reset(self) -> None:
        """Begin anew with an empty tenant, whose tokens and links are all new."""
        self.graph.tenant = Tenant(self._domains)
        self.received.clear()

    def start(self) -> None:
        """Begin to answer."""
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        self._thread.start()

    def https(self) -> Https:
        """Answer by TLS too, as clients want it of who gives them tokens; return where."""
        if self._https is None:
            self._https = Https(self.application)
        return self._https

    def stop(self) -> None:
        """Stop answering, and end every connection."""
        self._stopping.set()
        if self._https is not None:
            self._https.stop()
        self._server.accepting = False
        self._server.task_dispatcher.shutdown(timeout=PATIENCE)
        self._server.trigger.pull_trigger(self._close)
        self._thread.join(PATIENCE)

    def _close(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.will_close = True
        self._server.close()

    # --- what is there -----------------------------------------------------------------------

    def add_user(self, name: str, **values: Any) -> str:
        """Add a user ``name@domain`` and return the id."""
        given = {
            "accountEnabled": True,
            "displayName": name,
            "mailNickname": name,
            "userPrincipalName": f"{name}@{self.tenant.domains[0]}",
            "passwordProfile": {"password": "xWwvJ]6NMw+bWH-d"},
        }
        return self._add(Kind.USER, given | values)

    def add_group(self, name: str, members: Iterable[str] = (), **values: Any) -> str:
        """Add a security group and return the id."""
        given = {
            "displayName": name,
            "mailEnabled": False,
            "mailNickname": name,
            "securityEnabled": True,
        }
        id_ = self._add(Kind.GROUP, given | values)
        self.tenant.directory.add_members(self.entry(id_), list(members))
        return id_

    def _add(self, kind: Kind, values: Mapping[str, Any]) -> str:
        directory = self.tenant.directory
        checked = check_new(directory, kind, values, self.tenant.domains)
        return directory.create(kind, checked, self.tenant.clock.now()).id

    def fill(self, *, users: int = 0, groups: int = 0, managers: bool = False) -> None:
        """Add numbered users and groups, see `company`."""
        company.fill(self.tenant, users=users, groups=groups, managers=managers)

    def entry(self, id_: str) -> Entry:
        """Return an object as it is, deleted or not; raises `KeyError` when there is none."""
        return self.tenant.directory.entries[id_]

    def values(self, id_: str) -> dict[str, Any]:
        """Return the properties of an object; those that were never set are missing."""
        return dict(self.entry(id_).values)

    def members(self, group: str) -> set[str]:
        """Return the ids of the members of a group."""
        return {member.id for member in self.tenant.directory.members(self.entry(group))}

    def set(self, id_: str, **values: Any) -> None:
        """Change an object behind everybody's back."""
        self.tenant.directory.update(self.entry(id_), values)

    def join(self, group: str, *members: str) -> None:
        """Add members behind everybody's back."""
        self.tenant.directory.add_members(self.entry(group), members)

    def leave(self, group: str, *members: str) -> None:
        """Remove members behind everybody's back."""
        for member in members:
            self.tenant.directory.remove_member(self.entry(group), member)

    def set_manager(self, user: str, manager: str | None) -> None:
        """Change a manager behind everybody's back."""
        self.tenant.directory.set_manager(self.entry(user), manager)

    def delete(self, id_: str, *, for_good: bool = False) -> None:
        """Delete an object behind everybody's back."""
        entry = self.entry(id_)
        if entry.is_live:
            self.tenant.directory.delete(entry, self.tenant.clock.now())
        if for_good and id_ in self.tenant.directory.entries:
            self.tenant.directory.purge(entry)

    def restore(self, id_: str) -> None:
        """Restore an object behind everybody's back."""
        self.tenant.directory.restore(self.entry(id_))

    # --- switches ----------------------------------------------------------------------------

    def fault(self, kind: str, **options: Any) -> None:
        """Let something go wrong; the kinds and options are in README.md."""
        self.tenant.faults.add(kind, **options)

    def forward(self, span: timedelta) -> None:
        """Move the service's clock."""
        self.tenant.clock.forward(span)

    def lag(self, *, reads: int = 0, deltas: bool = False) -> None:
        """Let reads after writes be old, so many of them, and deltas know nothing new."""
        self.tenant.lag.reads = reads
        if not reads:
            self.tenant.lag.settle()
        self.tenant.delta.held_at = self.tenant.directory.number if deltas else None

    def expire_delta_tokens(self, code: str = "syncStateNotFound") -> None:
        """Let all delta tokens be too old: ``syncStateNotFound`` is 400, ``resyncRequired`` 410."""
        self.tenant.delta.expired = code
        self.tenant.expire_delta_tokens()

    def quiet(self) -> None:
        """Turn all switches off and forget what was received; the objects stay."""
        self.tenant.faults.clear()
        self.lag()
        self.tenant.throttle.limits = None
        self.received.clear()

    # --- what came ---------------------------------------------------------------------------

    @property
    def received(self) -> list[Received]:
        """Return what came, items of batches too, in order of the answers."""
        return self.graph.received

    def calls(self, method: str = "", *, part: str = "") -> list[Received]:
        """Return what came with this method and this part of the path."""
        return [each for each in self.received if method in ("", each.method) and part in each.path]

    def token(self, **options: Any) -> str:
        """Return an access token for calls of the test's own."""
        return self.tenant.sign_in.token(**options)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of calls of the test's own."""
        return {"Authorization": f"Bearer {self.token()}"}


@contextmanager
def running(**options: Any) -> Iterator[GraphService]:
    """Run a service; it is stopped at the end."""
    service = GraphService(**options)
    service.start()
    try:
        yield service
    finally:
        service.stop()
