"""Stores which identities wait for an object that others refer to.

A reference whose object is not there is left out, and taken up again when it appears: then those
who wait for it are looked at again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from hypersync.store.bulk import read, read_in, run_many

_APPEARED = """
SELECT awaited_reference.slot, awaited_reference.key, awaited_reference.identity
FROM awaited_reference JOIN identity ON identity.key = awaited_reference.key
WHERE EXISTS (SELECT 1 FROM object WHERE object.identity = identity.id
    AND object.slot = awaited_reference.slot AND object.absence IS NULL)
"""


def note(connection: Connection, rows: Iterable[tuple[str, str, int]]) -> None:
    """Remember who waits for what: (slot, key of the identity, who waits)."""
    run_many(
        connection,
        "INSERT INTO awaited_reference (slot, key, identity) VALUES (?, ?, ?) "
        "ON CONFLICT (slot, key, identity) DO NOTHING",
        sorted(rows),
    )


def take(connection: Connection, identities: Collection[int] | None) -> set[int]:
    """Forget and return who waited for what these identities, or all, have now."""
    if not read(connection, "SELECT 1 FROM awaited_reference LIMIT 1"):
        return set()
    if identities is None:
        rows = read(connection, _APPEARED)
    else:
        statement = f"{_APPEARED} AND identity.id IN ({{}})"
        rows = list(read_in(connection, statement, sorted(identities)))
    return _forget(connection, rows)


def take_noted(connection: Connection, rows: Iterable[tuple[str, str, int]]) -> set[int]:
    """Forget and return who waits for what is there by now, of those just noted."""
    statement = f"{_APPEARED} AND awaited_reference.key IN ({{}})"
    return _forget(connection, list(read_in(connection, statement, {row[1] for row in rows})))


def _forget(connection: Connection, found: Iterable[Sequence[Any]]) -> set[int]:
    """Forget who waits for what; return who they were."""
    rows = [tuple(row) for row in found]
    run_many(
        connection,
        "DELETE FROM awaited_reference WHERE slot = ? AND key = ? AND identity = ?",
        rows,
    )
    return {row[2] for row in rows}
