"""Reads and writes SQL databases: PostgreSQL, MariaDB and SQLite.

A type is a table, or what a query finds; its objects are rows, known by their anchor as text. Each
type is a stream of its own. What is in the database decides how values are read: see `columns`.
A scan is one transaction on a connection of its own (`scan`), a batch of changes another (`write`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import ClassVar

from sqlalchemy.engine import Connection

from hypersync.connectors.changes import refuse_all
from hypersync.connectors.discovery import discover_by_scan
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import SiloOptions, SiloSettings, fingerprint
from hypersync.connectors.sql_database.database import Database
from hypersync.connectors.sql_database.discover import other_tables
from hypersync.connectors.sql_database.options import SqlOptions, scope_of, type_options
from hypersync.connectors.sql_database.rights import rights_of
from hypersync.connectors.sql_database.rows import Rows
from hypersync.connectors.sql_database.scan import Scan
from hypersync.connectors.sql_database.source import Source
from hypersync.connectors.sql_database.write import Writer
from hypersync.errors import ScanFailed, SiloError, SiloRefused
from hypersync.model.discovery import FoundType
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import Batch, Change, ObjectType, Outcome, Schema, SiloObject
from hypersync.model.rights import Right


@connector("sql")
class SqlConnector:
    """Reads and writes one database."""

    options: ClassVar[type[SiloOptions]] = SqlOptions
    can_write: ClassVar[bool] = True
    recreates: ClassVar[bool] = False

    def __init__(self, settings: SiloSettings) -> None:
        if not isinstance(settings.options, SqlOptions):
            raise TypeError(f"{settings.silo} is no sql silo")
        self._settings = settings
        self._database = Database(
            settings.options.url,
            settings.root,
            max(1, int(settings.timeout.total_seconds())),
        )

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each type."""
        return tuple((each,) for each in self._settings.types)

    @contextmanager
    def open(self) -> Iterator[SqlSession]:
        """Connect; raises `SiloUnreachable` or `SiloRefused`."""
        with self._database.reading() as connection:
            yield SqlSession(self._settings, self._database, connection)


class SqlSession:
    """One connection for looking objects up; scans and writes have their own."""

    def __init__(self, settings: SiloSettings, database: Database, connection: Connection) -> None:
        self._settings = settings
        self._database = database
        self._connection = connection
        self._sources: dict[str, Source] = {}

    @cached_property
    def _kinds(self) -> dict[str, ObjectType]:
        return {each.name: each for each in self._settings.types}

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        """Look at one moment of the database; raises `SiloUnreachable` or `SiloRefused`."""
        with self._database.opening(), self._connection.begin():
            yield self._connection

    def _source(self, connection: Connection, name: str) -> Source:
        """Return where the objects of a type are; it is looked up once."""
        if name not in self._sources:
            self._sources[name] = Source.find(connection, self._kinds[name])
        return self._sources[name]

    def schema(self) -> Schema:
        """Return the columns of each type and the attributes of second tables."""
        with self._looking() as connection:
            return Schema({name: self._source(connection, name).schema() for name in self._kinds})

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of the database and who reads it, of sources and attributes."""
        places = [scope_of(each) for each in types]
        return fingerprint("sql", self._database.identity, places)

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read all rows of one type, or those changed since the cursor and then all anchors.

        Raises `ScanFailed` and `CursorLost`.
        """
        if len(types) != 1:
            raise ValueError("a stream of a database is one type")
        (kind,) = types
        try:
            with self._looking() as connection:
                source = Source.find(connection, kind)
        except SiloRefused as error:
            raise ScanFailed(error.message) from error
        scan = Scan(source, self._database, self.scope(types))
        yield from scan.full() if cursor is None else scan.delta(cursor)

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Read one object, whatever the condition of its type says."""
        with self._looking() as connection:
            return self._source(connection, object_type.name).object(connection, anchor)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes in one transaction."""
        if not self._settings.write:
            return refuse_all(changes, f"the silo {self._settings.silo!r} is not to be written")
        return Writer(self._database, self._source)(changes)

    def discover(self) -> Sequence[FoundType]:
        """Look at some rows of each type, and at the other tables of the database."""
        schema = self.schema()
        found = [
            each for kind in self._kinds.values() for each in discover_by_scan(self, [kind], schema)
        ]
        options = [type_options(each) for each in self._kinds.values()]
        known = {each.table for each in options if each.table is not None}
        known |= {held.table for each in options for held in each.lists.values()}
        with self._looking() as connection:
            return [*found, *other_tables(connection, known)]

    def rights(self) -> Sequence[Right]:
        """Ask the database what the account may do."""
        with self._looking() as connection:
            return [
                right
                for name in self._kinds
                for right in rights_of(connection, self._source(connection, name))
            ]

    def check(self) -> Sequence[Mistake]:
        """Look at the way there, tables, columns, conditions and what writing needs."""
        mistakes = [*self._check_wire()]
        for name, kind in self._kinds.items():
            remedy = f"see the type {name!r} of the silo {self._settings.silo!r}"
            try:
                with self._looking() as connection:
                    source = Source.find(connection, kind)
                    one = source.select([source.anchor]).where(source.in_scope).limit(1)
                    connection.execute(one).all()
                    if self._settings.write and source.table is not None:
                        Rows(connection, source)
            except SiloError as error:
                mistakes.append(Mistake(error.message, remedy))
            else:
                mistakes.extend(self._check_keys(source, remedy))
        return mistakes

    def _check_wire(self) -> Iterator[Mistake]:
        """Warn where others could read along, or answer in the place of the database."""
        missing = self._database.missing_protection
        if missing is not None:
            yield Mistake(
                f"whether {self._database.name} is the server that is meant is not checked, and "
                "the connection may not be encrypted",
                f"write {missing} after the ? of the 'url' of the silo {self._settings.silo!r}",
                level=Level.WARNING,
            )

    def _check_keys(self, source: Source, remedy: str) -> Iterator[Mistake]:
        """Warn where only the database could keep two rows from being one object."""
        if source.table is None:
            return
        for name in filter(None, (source.anchor, source.options.key)):
            if name in source.table.columns and name not in source.table.unique:
                yield Mistake(
                    f"the column {name!r} of {source.table.name!r} may hold the same value twice; "
                    "give it a unique index",
                    remedy,
                    level=Level.WARNING,
                )
