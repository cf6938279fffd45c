"""The project's own silo: objects that live nowhere else, such as account names given for good.

They are kept in an SQLite file of their own, one for all internal silos of a project. Any type,
any attribute. Changes are numbered, so deltas have tombstones; a cursor of another file is lost.
A batch of changes is one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from hypersync.config.values import Filled
from hypersync.connectors.changes import (
    anchor_of,
    chosen,
    refuse_all,
    settled,
    sorted_values,
    written,
)
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import (
    BATCH_SIZE,
    SiloOptions,
    SiloSettings,
    TypeOptions,
    fingerprint,
)
from hypersync.errors import CursorLost, SiloUnreachable
from hypersync.model.canonical import decode, encode
from hypersync.model.ids import new_public_id
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Attributes,
    Batch,
    Change,
    Complete,
    Deleted,
    ObjectType,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    Schema,
    Seen,
    SiloObject,
    Succeeded,
    Value,
)

_SOON = timedelta(seconds=1)
_TABLES = """
CREATE TABLE IF NOT EXISTS file (name TEXT NOT NULL, sequence INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS object (
    silo TEXT NOT NULL, type TEXT NOT NULL, anchor TEXT NOT NULL,
    sequence INTEGER NOT NULL, attributes BLOB,
    PRIMARY KEY (silo, type, anchor)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS object_sequence ON object (silo, type, sequence);
"""


class InternalTypeOptions(TypeOptions):
    """``anchor`` names the attribute that is the anchor; without it the silo assigns one."""


class InternalOptions(SiloOptions):
    """``path`` is the SQLite file; it is made when it is not there."""

    path: Filled = "var/internal.db"
    types: Mapping[str, InternalTypeOptions] = Field(min_length=1)


@connector("internal")
class InternalConnector:
    """Reads and writes the objects of one internal silo."""

    options: ClassVar[type[SiloOptions]] = InternalOptions
    can_write: ClassVar[bool] = True
    recreates: ClassVar[bool] = True

    def __init__(self, settings: SiloSettings) -> None:
        if not isinstance(settings.options, InternalOptions):
            raise TypeError(f"{settings.silo} is no internal silo")
        self._settings = settings
        self._path = settings.root / settings.options.path

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each type."""
        return tuple((each,) for each in self._settings.types)

    @contextmanager
    def open(self) -> Iterator[InternalSession]:
        """Open the file, and make it when it is not there; raises `SiloUnreachable`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            seconds = self._settings.timeout.total_seconds()
            database = sqlite3.connect(self._path, timeout=seconds, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise SiloUnreachable(f"{self._path}: {error}") from error
        with closing(database):
            session = InternalSession(self._settings, database)
            with session.asking():
                _prepare(database)
            yield session


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(_TABLES)
    database.execute(
        "INSERT INTO file SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM file)", (new_public_id(),)
    )


class InternalSession:
    """One connection to the file."""

    def __init__(self, settings: SiloSettings, database: sqlite3.Connection) -> None:
        if not isinstance(settings.options, InternalOptions):
            raise TypeError(f"{settings.silo} is no internal silo")
        self._settings = settings
        self._path = settings.options.path
        self._database = database

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Turn what the database complains about into `SiloUnreachable`."""
        try:
            yield
        except sqlite3.Error as error:
            raise SiloUnreachable(f"{self._settings.silo}: {error}") from error

    def schema(self) -> Schema:
        """Say that every type takes any attribute."""
        return Schema(dict.fromkeys(each.name for each in self._settings.types))

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of the file, the types and the attributes read."""
        parts = [(each.name, sorted(each.attributes)) for each in types]
        return fingerprint("internal", self._path, parts)

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Report all objects of one moment, or those changed since the cursor with tombstones."""
        with self.asking(), self._transaction("BEGIN"):
            name, sequence = self._database.execute("SELECT name, sequence FROM file").fetchone()
            since = 0 if cursor is None else _since(cursor, name, sequence)
            for each in types:
                yield from self._changes(each, since, with_deleted=cursor is not None)
        yield [Complete(f"{name}:{sequence}")]

    def _changes(self, kind: ObjectType, since: int, *, with_deleted: bool) -> Iterator[Batch]:
        rows = self._database.execute(
            "SELECT anchor, attributes FROM object WHERE silo = ? AND type = ? AND sequence > ? "
            "AND (attributes IS NOT NULL OR ?) ORDER BY sequence",
            (self._settings.silo, kind.name, since, with_deleted),
        )
        while found := rows.fetchmany(BATCH_SIZE):
            yield [
                Deleted(kind.name, anchor)
                if attributes is None
                else Seen(kind.name, anchor, chosen(kind, decode(attributes)))
                for anchor, attributes in found
            ]

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Read one object."""
        with self.asking():
            stored = self._stored(object_type.name, anchor)
        if stored is None:
            return None
        return SiloObject(object_type.name, anchor, chosen(object_type, stored))

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes in one transaction; a file that is in use answers `RetryAfter`."""
        if not self._settings.write:
            return refuse_all(changes, f"the silo {self._settings.silo!r} is not to be written")
        try:
            with self._transaction("BEGIN IMMEDIATE"):
                return [self._apply(change) for change in changes]
        except sqlite3.OperationalError as error:
            return [RetryAfter(_SOON, str(error)) for _ in changes]

    def check(self) -> Sequence[Mistake]:
        """Find nothing wrong: the file was opened."""
        return ()

    def _apply(self, change: Change) -> Outcome:
        kind = change.type
        attribute = kind.options.anchor if isinstance(kind.options, InternalTypeOptions) else None
        anchor = anchor_of(change, attribute)
        if anchor is None:
            return Refused(f"a new {kind.name} needs its anchor: set {attribute!r}")
        stored = self._stored(kind.name, anchor)
        current = None if stored is None else SiloObject(kind.name, anchor, stored)
        if outcome := settled(change, current):
            return outcome
        if change.operation is Operation.DELETE:
            self._store(kind.name, anchor, None)
            return Succeeded(None)
        self._store(kind.name, anchor, written(change, stored or {}))
        return Succeeded(self.read(kind, anchor))

    def _stored(self, type_name: str, anchor: str) -> dict[str, Value] | None:
        row = self._database.execute(
            "SELECT attributes FROM object WHERE silo = ? AND type = ? AND anchor = ?",
            (self._settings.silo, type_name, anchor),
        ).fetchone()
        return None if row is None or row[0] is None else decode(row[0])

    def _store(self, type_name: str, anchor: str, attributes: Attributes | None) -> None:
        """Write an object, ``None`` for a tombstone, under the next number."""
        clean = attributes and {
            name: sorted_values(value) if isinstance(value, tuple) else value
            for name, value in attributes.items()
        }
        self._database.execute("UPDATE file SET sequence = sequence + 1")
        self._database.execute(
            "INSERT INTO object SELECT ?, ?, ?, sequence, ? FROM file WHERE true "
            "ON CONFLICT DO UPDATE SET sequence = excluded.sequence, "
            "attributes = excluded.attributes",
            (self._settings.silo, type_name, anchor, None if clean is None else encode(clean)),
        )

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._database.execute(begin)
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _since(cursor: str, name: str, latest: int) -> int:
    """Return the number in a cursor; raises `CursorLost` when it is of another file."""
    known, _, number = cursor.rpartition(":")
    if known != name or not number.isdigit() or int(number) > latest:
        raise CursorLost
    return int(number)
