"""What a delta reports: rows for all that is there, or for what happened between two numbers. Pure.

https://learn.microsoft.com/graph/delta-query-overview
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from tests.services.graph.directory import CAME, MANAGER, MEMBERS, WENT, Directory, Entry, Event
from tests.services.graph.properties import PROPERTIES, Kind
from tests.services.graph.query import Selection

Reference = tuple[str, bool]
"""The id of a member or manager, and whether it is there now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item of a page. Several rows of one group carry its members in parts."""

    id: str
    members: tuple[Reference, ...] = ()
    managers: tuple[Reference, ...] = ()
    changed: frozenset[str] | None = None
    """The properties that changed; ``None`` when all are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """What a delta follows; it is the same for a whole life of links."""

    kind: Kind
    select: Selection | None
    ids: tuple[str, ...] = ()
    """The only objects that are followed; empty for all."""
    expands: frozenset[str] = frozenset()
    sees_hidden: bool = False
    """Whether members are told of groups that hide them."""

    def follows(self, navigation: str) -> bool:
        """Tell whether references are told; members are when nothing is selected."""
        if navigation in self.expands or navigation in (self.select or ()):
            return True
        return navigation == "members" and self.select is None

    def shows_members(self, entry: Entry) -> bool:
        """Tell whether members of a group are told."""
        return self.follows("members") and (self.sees_hidden or not entry.hides_members)

    def wants(self, id_: str) -> bool:
        """Tell whether an object is followed."""
        return not self.ids or id_ in self.ids


def all_rows(directory: Directory, tracked: Tracked, most: int) -> list[Row]:
    """Return everything that is there; a row has at most so many members."""
    rows = []
    for entry in directory.all(tracked.kind):
        if tracked.wants(entry.id):
            rows += _whole(directory, tracked, entry, most)
    return rows


def _whole(directory: Directory, tracked: Tracked, entry: Entry, most: int) -> Iterator[Row]:
    members = managers = ()
    if tracked.kind is Kind.GROUP and tracked.shows_members(entry):
        members = tuple((member.id, True) for member in directory.members(entry))
    if tracked.kind is Kind.USER and tracked.follows("manager"):
        manager = directory.manager(entry)
        managers = () if manager is None else ((manager.id, True),)
    yield from _parts(entry.id, members, managers, None, most)


def _parts(
    id_: str,
    members: tuple[Reference, ...],
    managers: tuple[Reference, ...],
    changed: frozenset[str] | None,
    most: int,
) -> Iterator[Row]:
    for start in range(0, max(len(members), 1), most):
        part = members[start : start + most]
        yield Row(id=id_, members=part, managers=managers, changed=changed)


def changed_rows(
    directory: Directory, tracked: Tracked, since: int, upto: int, most: int
) -> list[Row]:
    """Return what happened after ``since`` and not after ``upto``, each object once."""
    happened: dict[str, list[Event]] = {}
    for event in directory.since(tracked.kind, since):
        if event.number > upto:
            break
        if tracked.wants(event.id):
            happened.setdefault(event.id, []).append(event)
    rows = []
    for id_, events in happened.items():
        rows += _changes(directory, tracked, id_, events, most)
    return rows


def _changes(
    directory: Directory, tracked: Tracked, id_: str, events: Collection[Event], most: int
) -> Iterator[Row]:
    what = frozenset[str]().union(*(event.what for event in events))
    entry = directory.entries.get(id_)
    if entry is None or not entry.is_live:
        if what & WENT:
            yield Row(id=id_)
        return
    if what & CAME:
        yield from _whole(directory, tracked, entry, most)
        return
    members = managers = ()
    if tracked.shows_members(entry):
        there = {member.id for member in directory.members(entry)}
        members = _references(events, MEMBERS, there)
    if tracked.follows("manager"):
        manager = directory.manager(entry)
        managers = _references(events, MANAGER, {manager.id} if manager else set())
    seen = what - MEMBERS - MANAGER
    if tracked.select is not None:
        seen &= frozenset(tracked.select)
    if seen or members or managers:
        yield from _parts(id_, members, managers, seen, most)


def _references(
    events: Collection[Event], what: frozenset[str], there: Collection[str]
) -> tuple[Reference, ...]:
    others = dict.fromkeys(event.other for event in events if event.what == what)
    return tuple(sorted(((other, other in there) for other in others), key=lambda each: each[1]))


def item(directory: Directory, tracked: Tracked, row: Row, *, minimal: bool) -> dict[str, Any]:
    """Return a row as a page shows it: a property that was never set is left out."""
    entry = directory.entries.get(row.id)
    if entry is None or not entry.is_live:
        reason = "deleted" if entry is None else "changed"
        return {"id": row.id, "@removed": {"reason": reason}}
    names = tracked.select or PROPERTIES[tracked.kind].shown
    if minimal and row.changed is not None:
        names = tuple(name for name in names if name in row.changed)
    values = entry.values
    shown: dict[str, Any] = {name: values[name] for name in names if name in values}
    shown["id"] = row.id
    if row.members:
        shown["members@delta"] = [_reference(directory, *each) for each in row.members]
    if row.managers:
        shown["manager@delta"] = [_reference(directory, *each) for each in row.managers]
    return shown


def _reference(directory: Directory, id_: str, is_there: bool) -> dict[str, Any]:
    reference: dict[str, Any] = {"@odata.type": directory.kinds[id_].type, "id": id_}
    if not is_there:
        reference["@removed"] = {"reason": "deleted"}
    return reference
