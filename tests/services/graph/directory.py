"""The tenant: users, groups, who belongs where, what was deleted, and everything that happened.

Every change is an `Event` with a number that only grows; a delta is what happened after a number.
A deleted user, and a deleted Microsoft 365 group, is kept for 30 days and can be restored with its
memberships; a deleted security group is gone at once, as the documentation says of both:
https://learn.microsoft.com/graph/api/directory-deleteditems-list. Pure, but for random ids.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.services.graph.clock import stamp
from tests.services.graph.properties import PROPERTIES, SECRET, Kind

KEPT_FOR = timedelta(days=30)


@dataclass(slots=True)
class Entry:
    """One user or group. A property that was never set is not in ``values``; cleared it is None.

    Neither ``values`` nor what is in it is ever changed in place.
    """

    kind: Kind
    id: str
    values: dict[str, Any]
    members: dict[str, None] = field(default_factory=dict)
    manager: str | None = None
    deleted: datetime | None = None

    @property
    def is_live(self) -> bool:
        return self.deleted is None

    @property
    def hides_members(self) -> bool:
        return self.values.get("visibility") == "HiddenMembership"

    @property
    def is_kept_when_deleted(self) -> bool:
        return self.kind is Kind.USER or "Unified" in self.values["groupTypes"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object: ``what`` are property names or `CAME`, `WENT`."""

    number: int
    id: str
    what: frozenset[str]
    other: str = ""
    """The member or manager that came or went."""


CAME = frozenset({"(came)"})
WENT = frozenset({"(went)"})
MEMBERS = frozenset({"members"})
MANAGER = frozenset({"manager"})


