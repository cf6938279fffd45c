"""The time machine: the objects of an identity as they were at a moment, compared with now.

They are the objects that are the identity's today, as they were then; that an object belonged to
somebody else before is not written down. The moments to choose from are those at which something
changed, the newest of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hypersync.insight.hidden import Hidden
from hypersync.insight.identities import name_of
from hypersync.insight.portrait import MOST_CHANGES, own_objects
from hypersync.model.ids import IdentityId
from hypersync.model.objects import Value
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import StoredObject

MOST_MOMENTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One attribute then and now; ``None`` where it was, or is, missing."""

    name: str
    then: Value
    now: Value
    is_hidden: bool = False

    @property
    def differs(self) -> bool:
        """Whether it was another then."""
        return self.then != self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectThen:
    """One object at a moment; ``then`` is ``None`` before it was there.

    ``is_known`` is false when too much changed since. Without ``has_members`` there are too many
    members to say who they were.
    """

    now: StoredObject
    then: StoredObject | None
    is_known: bool
    has_members: bool
    lines: Sequence[Compared]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """An identity at a moment.

    ``moments`` are the newest at which something changed, oldest first. ``place`` is the last of
    them that is not after ``at``, -1 for a time before them all.
    """

    identity: IdentityId
    name: str
    at: datetime
    moments: Sequence[datetime]
    place: int
    objects: Sequence[ObjectThen]

    @property
    def earlier(self) -> datetime | None:
        """The moment before, ``None`` when there is none."""
        return self.moments[self.place - 1] if self.place > 0 else None

    @property
    def later(self) -> datetime | None:
        """The next moment, ``None`` when nothing changed after this one."""
        return self.moments[self.place + 1] if self.place + 1 < len(self.moments) else None


def past(unit: UnitOfWork, hidden: Hidden, identity: IdentityId, at: datetime) -> Past:
    """Return an identity as it was at a moment; raises `NotFound` for one that is not there."""
    stored = own_objects(unit, identity)
    moments = _moments(unit, stored)
    return Past(
        identity=identity,
        name=name_of(stored, hidden) or f"identity {identity}",
        at=at,
        moments=moments,
        place=bisect_right(moments, at) - 1,
        objects=[_then(unit, hidden, each, at) for each in stored],
    )


def moment_of(unit: UnitOfWork, identity: IdentityId, place: int) -> datetime:
    """Return a moment by its place, the nearest there is; raises `NotFound`."""
    moments = _moments(unit, own_objects(unit, identity))
    return moments[min(max(place, 0), len(moments) - 1)]


def _moments(unit: UnitOfWork, stored: Sequence[StoredObject]) -> list[datetime]:
    """Return when something changed, oldest first; one at least, since objects begin."""
    found = {each.created_at for each in stored}
    for each in stored:
        found |= {change.at for change in unit.portraits.past(each.id, MOST_MOMENTS)}
    return sorted(found)[-MOST_MOMENTS:]


def _then(unit: UnitOfWork, hidden: Hidden, stored: StoredObject, at: datetime) -> ObjectThen:
    found = unit.portraits.at(stored, at, MOST_CHANGES)
    whole = unit.portraits.at(stored, max(at, stored.changed_at), MOST_CHANGES)
    now = stored if whole.object is None else whole.object
    return ObjectThen(
        now=now,
        then=found.object,
        is_known=found.is_known,
        has_members=found.has_members,
        lines=_compared(hidden, found.object, now) if found.is_known else [],
    )


def _compared(hidden: Hidden, then: StoredObject | None, now: StoredObject) -> list[Compared]:
    """Compare attribute by attribute; of what is hidden not even whether it differs is said."""
    before = {} if then is None else then.attributes
    lines = []
    for name in sorted(before.keys() | now.attributes.keys()):
        if hidden.hides(now.silo, now.type, name):
            lines.append(Compared(name=name, then=None, now=None, is_hidden=True))
        else:
            lines.append(Compared(name=name, then=before.get(name), now=now.attributes.get(name)))
    return lines
