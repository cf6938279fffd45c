"""One pass over one type of a database: every row, or what changed since a cursor.

A pass reads one moment (a repeatable-read transaction) and counts first what it will read: another
number of rows in the end is a failed scan. The cursor holds the largest value of the ``delta``
column, but no later than the database's clock, so that a row dated in the future hides nothing; a
delta begins an ``overlap`` before it, for transactions that end after others which began later,
and reads rows without a value every time. Deletes leave no trace, so a delta ends with all anchors.
A cursor is lost when the source is another one, or when the largest value went back: somebody
restored an old copy, or removed the newest row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from hypersync.connectors.settings import BATCH_SIZE
from hypersync.connectors.sql_database.database import Database
from hypersync.connectors.sql_database.options import DEFAULT_NUMBERS, DEFAULT_OVERLAP
from hypersync.connectors.sql_database.source import Shape, Source
from hypersync.connectors.sql_database.tables import bind
from hypersync.connectors.sql_database.trouble import Meaning, trouble
from hypersync.connectors.sql_database.values import Kind
from hypersync.errors import ConnectionLost, CursorLost, ScanFailed, SiloRefused
from hypersync.model.objects import Anchors, Batch, Complete, Invalid, Scalar, ScanEvent, Seen
from hypersync.model.time_span import parse_time_span

Position = int | datetime
"""Where a delta column is: a number, or a moment in UTC."""


class Scan:
    """One pass over one type."""

    def __init__(self, source: Source, database: Database, scope: str) -> None:
        self._source = source
        self._database = database
        self._scope = scope
        self._name = source.kind.name
        table = source.table
        is_unique = table is not None and source.anchor in table.unique
        self._met: set[str] | None = None if is_unique and not source.options.query else set()

    def full(self) -> Iterator[Batch]:
        """Report every row of the type."""
        source = self._source
        with self._reading() as connection:
            latest = None if source.options.delta is None else self._latest(connection)
            yield from self._objects(connection, source.select(source.reported))
        yield [Complete(None if latest is None else self._cursor(latest[1]))]

    def delta(self, cursor: str) -> Iterator[Batch]:
        """Report the rows that changed since the cursor, then all anchors."""
        source = self._source
        if source.options.delta is None:
            raise CursorLost("this type has no 'delta' column; scan it in full")
        with self._reading() as connection:
            latest = self._latest(connection)
            if latest is None:
                raise CursorLost("no row has a value to tell its changes by; scan it in full")
            since = self._since(cursor, latest[1])
            clock = self._clock()
            changed = or_(clock >= bind(self._bound(since, latest[0])), clock.is_(None))
            yield from self._objects(connection, source.select(source.reported).where(changed))
            anchors = self._anchors(connection)
        yield [Anchors(self._name, anchors), Complete(self._cursor(latest[1]))]

    # --- rows ----------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Read one moment; raises `ScanFailed` for whatever breaks it off."""
        try:
            with self._database.reading() as connection:
                yield connection
        except DBAPIError as error:
            found = trouble(error)
            is_gone = found.meaning is Meaning.GONE
            why = ConnectionLost(found.sentence) if is_gone else error
            raise ScanFailed(f"{self._name}: {found.sentence}") from why
        except SiloRefused as error:
            raise ScanFailed(error.message) from error

    def _rows(
        self, connection: Connection, statement: Select[Any]
    ) -> Iterator[Sequence[Sequence[Any]]]:
        """Read what a statement selects, as many rows as it counts."""
        counting = statement.with_only_columns(func.count(), maintain_column_froms=True)
        expected = connection.execute(counting).scalar_one()
        read = 0
        options = {"yield_per": BATCH_SIZE}  # and so the server keeps what is not read yet
        with connection.execute(statement, execution_options=options) as result:
            for rows in result.partitions():
                read += len(rows)
                yield rows
        if read != expected:
            raise ScanFailed(
                f"{self._name}: {read} rows were read where the database counted {expected}; "
                "the source has to stay the same within one transaction"
            )

    def _objects(self, connection: Connection, statement: Select[Any]) -> Iterator[Batch]:
        lists = self._lists(connection)
        shape = self._source.shape(self._source.reported)
        for rows in self._rows(connection, statement.where(self._source.in_scope)):
            yield [self._event(shape, row, lists) for row in rows]

    def _lists(self, connection: Connection) -> dict[str, Mapping[str, tuple[Scalar, ...]]]:
        """Read second tables whole; a row of one that cannot be read fails the scan."""
        found: dict[str, Mapping[str, tuple[Scalar, ...]]] = {}
        for name in self._source.reported_lists:
            held = self._source.lists[name]
            batches = self._rows(connection, held.select())
            try:
                found[name] = held.read(row for batch in batches for row in batch)
            except ValueError as error:
                raise ScanFailed(f"the table {held.table.name!r}: {error}") from error
        return found

    def _event(
        self, shape: Shape, row: Sequence[Any], lists: Mapping[str, Mapping[str, Any]]
    ) -> ScanEvent:
        where = self._where()
        try:
            attributes = shape.attributes(row)
            anchor = shape.anchor(attributes)
        except ValueError as error:
            return Invalid(self._name, self._anchor_of(shape, row), where, str(error))
        if self._met is not None:
            if anchor in self._met:
                why = f"another row has the {self._source.anchor!r} too"
                return Invalid(self._name, anchor, where, why)
            self._met.add(anchor)
        for name, values in lists.items():
            if anchor in values:
                attributes[name] = values[anchor]
        return Seen(self._name, anchor, attributes)

    def _anchor_of(self, shape: Shape, row: Sequence[Any]) -> str | None:
        """Return the anchor of a row of which something else may be wrong."""
        raw = row[shape.names.index(self._source.anchor)]
        try:
            return shape.anchor(
                {self._source.anchor: self._source.columns[self._source.anchor].read(raw)}
            )
        except ValueError:
            return None

    def _where(self) -> str:
        return self._source.options.table or "the query"

    def _anchors(self, connection: Connection) -> frozenset[str]:
        shape = self._source.shape([self._source.anchor])
        found = set()
        for rows in self._rows(
            connection, self._source.select(shape.names).where(self._source.in_scope)
        ):
            for row in rows:
                anchor = self._anchor_of(shape, row)
                if anchor is not None:
                    found.add(anchor)
        return frozenset(found)

    # --- the delta column ----------------------------------------------------------------------

    def _clock(self) -> ColumnElement[Any]:
        """Return the delta column; SQLite has times as text in several forms, so in one of them."""
        column = self._source.columns[self._source.options.delta or ""]
        element: ColumnElement[Any] = self._source.from_.c[column.name]
        overlap = self._source.options.overlap or ""
        is_number = column.kind is Kind.WHOLE or overlap.isdecimal()
        if column.dialect == "sqlite" and not is_number:
            return func.strftime("%Y-%m-%d %H:%M:%f", element)
        return element

    def _latest(self, connection: Connection) -> tuple[object, Position] | None:
        """Return the largest value as it came, and as a position no later than now."""
        statement = (
            select(func.max(self._clock()), func.current_timestamp())
            .select_from(self._source.from_)
            .where(self._source.in_scope)
        )
        found, now = connection.execute(statement).one()
        if found is None:
            return None
        position = self._position(found)
        self._overlap(position)
        return found, position if isinstance(position, int) else min(position, _utc(now))

    def _position(self, value: object) -> Position:
        match value:
            case bool():
                pass
            case int():
                return value
            case datetime():
                return _utc(value)
            case date():
                return datetime(value.year, value.month, value.day, tzinfo=UTC)
            case str() if (
                self._source.columns[self._source.options.delta or ""].dialect == "sqlite"
            ):
                return _utc(datetime.fromisoformat(value))
        raise SiloRefused(
            f"{self._source.options.delta!r} cannot tell what changed; "
            "'delta' takes a column of whole numbers or times"
        )

    def _bound(self, since: Position, like: object) -> object:
        """Return the first value to read, an overlap before, as the column holds its values."""
        begin: Position = since - self._overlap(since)  # type: ignore[operator] # of one kind
        if isinstance(begin, int):
            return begin
        if isinstance(like, datetime):
            return begin if like.tzinfo else begin.replace(tzinfo=None)
        if isinstance(like, date):
            return begin.date()
        return begin.strftime("%Y-%m-%d %H:%M:%S.000")

    def _overlap(self, position: Position) -> int | timedelta:
        """Return how far before a position a delta begins; raises `SiloRefused`."""
        given = self._source.options.overlap
        if isinstance(position, int):
            if given is not None and not given.isdecimal():
                raise SiloRefused(f"{given!r} is a time and the 'delta' column holds numbers")
            return DEFAULT_NUMBERS if given is None else int(given)
        if given is not None and given.isdecimal():
            raise SiloRefused(f"{given!r} is a number and the 'delta' column holds times")
        return DEFAULT_OVERLAP if given is None else parse_time_span(given)

    def _cursor(self, latest: Position) -> str:
        since = latest if isinstance(latest, int) else latest.isoformat()
        return orjson.dumps({"since": since, "scope": self._scope}).decode()

    def _since(self, cursor: str, latest: Position) -> Position:
        try:
            found = orjson.loads(cursor)
            since, scope = found["since"], found["scope"]
            position = since if isinstance(since, int) else datetime.fromisoformat(since)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise CursorLost from error
        if scope != self._scope or isinstance(position, int) != isinstance(latest, int):
            raise CursorLost("the source of this type is another one; scan it in full")
        if latest < position:  # type: ignore[operator] # both numbers or both moments
            raise CursorLost(
                f"the largest {self._source.options.delta!r} went back: an old copy was restored, "
                "or the newest row is gone; scan it in full"
            )
        return position


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
