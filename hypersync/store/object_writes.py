"""Writes objects, their history and references, and reads what writing needs to know of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from hypersync.model.canonical import encode_value
from hypersync.ports.store.objects import (
    Away,
    Current,
    NewChange,
    NewObject,
    NewState,
    Placed,
    Reference,
)
from hypersync.store.bulk import (
    read,
    read_in,
    read_time,
    reserve,
    run,
    run_many,
    stored_time,
    stream,
)

_CURRENT_OF_TYPE = """
SELECT object.id, object.anchor, object.identity, object.slot, object.key, object.hash,
    object.attributes, object.absence, object.misses, object.reference,
    object.source, object.changed_at
FROM object WHERE object.silo_type = ?
"""
_CURRENT = f"{_CURRENT_OF_TYPE} AND object.anchor IN ({{}})"
_ADD = """
INSERT INTO object (id, silo_type, anchor, identity, slot, key, hash, attributes, absence,
    reference, misses, created_at, changed_at, source)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
"""
_CHANGE = """
UPDATE object SET slot = ?, key = ?, hash = ?, attributes = ?, absence = ?, deleted_at = ?,
    misses = ?, reference = ?, changed_at = ?, source = ? WHERE id = ?
"""
_AWAY = "SELECT anchor, absence, misses, missed_at FROM object WHERE silo_type = ?"
_MISS = """
UPDATE object SET
    missed_at = CASE WHEN misses = ? AND missed_at <= ? THEN missed_at ELSE ? END, misses = ?
WHERE id = ?
"""
_BY_ANCHOR = "SELECT identity FROM object WHERE silo_type = ? AND anchor IN ({})"
# the plus keeps the database from reading the whole type
_BY_REFERENCE = "SELECT identity FROM object WHERE +silo_type = ? AND reference IN ({})"
_RECORD = """
INSERT INTO object_change (object, at, source, before, after, absence_before, absence_after)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""

_REFERS_BY_ANOTHER = """
SELECT 1 FROM reference JOIN object ON object.id = reference.object
WHERE object.silo_type = ? AND object.absence IS NULL AND reference.attribute <> ? LIMIT 1
"""
_HAS = "SELECT 1 FROM object WHERE silo_type = ? AND absence IS NULL AND {}(attributes, ?) > 0"


