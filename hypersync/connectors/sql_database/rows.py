"""The rows of one type, to be written within one transaction.

A row is locked before it is written, and what its columns hold then is part of the WHERE of the
statement that writes it, compared to the last letter: a collation that takes two texts for the
same, or a database or view without row locks, changes nothing about it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.types import NullType

from hypersync.connectors.sql_database.columns import anchor_text
from hypersync.connectors.sql_database.list_rows import ListRows, Moved
from hypersync.connectors.sql_database.source import Source
from hypersync.connectors.sql_database.tables import bind, is_anchor, witness
from hypersync.errors import SiloRefused
from hypersync.model.objects import Scalar, Value


@dataclass(frozen=True, slots=True)
class Locked:
    """A row that nobody else writes now, and what some of its columns hold."""

    anchor: str
    held: Mapping[str, object]


class Rows:
    """The rows of one type and of its second tables."""

    def __init__(self, connection: Connection, source: Source) -> None:
        if source.table is None:
            raise ValueError(
                f"the type {source.kind.name!r} is read by a query; say its 'table' to write it"
            )
        source.table.check_columns([source.anchor])
        self._connection = connection
        self._source = source
        self._table = source.table
        self._columns = source.table.clause.c

    def lock(self, anchor: str, names: Iterable[str]) -> Locked | None:
        """Lock a row and look at columns of it; ``None`` when it is not there.

        Raises `SiloRefused` when several rows have the anchor.
        """
        wanted = sorted({*names, self._source.anchor} & set(self._table.columns))
        own = self._columns[self._source.anchor]
        try:
            is_object = is_anchor(own, self._table.columns[self._source.anchor], anchor)
        except ValueError:
            return None
        statement = select(own, *map(self._witness, wanted)).where(is_object).with_for_update()
        found = [
            row for row in self._connection.execute(statement) if self._anchor_of(row[0]) == anchor
        ]
        if len(found) > 1:
            raise SiloRefused(
                f"{len(found)} rows of {self._table.name!r} have {self._source.anchor} {anchor}"
            )
        return Locked(anchor, dict(zip(wanted, found[0][1:], strict=True))) if found else None

    def with_key(self, name: str, value: Value) -> str | None:
        """Return the anchor of the row with a value in a column; raises `SiloRefused` for two."""
        column = self._table.columns[name]
        own = self._columns[self._source.anchor]
        statement = select(own).where(self._columns[name] == bind(column.bound(value)))
        found = [self._anchor_of(row[0]) for row in self._connection.execute(statement)]
        if len(found) > 1:
            raise SiloRefused(f"{len(found)} rows of {self._table.name!r} have the same {name!r}")
        return found[0] if found else None

    def insert(self, values: Mapping[str, Value], anchor: str | None) -> str:
        """Add a row; return its anchor, which the database gives when ``anchor`` is ``None``."""
        statement = insert(self._table.clause).values(self._bound(values))
        if anchor is not None:
            self._connection.execute(statement)
            return anchor
        if not self._connection.dialect.insert_returning:
            raise SiloRefused(
                "this database does not say which anchor it gave; set the anchor of new objects"
            )
        own = self._columns[self._source.anchor]
        given = self._connection.execute(statement.returning(own)).scalar_one()
        return anchor_text(self._table.columns[self._source.anchor].read(given))

    def update(self, locked: Locked, values: Mapping[str, Value]) -> None:
        """Write columns of a locked row; raises `Moved` and `SiloRefused`."""
        statement = update(self._table.clause).where(self._is_still(locked))
        self._touch_one(self._connection.execute(statement.values(self._bound(values))).rowcount)

    def delete(self, locked: Locked) -> None:
        """Remove a locked row and what second tables hold of it; raises as `update` does."""
        for held in self._source.lists.values():
            ListRows(self._connection, held, locked.anchor).remove_all()
        statement = delete(self._table.clause).where(self._is_still(locked))
        self._touch_one(self._connection.execute(statement).rowcount)

    def holds(self, name: str, anchor: str, value: Scalar) -> bool:
        """Whether a second table has a value of an object; raises ``ValueError``."""
        return ListRows(self._connection, self._source.lists[name], anchor).holds(value)

    def change_list(
        self, name: str, anchor: str, *, added: Collection[Scalar], removed: Collection[Scalar]
    ) -> None:
        """Add and remove values of one object in a second table.

        Raises `Moved`, `SiloRefused` and ``ValueError``.
        """
        rows = ListRows(self._connection, self._source.lists[name], anchor)
        rows.remove(removed)
        rows.add(added)

    # --- parts of statements ---------------------------------------------------------------------

    def _witness(self, name: str) -> ColumnElement[Any]:
        return type_coerce(witness(self._columns[name], self._connection.dialect.name), NullType())

    def _is_still(self, locked: Locked) -> ColumnElement[bool]:
        """Return the condition that a row is the locked one, and as it was."""
        column = self._table.columns[self._source.anchor]
        conditions = [is_anchor(self._columns[column.name], column, locked.anchor)]
        for name, held in locked.held.items():
            found = self._witness(name)
            conditions.append(found.is_(None) if held is None else found == bind(held))
        return and_(*conditions)

    def _bound(self, values: Mapping[str, Value]) -> dict[Any, Any]:
        columns = self._table.columns
        return {
            self._columns[name]: bind(columns[name].bound(value)) for name, value in values.items()
        }

    def _anchor_of(self, raw: object) -> str | None:
        try:
            return anchor_text(self._table.columns[self._source.anchor].read(raw))
        except ValueError:
            return None

    def _touch_one(self, rows: int) -> None:
        if rows == 0:
            raise Moved
        if rows > 1:
            raise SiloRefused(
                f"{rows} rows of {self._table.name!r} would have been written at once; nothing was"
            )
