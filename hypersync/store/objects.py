"""Stores objects, their history and references.

Everything here goes through the driver: a full sync reads every row once, a first scan writes every
row once. Objects of a type that is being loaded for the first time are not visible to evaluation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from hypersync.model.canonical import decode
from hypersync.model.ids import IdentityId, ObjectId
from hypersync.model.joins import join_key
from hypersync.model.objects import Value
from hypersync.ports.store.objects import (
    ObjectChange,
    ObjectRow,
    StoredObject,
    Trait,
)
from hypersync.store.bulk import (
    read,
    read_in,
    read_time,
    stream,
)
from hypersync.store.history import change_of, undone
from hypersync.store.object_writes import ObjectWrites

_ROW = "SELECT identity, slot, id, anchor, attributes, absence FROM object"
STORED = """
SELECT object.id, silo_type.silo, silo_type.type, object.anchor, object.identity, object.slot,
    object.key, object.attributes, object.absence, object.source, object.created_at,
    object.changed_at, object.deleted_at
FROM object JOIN silo_type ON silo_type.id = object.silo_type
"""
_LEFT_BEHIND = """
SELECT reference.target, COALESCE(object.reference, object.anchor)
FROM reference
JOIN object ON object.id = reference.object
JOIN silo_type ON silo_type.id = object.silo_type
WHERE silo_type.silo = ? AND object.absence IS NULL AND NOT EXISTS (
    SELECT 1 FROM object AS named
    JOIN silo_type AS theirs ON theirs.id = named.silo_type
    WHERE named.reference = reference.target AND named.absence IS NULL
    AND theirs.silo = silo_type.silo AND NOT EXISTS (
        SELECT 1 FROM action WHERE action.object = named.id
        AND action.operation IN ('move', 'rename', 'delete')
        AND action.state IN (
            'proposed', 'suspended', 'approved', 'queued', 'executing', 'unknown'
        )
    )
) AND reference.target IN ({})
ORDER BY object.id DESC
"""
_TRAIT = "SELECT identity, id, silo_type, anchor, attributes, absence, source FROM object"
# which one in so many is taken depends on all digits of the id, not on the order of writing alone
_EVERY = "((id * 40503) >> 12) & ? = 0"
_SEARCHED = 5  # times as many objects as are wanted are looked at one after the other
_MOST_IDS = 100_000
_GOLDEN = 0x9E3779B97F4A7C15  # multiples of it fall evenly, however many are taken


class Objects(ObjectWrites):
    """Objects, their history and references."""

    # --- for evaluation ------------------------------------------------------------------------

    def in_identity_order(
        self, low: int | None = None, high: int | None = None
    ) -> Iterator[ObjectRow]:
        """Yield the objects of all identities, or of those from ``low`` up to before ``high``."""
        wanted = [("identity >= ?", low), ("identity < ?", high)]
        conditions = [condition for condition, bound in wanted if bound is not None]
        conditions += self._visible()
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        bounds = [bound for _, bound in wanted if bound is not None]
        return stream(self._connection, f"{_ROW}{where} ORDER BY identity", bounds)

    def of_identities(self, identities: Iterable[int]) -> Iterator[ObjectRow]:
        """Yield the objects of these identities, which are given in ascending order."""
        conditions = ["identity IN ({})", *self._visible()]
        statement = f"{_ROW} WHERE {' AND '.join(conditions)} ORDER BY identity"
        return read_in(self._connection, statement, identities)

    def _visible(self) -> list[str]:
        """Return the condition that leaves out types that are being loaded; mostly none."""
        loading = read(self._connection, "SELECT id FROM silo_type WHERE loading")
        # the plus keeps the database from reading by type, which would lose the order
        return [f"+silo_type NOT IN ({', '.join(str(row[0]) for row in loading)})"] * bool(loading)

    # --- for lookups ---------------------------------------------------------------------------

    def get(self, silo: str, type_name: str, anchor: str) -> StoredObject | None:
        """Return an object, present or not; ``None`` when it was never seen."""
        return self._one(
            "WHERE silo_type.silo = ? AND silo_type.type = ? AND object.anchor = ?",
            silo,
            type_name,
            anchor,
        )

    def by_id(self, object_id: ObjectId) -> StoredObject | None:
        """Return an object, present or not."""
        return self._one("WHERE object.id = ?", object_id)

    def in_slot(self, identity: IdentityId, slot: str) -> StoredObject | None:
        """Return the object that is there in a slot of an identity."""
        return self._one(
            "WHERE object.identity = ? AND object.slot = ? AND object.absence IS NULL "
            "ORDER BY object.id",
            identity,
            slot,
        )

    def all_in_slot(self, identity: IdentityId, slot: str) -> Sequence[StoredObject]:
        """Return every object that is there in a slot of an identity; more than one is too many."""
        return self._all(
            "WHERE object.identity = ? AND object.slot = ? AND object.absence IS NULL "
            "ORDER BY object.id",
            identity,
            slot,
        )

    def bearing(
        self, silo: str, type_name: str, attribute: str, values: Collection[str]
    ) -> Sequence[tuple[str, StoredObject]]:
        """Return the objects that are there and have one of these casefolded texts, with it."""
        rows = stream(
            self._connection,
            "SELECT object.attributes, object.id FROM object "
            "JOIN silo_type ON silo_type.id = object.silo_type "
            "WHERE silo_type.silo = ? AND silo_type.type = ? AND object.absence IS NULL",
            (silo, type_name),
        )
        found = [
            (text, object_id)
            for attributes, object_id in rows
            for text in _texts(orjson.loads(attributes).get(attribute))
            if text in values
        ]
        return [(text, self._all("WHERE object.id = ?", number)[0]) for text, number in found]

    def in_slot_by_key(self, slot: str, key: str) -> StoredObject | None:
        """Return the object that is there in a slot of the identity with this join value."""
        return self._one(
            "JOIN identity ON identity.id = object.identity "
            "WHERE identity.key = ? AND object.slot = ? AND object.absence IS NULL "
            "ORDER BY object.id",
            join_key(key),
            slot,
        )

    def of_identity(self, identity: IdentityId) -> Sequence[StoredObject]:
        """Return all objects of an identity, those that are not there any more too."""
        return self._all("WHERE object.identity = ? ORDER BY object.slot, object.id", identity)

    def of_slot(self, silo: str, type_name: str, slot: str) -> Sequence[StoredObject]:
        """Return the objects of a type that are there, in one slot."""
        return self._all(
            "WHERE silo_type.silo = ? AND silo_type.type = ? AND object.slot = ? "
            "AND object.absence IS NULL ORDER BY object.id",
            silo,
            type_name,
            slot,
        )

    def values(self, silo: str, type_name: str, attribute: str) -> Iterator[tuple[str, IdentityId]]:
        """Yield every text that an attribute has now, and the identity it belongs to."""
        rows = stream(
            self._connection,
            "SELECT object.attributes, object.identity FROM object "
            "JOIN silo_type ON silo_type.id = object.silo_type "
            "WHERE silo_type.silo = ? AND silo_type.type = ? AND object.absence IS NULL",
            (silo, type_name),
        )
        for attributes, identity in rows:
            value = orjson.loads(attributes).get(attribute)
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, str):
                    yield each, IdentityId(identity)

    def live(self, silo: str, type_name: str) -> int | None:
        """Return how many objects of a type are there, ``None`` while no scan was applied."""
        statement = "SELECT live FROM silo_type WHERE silo = ? AND type = ? AND loaded"
        rows = read(self._connection, statement, (silo, type_name))
        return rows[0][0] if rows else None

    def references(self, object_id: ObjectId) -> Collection[str]:
        """Return what an object refers to, in normal form (`model.joins.normal_reference`)."""
        statement = "SELECT target FROM reference WHERE object = ?"
        return frozenset(row[0] for row in read(self._connection, statement, (object_id,)))

    def references_of(self, objects: Iterable[int]) -> Mapping[int, Collection[str]]:
        """Return what these objects refer to, in normal form; those that do not are left out."""
        found: dict[int, list[str]] = {}
        statement = "SELECT object, target FROM reference WHERE object IN ({})"
        for number, target in read_in(self._connection, statement, objects):
            found.setdefault(number, []).append(target)
        return found

    def left_behind(self, silo: str, names: Collection[str]) -> Mapping[str, str]:
        """Return which of these names, in normal form, nobody keeps and an object refers to.

        Nobody keeps a name whom an action that may still be carried out, or is judged right now,
        takes it from. With the name, or the anchor, of one that refers to it.
        """
        return dict(read_in(self._connection, _LEFT_BEHIND, sorted(names), silo))

    def refers(self, object_id: ObjectId, target: str) -> bool:
        """Tell whether an object refers to a target, given in normal form."""
        statement = "SELECT 1 FROM reference WHERE object = ? AND target = ? LIMIT 1"
        return bool(read(self._connection, statement, (object_id, target)))

    def references_by_attribute(self, object_id: ObjectId) -> Mapping[str, Sequence[str]]:
        """Return what each attribute of an object refers to, in normal form and sorted."""
        found: dict[str, list[str]] = {}
        statement = "SELECT attribute, target FROM reference WHERE object = ? ORDER BY target"
        for attribute, target in read(self._connection, statement, (object_id,)):
            found.setdefault(attribute, []).append(target)
        return found

    def whole(self, stored: StoredObject) -> StoredObject:
        """Return the object with its references among the attributes."""
        found = self.references_by_attribute(stored.id)
        members: dict[str, Value] = {name: tuple(targets) for name, targets in found.items()}
        return replace(stored, attributes={**stored.attributes, **members})

    def history(self, object_id: ObjectId, limit: int | None = None) -> Sequence[ObjectChange]:
        """Return the changes of an object, newest first."""
        statement = (
            "SELECT at, source, before, after, absence_before, absence_after FROM object_change "
            "WHERE object = ? ORDER BY id DESC"
        )
        if limit is None:
            rows = read(self._connection, statement, (object_id,))
        else:
            rows = read(self._connection, f"{statement} LIMIT ?", (object_id, limit))
        return [change_of(row) for row in rows]

    def at(self, object_id: ObjectId, time: datetime) -> StoredObject | None:
        """Return the object as it was at a time, with references; ``None`` before it was there."""
        stored = self.by_id(object_id)
        if stored is None or stored.created_at > time:
            return None
        whole = self.whole(stored)
        later = [change for change in self.history(object_id) if change.at > time]
        return undone(whole, later)

    # --- for comparing many --------------------------------------------------------------------

    def traits(self, identities: Iterable[int]) -> Iterator[Trait]:
        """Yield what all objects of these identities say, those that are away too."""
        conditions = ["identity IN ({})", *self._visible()]
        statement = f"{_TRAIT} WHERE {' AND '.join(conditions)}"
        return map(Trait._make, read_in(self._connection, statement, identities))

    def sample(self, silo_type: int, most: int) -> Iterator[Trait]:
        """Yield the objects of a type that are there: all, or about ``most`` spread evenly."""
        known = read(self._connection, "SELECT live FROM silo_type WHERE id = ?", (silo_type,))
        live = known[0][0] if known else 0
        if live > _SEARCHED * most:
            return self._spread(silo_type, most, live)
        mask = 0
        while live > most * (mask + 1):
            mask = 2 * mask + 1
        statement = f"{_TRAIT} WHERE silo_type = ? AND absence IS NULL AND {_EVERY}"
        return map(Trait._make, stream(self._connection, statement, (silo_type, mask)))

    def _spread(self, silo_type: int, most: int, live: int) -> Iterator[Trait]:
        """Yield objects by ids all over the table, so that a large one is not walked through."""
        ends = "SELECT (SELECT min(id) FROM object), (SELECT max(id) FROM object)"
        ((low, high),) = read(self._connection, ends)
        span = high - low + 1
        wanted = min(_MOST_IDS, most * span // live)
        ids = sorted({low + (n * _GOLDEN % 2**64 * span >> 64) for n in range(wanted)})
        statement = f"{_TRAIT} WHERE +silo_type = ? AND absence IS NULL AND id IN ({{}})"
        return map(Trait._make, read_in(self._connection, statement, ids, silo_type))

    def changed_by(self, source: str, objects: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yield what one source changed: the object, and the new values as stored JSON."""
        statement = "SELECT object, after FROM object_change WHERE source = ? AND object IN ({})"
        return read_in(self._connection, statement, objects, source)

    def _one(self, condition: str, *values: object) -> StoredObject | None:
        found = self._all(f"{condition} LIMIT 1", *values)
        return found[0] if found else None

    def _all(self, condition: str, *values: object) -> list[StoredObject]:
        rows = read(self._connection, STORED + condition, values)
        return [stored_object(row) for row in rows]


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - a JSON value
    """Return the texts of an attribute as names are compared."""
    listed = value if isinstance(value, list) else (value,)
    return [each.casefold() for each in listed if isinstance(each, str)]


def stored_object(row: Any) -> StoredObject:  # noqa: ANN401 - a row of the driver
    """Make an object out of a row of `STORED`, without its references."""
    created, changed = read_time(row[10]), read_time(row[11])
    assert created is not None  # noqa: S101 - the columns are not null
    assert changed is not None  # noqa: S101
    return StoredObject(
        id=ObjectId(row[0]),
        silo=row[1],
        type=row[2],
        anchor=row[3],
        identity=IdentityId(row[4]),
        slot=row[5],
        key=row[6],
        attributes=decode(row[7]),
        absence=row[8],
        source=row[9],
        created_at=created,
        changed_at=changed,
        deleted_at=read_time(row[12]),
    )