class ObjectWrites:
    """What scans and outcomes do to objects."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hashes(self, silo_type: int) -> dict[str, bytes]:
        """Return the hash of every object of a type by anchor, those that are away included.

        The plus makes the database read the table from front to end, which takes a fraction of
        the time that a walk along the index of the anchors takes.
        """
        statement = "SELECT anchor, hash FROM object WHERE +silo_type = ?"
        return dict(stream(self._connection, statement, (silo_type,)))

    def anchors(self, silo_type: int) -> Iterator[str]:
        """Yield the anchor of every object of a type, those that are away included.

        Their index has all of it, so that the database does not read the table.
        """
        statement = "SELECT anchor FROM object WHERE silo_type = ?"
        return (anchor for (anchor,) in stream(self._connection, statement, (silo_type,)))

    def away(self, silo_type: int) -> Sequence[Away]:
        """Return the objects of a type that are away or were missed."""
        return self._away("(absence IS NOT NULL OR misses > 0)", silo_type)

    def missed(self, silo_type: int) -> Sequence[Away]:
        """Return the objects of a type that were missed, and not whatever else is away."""
        return self._away("misses > 0", silo_type)

    def _away(self, condition: str, silo_type: int) -> Sequence[Away]:
        rows = read(self._connection, f"{_AWAY} AND {condition}", (silo_type,))
        return [Away(row[0], row[1], row[2], read_time(row[3])) for row in rows]

    def current(self, silo_type: int, anchors: Iterable[str]) -> Mapping[str, Current]:
        """Return what is stored of these anchors."""
        rows = read_in(self._connection, _CURRENT, anchors, silo_type)
        return {row[1]: _current(row) for row in rows}

    def page(self, silo_type: int, after: str, limit: int) -> Sequence[Current]:
        """Return the next objects of a type by anchor."""
        rows = read(
            self._connection,
            f"{_CURRENT_OF_TYPE} AND object.anchor > ? ORDER BY object.anchor LIMIT ?",
            (silo_type, after, limit),
        )
        return [_current(row) for row in rows]

    def placed(self, identities: Iterable[int]) -> Sequence[Placed]:
        """Return where all objects of these identities stand."""
        rows = read_in(
            self._connection,
            "SELECT id, identity, slot, key, absence, anchor FROM object WHERE identity IN ({})",
            sorted(set(identities)),
        )
        return [Placed(*row) for row in rows]

    def reserve(self, count: int) -> Sequence[int]:
        """Return so many object ids that nobody else will use."""
        return reserve(self._connection, "object", count)

    def add(self, silo_type: int, rows: Sequence[NewObject], source: str, now: datetime) -> None:
        """Store new objects."""
        at = stored_time(self._connection, now)
        run_many(
            self._connection,
            _ADD,
            [(row[0], silo_type, *row[1:], at, at, source) for row in rows],
        )

    def change(self, rows: Sequence[NewState], source: str, now: datetime) -> None:
        """Store what objects have become."""
        at = stored_time(self._connection, now)
        run_many(
            self._connection,
            _CHANGE,
            [
                (
                    *row[:5],
                    stored_time(self._connection, row.deleted_at),
                    row.misses,
                    row.reference,
                    at,
                    source,
                    row.id,
                )
                for row in rows
            ],
        )

    def set_misses(self, rows: Sequence[tuple[int, int]], now: datetime) -> None:
        """Store how many complete scans missed an object: (misses, object).

        Where that is another number than before, or its time is still to come, the time is now.
        """
        at = stored_time(self._connection, now)
        values = [(misses, at, at, misses, number) for misses, number in rows]
        run_many(self._connection, _MISS, values)

    def place(self, rows: Sequence[tuple[int, int]]) -> None:
        """Put objects into identities: (identity, object)."""
        run_many(self._connection, "UPDATE object SET identity = ? WHERE id = ?", rows)

    def assign(self, rows: Sequence[tuple[str | None, str | None, int]]) -> None:
        """Set the slots and keys of objects: (slot, key, object)."""
        run_many(self._connection, "UPDATE object SET slot = ?, key = ? WHERE id = ?", rows)

    def record(self, changes: Sequence[NewChange], source: str, now: datetime) -> None:
        """Write history."""
        at = stored_time(self._connection, now)
        run_many(
            self._connection,
            _RECORD,
            [
                (
                    change.object,
                    at,
                    source,
                    encode_value(change.before).decode(),
                    encode_value(change.after).decode(),
                    change.absence_before,
                    change.absence_after,
                )
                for change in changes
            ],
        )

    def refer(self, added: Sequence[Reference], removed: Sequence[Reference]) -> None:
        """Add and remove references."""
        run_many(
            self._connection,
            "DELETE FROM reference WHERE object = ? AND attribute = ? AND target = ?",
            removed,
        )
        run_many(
            self._connection,
            "INSERT INTO reference (object, attribute, target) VALUES (?, ?, ?) "
            "ON CONFLICT (object, attribute, target) DO NOTHING",
            added,
        )

    def is_parted(self, silo_type: int, members: str | None) -> bool:
        """Tell whether nobody who is there has members elsewhere than in references by ``members``.

        Reads every object of the type.
        """
        if read(self._connection, _REFERS_BY_ANOTHER, (silo_type, members or "")):
            return False
        if members is None:
            return True
        position = "instr" if self._connection.dialect.name == "sqlite" else "strpos"
        key = f"{encode_value(members).decode()}:"
        return not read(self._connection, f"{_HAS.format(position)} LIMIT 1", (silo_type, key))

    def referred(self, silo: str, targets: Iterable[str]) -> Collection[int]:
        """Return the identities of the objects in a silo to which these targets refer."""
        wanted = sorted(set(targets))
        if not wanted:
            return set()
        statement = "SELECT id FROM silo_type WHERE silo = ?"
        found = set()
        for (each,) in read(self._connection, statement, (silo,)):
            for query in (_BY_ANCHOR, _BY_REFERENCE):
                found |= {row[0] for row in read_in(self._connection, query, wanted, each)}
        return found

    def discard(self, silo_type: int) -> None:
        """Delete the objects of a first load that did not end, and identities it made."""
        members = "SELECT id FROM object WHERE silo_type = ?"
        alone = (
            "SELECT identity FROM object WHERE silo_type = ? AND NOT EXISTS (SELECT 1 "
            "FROM object AS other WHERE other.identity = object.identity "
            "AND other.silo_type <> object.silo_type)"
        )
        empty = [row[0] for row in read(self._connection, alone, (silo_type,))]
        run(self._connection, f"DELETE FROM reference WHERE object IN ({members})", (silo_type,))  # noqa: S608
        run(self._connection, "DELETE FROM object WHERE silo_type = ?", (silo_type,))
        run_many(
            self._connection,
            "DELETE FROM identity WHERE id = ?",
            [(identity,) for identity in empty],
        )


def _current(row: Any) -> Current:  # noqa: ANN401 - a row of the driver
    changed = read_time(row[11])
    assert changed is not None  # noqa: S101 - the column is not null
    return Current._make((*row[:11], changed))
