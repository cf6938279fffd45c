"""The rows of a second table that belong to one object, to be written within one transaction.

A collation may take two texts for the same. Hence rows are looked at before they are removed, and
the statement that removes them names what they held to the last letter, and how many there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, select, type_coerce
from sqlalchemy.engine import Connection
from sqlalchemy.types import NullType

from hypersync.connectors.changes import is_missing
from hypersync.connectors.sql_database.columns import Column, anchor_bound, anchor_text
from hypersync.connectors.sql_database.source import ListTable
from hypersync.connectors.sql_database.tables import bind, witness
from hypersync.errors import SiloRefused
from hypersync.model.objects import Scalar

_EACH = "hypersync_each"


class Moved(Exception):
    """A row is no longer as it was when it was looked at."""


class ListRows:
    """What a second table holds of one object; ``ValueError`` for an anchor no row can have."""

    def __init__(self, connection: Connection, held: ListTable, anchor: str) -> None:
        self._connection = connection
        self._held = held
        self._anchor = anchor
        self._of = held.table.clause.c[held.of.name]
        self._value = held.table.clause.c[held.value.name]

    def holds(self, value: Scalar) -> bool:
        """Whether there is a row with a value; raises ``ValueError``."""
        return bool(self._found([value]))

    def add(self, values: Collection[Scalar]) -> None:
        """Add a row for each value; raises ``ValueError``."""
        if not values:
            return
        of = bind(anchor_bound(self._held.of, self._anchor))
        each = bindparam(_EACH, None, NullType())
        statement = insert(self._held.table.clause).values({self._of: of, self._value: each})
        bound = [{_EACH: self._held.bound(value)} for value in values]
        self._connection.execute(statement, bound)

    def remove(self, values: Collection[Scalar]) -> None:
        """Remove the rows with these values; raises `Moved`, `SiloRefused` and ``ValueError``."""
        if not values:
            return
        found = self._found(values)
        if {value for value, _, _ in found} != set(values):
            raise Moved
        for (value, of, raw), number in found.items():
            condition = and_(
                self._held.is_value(value), self._is(self._of, of), self._is(self._value, raw)
            )
            self._delete(condition, number)

    def remove_all(self) -> None:
        """Remove all rows of the object; raises `Moved` and `SiloRefused`."""
        statement = select(self._of, self._witness(self._of)).where(self._held.is_of(self._anchor))
        rows = self._connection.execute(statement)
        for of, number in Counter(row[1] for row in rows if self._is_own(row[0])).items():
            self._delete(self._is(self._of, of), number)

    def _found(self, values: Collection[Scalar]) -> Counter[tuple[Scalar, object, object]]:
        """Return values that there are, with what tells their rows from others, and how many."""
        held = self._held
        witnesses = (self._witness(self._of), self._witness(self._value))
        statement = select(self._of, self._value, *witnesses).where(held.is_of(self._anchor))
        if len(values) == 1:
            statement = statement.where(*map(held.is_value, values))
        wanted = {self._shown(value): value for value in values}
        rows: Counter[tuple[Scalar, object, object]] = Counter()
        for of, raw, *told in self._connection.execute(statement):
            value = held.value.read(raw)
            if not is_missing(value) and self._is_own(of) and self._shown(value) in wanted:
                rows[(wanted[self._shown(value)], told[0], told[1])] += 1
        return rows

    def _shown(self, value: Any) -> Any:  # noqa: ANN401 - a value, or the tuple of one
        """Return a value as it is reported; raises ``ValueError``."""
        return anchor_text(value) if self._held.is_members else self._held.normal(value)

    def _is_own(self, raw: object) -> bool:
        column: Column = self._held.of
        return anchor_text(column.read(raw)) == self._anchor

    def _delete(self, condition: ColumnElement[bool], expected: int) -> None:
        table = self._held.table
        statement = delete(table.clause).where(self._held.is_of(self._anchor), condition)
        rows = self._connection.execute(statement).rowcount
        if rows > expected:
            raise SiloRefused(
                f"{rows} rows of {table.name!r} would have been removed, and {expected} were "
                "meant; nothing was"
            )
        if rows < expected:
            raise Moved

    def _witness(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return type_coerce(witness(column, self._connection.dialect.name), NullType())

    def _is(self, column: ColumnElement[Any], told: object) -> ColumnElement[bool]:
        return self._witness(column) == bind(told)
