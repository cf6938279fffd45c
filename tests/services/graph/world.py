"""`World`: the service without a server, with all that a test does to it directly."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from tests.services.graph import company
from tests.services.graph.directory import Entry
from tests.services.graph.graph import Graph, Received
from tests.services.graph.properties import Kind
from tests.services.graph.tenant import Tenant
from tests.services.graph.validate import check_new
from tests.services.graph.wire import Request

DOMAINS = ("contoso.com", "contoso.onmicrosoft.com")
ROOT = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        """The message of the error."""
        return str(self.body["error"]["message"])


class World:
    """A tenant and who answers for it. What is done here is neither throttled nor recorded."""

    def __init__(self, domains: Sequence[str] = ()) -> None:
        self._domains = tuple(domains) or DOMAINS
        self.stopping = threading.Event()
        self.graph = Graph(Tenant(self._domains), self.stopping.wait)

    @property
    def tenant(self) -> Tenant:
        """The tenant, with everything in it."""
        return self.graph.tenant

    def reset(self) -> None:
        """Begin anew with an empty tenant, whose tokens and links are all new."""
        self.graph.tenant = Tenant(self._domains)
        self.received.clear()

    def ask(self, method: str, address: str, body: object = None, **headers: str) -> Answer:
        """Ask without HTTP, signed in; an underscore in a header's name is a hyphen."""
        url = urlsplit(address.removeprefix(ROOT))
        path = url.path if url.path.startswith("/v1.0/") else f"/v1.0{url.path}"
        given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        reply = self.graph.answer(
            Request(
                method=method,
                path=path,
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                headers={"authorization": f"Bearer {self.token()}"} | given,
                body=b"" if body is None else orjson.dumps(body),
                base=ROOT,
            )
        )
        is_json = reply.headers.get("Content-Type", "").startswith("application/json")
        text = orjson.loads(reply.body) if is_json else reply.body.decode()
        return Answer(reply.status, reply.headers, text)

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

    def users(self) -> list[Entry]:
        """Return the users that are there."""
        return list(self.tenant.directory.all(Kind.USER))

    def groups(self) -> list[Entry]:
        """Return the groups that are there."""
        return list(self.tenant.directory.all(Kind.GROUP))

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