class Directory:
    """What the tenant holds. Not thread-safe: the service answers one request at a time."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.order: dict[Kind, list[str]] = {kind: [] for kind in Kind}
        self.events: dict[Kind, list[Event]] = {kind: [] for kind in Kind}
        self.number = 0
        self.kinds: dict[str, Kind] = {}
        """Of all there ever were."""
        self._claims: dict[str, str] = {}
        self._groups_of: dict[str, dict[str, None]] = {}
        self._reports_of: dict[str, dict[str, None]] = {}

    # --- reading -----------------------------------------------------------------------------

    def live(self, kind: Kind | None, key: str) -> Entry | None:
        """Return what is there by id, or a user by its name; ``None`` when it is not."""
        named = self._claims.get(f"userPrincipalName:{key.lower()}", "")
        entry = self.entries.get(key.lower()) or self.entries.get(named)
        if entry is None or not entry.is_live or (kind is not None and entry.kind is not kind):
            return None
        return entry

    def deleted(self, key: str, now: datetime) -> Entry | None:
        """Return what was deleted and can be restored."""
        self.forget_old(now)
        entry = self.entries.get(key.lower())
        return None if entry is None or entry.is_live else entry

    def all(self, kind: Kind, *, deleted: bool = False) -> Iterable[Entry]:
        """Return all objects of a kind, in the order in which they came."""
        found = (self.entries.get(each) for each in self.order[kind])
        return (entry for entry in found if entry is not None and entry.is_live is not deleted)

    def members(self, group: Entry) -> list[Entry]:
        """Return the members that are there."""
        found = (self.entries.get(each) for each in group.members)
        return [entry for entry in found if entry is not None and entry.is_live]

    def manager(self, user: Entry) -> Entry | None:
        """Return the manager, if there is one."""
        return None if user.manager is None else self.live(Kind.USER, user.manager)

    def groups_of(self, id_: str) -> list[Entry]:
        """Return the groups that something is a direct member of."""
        found = (self.entries.get(each) for each in self._groups_of.get(id_, ()))
        return [entry for entry in found if entry is not None and entry.is_live]

    def reports_of(self, id_: str) -> list[Entry]:
        """Return the users who have this manager."""
        found = (self.entries.get(each) for each in self._reports_of.get(id_, ()))
        return [entry for entry in found if entry is not None and entry.is_live]

    def since(self, kind: Kind, number: int) -> list[Event]:
        """Return what happened to objects of a kind after a number."""
        events = self.events[kind]
        return events[bisect_right(events, number, key=lambda event: event.number) :]

    def holder_of(self, claim: str) -> Entry | None:
        """Return who has what only one may have; see `claims`."""
        return self.entries.get(self._claims.get(claim, ""))

    # --- writing -----------------------------------------------------------------------------

    def create(
        self, kind: Kind, values: Mapping[str, Any], now: datetime, *, id_: str | None = None
    ) -> Entry:
        """Add an object; it is valid, and references are added afterwards."""
        given: dict[str, Any] = {**PROPERTIES[kind].at_first, "createdDateTime": stamp(now)}
        if kind is Kind.GROUP:
            given["renewedDateTime"] = stamp(now)
        given["id"] = id_ or str(uuid.uuid4())
        entry = Entry(kind, given["id"], given | _readable(values))
        self.entries[entry.id] = entry
        self.kinds[entry.id] = kind
        self.order[kind].append(entry.id)
        self._claim(entry)
        self._note(entry, CAME)
        return entry

    def update(self, entry: Entry, values: Mapping[str, Any]) -> None:
        """Set properties; None clears."""
        wanted = {n: _merged(entry.values.get(n), v) for n, v in _readable(values).items()}
        changed = {
            name: value
            for name, value in wanted.items()
            if name not in entry.values or entry.values[name] != value
        }
        if not changed:
            return
        self._disclaim(entry)
        entry.values = entry.values | changed
        self._claim(entry)
        self._note(entry, frozenset(changed))

    def delete(self, entry: Entry, now: datetime) -> None:
        """Delete an object, for good where Graph keeps nothing of it."""
        if not entry.is_kept_when_deleted:
            self.purge(entry)
            return
        self._disclaim(entry)
        entry.deleted = now
        entry.values = entry.values | {"deletedDateTime": stamp(now)}
        self._note(entry, WENT)
        self._note_references(entry)

    def restore(self, entry: Entry) -> None:
        """Bring a deleted object back, with the references it had."""
        entry.deleted = None
        entry.values = {k: v for k, v in entry.values.items() if k != "deletedDateTime"}
        self._claim(entry)
        self._note(entry, CAME)
        self._note_references(entry)

    def purge(self, entry: Entry) -> None:
        """Delete an object for good."""
        was_live = entry.is_live
        if was_live:
            self._disclaim(entry)
        del self.entries[entry.id]
        self._note(entry, WENT)
        if was_live:
            self._note_references(entry)
        for group in self._groups_of.pop(entry.id, ()):
            if group in self.entries:
                self.entries[group].members.pop(entry.id, None)
        for report in self._reports_of.pop(entry.id, ()):
            if report in self.entries:
                self.entries[report].manager = None
        for member in entry.members:
            self._groups_of.get(member, {}).pop(entry.id, None)

    def forget_old(self, now: datetime) -> None:
        """Delete for good what was deleted 30 days ago."""
        for kind in Kind:
            for entry in list(self.all(kind, deleted=True)):
                if entry.deleted is not None and now - entry.deleted >= KEPT_FOR:
                    self.purge(entry)

    def add_members(self, group: Entry, members: Collection[str]) -> None:
        """Add members that are there and are none yet."""
        for member in members:
            group.members[member] = None
            self._groups_of.setdefault(member, {})[group.id] = None
            self._note(group, MEMBERS, member)

    def remove_member(self, group: Entry, member: str) -> None:
        """Take a member away."""
        group.members.pop(member, None)
        self._groups_of.get(member, {}).pop(group.id, None)
        self._note(group, MEMBERS, member)

    def set_manager(self, user: Entry, manager: str | None) -> None:
        """Set or clear the manager."""
        if user.manager == manager:
            return
        if user.manager is not None:
            self._reports_of.get(user.manager, {}).pop(user.id, None)
            self._note(user, MANAGER, user.manager)
        user.manager = manager
        if manager is not None:
            self._reports_of.setdefault(manager, {})[user.id] = None
            self._note(user, MANAGER, manager)

    # --- remembering -------------------------------------------------------------------------

    def _claim(self, entry: Entry) -> None:
        self._claims |= dict.fromkeys(claims(entry.values), entry.id)

    def _disclaim(self, entry: Entry) -> None:
        for claim in claims(entry.values):
            self._claims.pop(claim, None)

    def _note(self, entry: Entry, what: frozenset[str], other: str = "") -> None:
        self.number += 1
        self.events[entry.kind].append(Event(self.number, entry.id, what, other))

    def _note_references(self, entry: Entry) -> None:
        """Those who refer to something that came or went changed with it."""
        for group in self.groups_of(entry.id):
            self._note(group, MEMBERS, entry.id)
        for report in self.reports_of(entry.id):
            self._note(report, MANAGER, entry.id)


def claims(values: Mapping[str, Any]) -> list[str]:
    """Return what only one object may have: its name, and each of its addresses."""
    name = values.get("userPrincipalName")
    found = [f"userPrincipalName:{name.lower()}"] if name else []
    addresses = values.get("proxyAddresses") or ()
    return found + [f"proxyAddresses:{address.lower()}" for address in addresses]


def _merged(before: object, value: object) -> object:
    """Return a value with parts, of which only some are set; all others are taken as they are."""
    return before | value if isinstance(before, dict) and isinstance(value, dict) else value


def _readable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if name in SECRET else value for name, value in values.items()}
