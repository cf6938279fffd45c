"""Reads what is known of one object, by indexes and never more rows than are asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Connection

from hypersync.model.ids import IdentityId, ObjectId
from hypersync.ports.store.objects import ObjectChange, StoredObject
from hypersync.ports.store.portraits import Then, Tie
from hypersync.store.bulk import marks, read, stored_time
from hypersync.store.history import change_of, undone
from hypersync.store.objects import STORED, stored_object

_CHANGES = """
SELECT at, source, before, after, absence_before, absence_after FROM object_change
WHERE object = ? {} ORDER BY id DESC LIMIT ?
"""
# the empty text keeps the database from reading the objects of the whole silo
_TIED = (
    STORED.replace("\nFROM object", ", reference.attribute, reference.target\nFROM object")
    + "JOIN reference ON reference.object = object.id "
    "WHERE reference.target IN ({}) AND silo_type.silo || '' = ? LIMIT ?"
)


class Portraits:
    """Reads what is known of one object."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_identity(self, identity: IdentityId, most: int) -> Sequence[StoredObject]:
        """Return the objects of an identity, those that are not there any more too."""
        return self._stored(
            "WHERE object.identity = ? ORDER BY object.slot, object.id LIMIT ?", identity, most
        )

    def past(
        self, object_id: ObjectId, most: int, *, before: datetime | None = None
    ) -> Sequence[ObjectChange]:
        """Return the newest changes of an object first, those before a moment or all."""
        condition, values = self._moment("at < ?", before)
        rows = read(self._connection, _CHANGES.format(condition), (object_id, *values, most))
        return [change_of(row) for row in rows]

    def since(self, object_id: ObjectId, time: datetime, most: int) -> Sequence[ObjectChange]:
        """Return the changes of an object after a time, newest first."""
        condition, values = self._moment("at > ?", time)
        rows = read(self._connection, _CHANGES.format(condition), (object_id, *values, most))
        return [change_of(row) for row in rows]

    def _moment(self, condition: str, time: datetime | None) -> tuple[str, tuple[object, ...]]:
        if time is None:
            return "", ()
        return f"AND {condition}", (stored_time(self._connection, time),)

    def at(self, stored: StoredObject, time: datetime, most: int) -> Then:
        """Return an object as it was at a time, walking back over at most so many changes."""
        if stored.created_at > time:
            return Then(None)
        changes = self.since(stored.id, time, most + 1)
        members = self.members(stored.id, most + 1)
        has_members = len(members) <= most
        if len(changes) > most:
            return Then(None, is_known=False, has_members=has_members)
        if not has_members:
            return Then(undone(stored, map(_without_members, changes)), has_members=False)
        together: dict[str, list[str]] = {}
        for attribute, target in members:
            together.setdefault(attribute, []).append(target)
        lists = {name: tuple(targets) for name, targets in together.items()}
        whole = replace(stored, attributes={**stored.attributes, **lists})
        return Then(undone(whole, changes))

    def members(self, object_id: ObjectId, most: int) -> Sequence[tuple[str, str]]:
        """Return what an object refers to as members: attribute and target, in normal form."""
        statement = (
            "SELECT attribute, target FROM reference WHERE object = ? "
            "ORDER BY attribute, target LIMIT ?"
        )
        return [(row[0], row[1]) for row in read(self._connection, statement, (object_id, most))]

    def tied(self, silo: str, targets: Collection[str], most: int) -> Sequence[Tie]:
        """Return the objects in a silo that have one of these as a member."""
        if not targets:
            return []
        statement = _TIED.format(marks(len(targets)))
        rows = read(self._connection, statement, (*targets, silo, most))
        return [Tie(stored_object(row), row[-2], row[-1]) for row in rows]

    def named(self, silo: str, targets: Collection[str], most: int) -> Sequence[StoredObject]:
        """Return the objects in a silo with one of these distinguished names or anchors."""
        found: dict[int, StoredObject] = {}
        places = marks(len(targets))
        for (kind,) in read(self._connection, "SELECT id FROM silo_type WHERE silo = ?", (silo,)):
            for condition in (
                f"WHERE object.silo_type = ? AND object.anchor IN ({places}) LIMIT ?",
                f"WHERE +object.silo_type = ? AND object.reference IN ({places}) LIMIT ?",
            ):
                some = self._stored(condition, kind, *targets, most) if targets else []
                found |= {each.id: each for each in some}
        return list(found.values())[:most]

    def _stored(self, condition: str, *values: object) -> list[StoredObject]:
        return [stored_object(row) for row in read(self._connection, STORED + condition, values)]


def _without_members(change: ObjectChange) -> ObjectChange:
    """Return a change without the members that came and went."""
    before = {name: value for name, value in change.before.items() if not name.startswith("-")}
    after = {name: value for name, value in change.after.items() if not name.startswith("+")}
    return replace(change, before=before, after=after)
