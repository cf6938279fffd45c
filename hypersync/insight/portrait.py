"""One identity as people look at it: its objects, what they are tied to, and where all came from.

Everything read here is bounded, so that a page costs the same in a small and in a large directory:
of each object the newest `MOST_CHANGES` changes and the first `MOST_MEMBERS` members, of ties and
actions the first few. What is left out is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from hypersync.errors import NotFound
from hypersync.insight.hidden import Hidden
from hypersync.insight.identities import name_of
from hypersync.insight.ties import MOST_TIES, Neighbour, ties
from hypersync.model.actions import Action
from hypersync.model.ids import ActionId, IdentityId, ObjectId
from hypersync.model.objects import Operation, Value
from hypersync.model.scans import Scan, ScanId
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import ObjectChange, StoredObject
from hypersync.rulebook.rules import Rulebook

MOST_OBJECTS = 50
MOST_CHANGES = 200
MOST_MEMBERS = 200
MOST_LINES = 40
"""The newest changes of all objects together that are listed."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote something, and when: an action, or a scan, which may be known no more."""

    at: datetime
    scan: Scan | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeLine:
    """One attribute now; without ``origin`` it was written before what is known of its past."""

    name: str
    value: Value
    is_hidden: bool = False
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLines:
    """One object: its attributes, and its members by attribute as far as they were read."""

    stored: StoredObject
    attributes: Sequence[AttributeLine]
    members: Mapping[str, Sequence[str]]
    has_more_members: bool = False
    is_past_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One change in the past of one of the objects; ``changes`` are name, before, after."""

    stored: StoredObject
    origin: Origin
    changes: Sequence[tuple[str, Value, Value]]
    absence: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One identity."""

    identity: IdentityId
    name: str
    key: str
    objects: Sequence[ObjectLines]
    neighbours: Sequence[Neighbour]
    has_more_neighbours: bool
    changes: Sequence[ChangeLine]
    has_more_changes: bool


def portrait(
    unit: UnitOfWork, rulebook: Rulebook, hidden: Hidden, identity: IdentityId
) -> Portrait:
    """Return an identity; raises `NotFound` for one that is not there."""
    stored = own_objects(unit, identity)
    pasts = {each.id: unit.portraits.past(each.id, MOST_CHANGES + 1) for each in stored}
    origins = origins_of(unit, stored, pasts)
    newest = _newest(stored, pasts)
    tied = list(islice(ties(unit, rulebook, hidden, stored), MOST_TIES + 1))
    return Portrait(
        identity=identity,
        name=name_of(stored, hidden) or f"identity {identity}",
        key="" if hidden.keys else unit.requests.join_values([identity]).get(identity, ""),
        objects=[_lines(unit, hidden, each, pasts[each.id], origins) for each in stored],
        neighbours=tied[:MOST_TIES],
        has_more_neighbours=len(tied) > MOST_TIES,
        changes=[change_line(hidden, *each, origins) for each in newest[:MOST_LINES]],
        has_more_changes=len(newest) > MOST_LINES,
    )


def own_objects(unit: UnitOfWork, identity: IdentityId) -> Sequence[StoredObject]:
    """Return the objects of an identity; raises `NotFound` when there is none."""
    stored = unit.portraits.of_identity(identity, MOST_OBJECTS)
    if not stored:
        raise NotFound(f"there is no identity {identity}")
    return stored


# --- the past ----------------------------------------------------------------------------------


def _newest(
    stored: Sequence[StoredObject], pasts: Mapping[ObjectId, Sequence[ObjectChange]]
) -> list[tuple[StoredObject, ObjectChange]]:
    """Return the changes of all objects, newest first."""
    known = [(each, change) for each in stored for change in pasts[each.id]]
    return sorted(known, key=lambda pair: pair[1].at, reverse=True)


Origins = Mapping[str, tuple[Scan | None, Action | None]]


def origins_of(
    unit: UnitOfWork,
    stored: Iterable[StoredObject],
    pasts: Mapping[ObjectId, Sequence[ObjectChange]],
) -> Origins:
    """Return what is known of every source that wrote to these objects, by its name."""
    sources = {each.source for each in stored}
    sources |= {change.source for past in pasts.values() for change in past}
    parts = [(source, *source.partition(":")[::2]) for source in sources]
    scans = unit.scans.some([ScanId(rest) for _, kind, rest in parts if kind == "scan"])
    actions = {
        each.id: each
        for each in unit.actions.get([ActionId(r) for _, kind, r in parts if kind == "action"])
    }
    return {
        source: (scans.get(ScanId(rest)), actions.get(ActionId(rest))) for source, _, rest in parts
    }


def change_line(
    hidden: Hidden, stored: StoredObject, change: ObjectChange, origins: Origins
) -> ChangeLine:
    """Return a change of an object without what is hidden in it."""
    before = hidden.shown(stored.silo, stored.type, change.before)
    after = hidden.shown(stored.silo, stored.type, change.after)
    return ChangeLine(
        stored=stored,
        origin=Origin(change.at, *origins[change.source]),
        changes=[
            (name, before.get(name), after.get(name))
            for name in sorted(before.keys() | after.keys())
        ],
        absence=(change.absence_before, change.absence_after),
    )


def _lines(
    unit: UnitOfWork,
    hidden: Hidden,
    stored: StoredObject,
    past: Sequence[ObjectChange],
    origins: Origins,
) -> ObjectLines:
    members = unit.portraits.members(stored.id, MOST_MEMBERS + 1)
    is_cut = len(past) > MOST_CHANGES
    found: dict[str, list[str]] = {}
    for attribute, target in members[:MOST_MEMBERS]:
        if not hidden.hides(stored.silo, stored.type, attribute):
            found.setdefault(attribute, []).append(target)
    shown = hidden.shown(stored.silo, stored.type, stored.attributes)
    creation = _creation(unit, stored, past, origins)
    return ObjectLines(
        stored=stored,
        attributes=[
            AttributeLine(
                name=name,
                value=shown.get(name),
                is_hidden=name not in shown,
                origin=_origin(name, past, origins, creation, is_cut=is_cut),
            )
            for name in sorted(stored.attributes)
        ],
        members=found,
        has_more_members=len(members) > MOST_MEMBERS,
        is_past_cut=is_cut,
    )


def _origin(
    name: str,
    past: Sequence[ObjectChange],
    origins: Origins,
    creation: Origin,
    *,
    is_cut: bool,
) -> Origin | None:
    """Return who wrote an attribute as it is now; ``None`` when that was too long ago."""
    for change in past:
        if name in change.after or name in change.before:
            return Origin(change.at, *origins[change.source])
    return None if is_cut else creation


def _creation(
    unit: UnitOfWork, stored: StoredObject, past: Sequence[ObjectChange], origins: Origins
) -> Origin:
    """Return who first wrote an object down; a scan unless an action of ours created it."""
    if not past:
        return Origin(stored.created_at, *origins[stored.source])
    action = unit.actions.of_object(stored.id, (Operation.CREATE,))
    began = None if action is None else action.started_at
    is_ours = began is not None and began <= stored.created_at
    return Origin(stored.created_at, None, action if is_ours else None)
