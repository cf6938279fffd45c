"""Statements at the speed of the driver, for the tables that are read and written by the million.

Statements are written with ``?`` for each value and say the same on SQLite and PostgreSQL; times
go through `stored_time`, because the driver knows nothing of our column types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy.engine import Connection, CursorResult

from hypersync.store.columns import UtcTime

T = TypeVar("T")

KEYS = 500
"""How many keys one statement names; SQLite's oldest limit on parameters is 999."""


def chunks(values: Iterable[T], size: int = KEYS) -> Iterator[list[T]]:
    """Cut values into lists of at most ``size``."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def marks(count: int) -> str:
    """Return so many question marks for an ``IN``."""
    return ", ".join("?" * count)


def run(connection: Connection, statement: str, values: Sequence[object] = ()) -> int:
    """Execute one statement; return how many rows it touched."""
    return connection.exec_driver_sql(_spelled(connection, statement), tuple(values)).rowcount


def run_many(connection: Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Execute one statement for each row of values; nothing for no rows."""
    if rows:
        connection.exec_driver_sql(_spelled(connection, statement), list(rows))


def read(connection: Connection, statement: str, values: Sequence[object] = ()) -> list[Any]:
    """Return all rows of a query as tuples."""
    return _cursor(connection, statement, values).fetchall()  # type: ignore[no-any-return]


def read_in(
    connection: Connection, statement: str, keys: Iterable[object], *fixed: object
) -> Iterator[Any]:
    """Yield the rows of a query for any number of keys, some hundred at a time.

    ``{}`` in the statement becomes the question marks; ``fixed`` are the values before them.
    """
    for some in chunks(keys):
        yield from _cursor(connection, statement.format(marks(len(some))), (*fixed, *some))


def stream(connection: Connection, statement: str, values: Sequence[object] = ()) -> Iterator[Any]:
    """Yield rows as the database finds them, without gathering them first."""
    if connection.dialect.name == "sqlite":
        return iter(_cursor(connection, statement, values))
    # options of this statement alone; the connection's own would hold for all that follow
    options = {"stream_results": True, "yield_per": 5_000}
    spelled = _spelled(connection, statement)
    return _until_closed(
        connection.exec_driver_sql(spelled, tuple(values), execution_options=options)
    )


def _until_closed(rows: CursorResult[Any]) -> Iterator[Any]:
    """Yield rows; whoever stops before the last leaves no cursor open on the server."""
    with rows:
        yield from rows


def stored_time(connection: Connection, value: datetime | None) -> object:
    """Return a time as the driver stores it."""
    if value is None:
        return None
    bind = UtcTime().dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return value if bind is None else bind(value)


def read_time(value: str | datetime | None) -> datetime | None:
    """Read a time that the driver returned, aware and in UTC."""
    if value is None:
        return None
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _cursor(connection: Connection, statement: str, values: Sequence[object]) -> Any:  # noqa: ANN401
    """Return the driver's own cursor on SQLite: its rows cost nothing but the reading."""
    if connection.dialect.name == "sqlite":
        raw = connection.connection.cursor()
        raw.execute(statement, tuple(values))
        return raw
    return connection.exec_driver_sql(_spelled(connection, statement), tuple(values))


def _spelled(connection: Connection, statement: str) -> str:
    """Write the places of values as the driver wants them."""
    if connection.dialect.paramstyle == "qmark":
        return statement
    return statement.replace("?", "%s")


def reserve(connection: Connection, table: str, count: int) -> Sequence[int]:
    """Return so many ids of a table that nobody else will use, ascending.

    On SQLite the transaction that writes is alone, so the ids after the last one are free.
    """
    if count == 0:
        return ()
    if connection.dialect.name == "sqlite":
        last = read(connection, f"SELECT coalesce(max(id), 0) FROM {table}")[0][0]  # noqa: S608
        return range(last + 1, last + 1 + count)
    rows = read(
        connection,
        f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) "  # noqa: S608
        "FROM generate_series(1, ?)",
        (count,),
    )
    return [row[0] for row in rows]
