"""Where the objects of one type are: what is read, how rows become objects, what may be written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, select, true
from sqlalchemy.engine import Connection

from hypersync.connectors.changes import is_missing, sorted_values
from hypersync.connectors.sql_database.columns import Column, anchor_bound, anchor_text
from hypersync.connectors.sql_database.options import ListOptions, SqlTypeOptions, type_options
from hypersync.connectors.sql_database.tables import (
    Table,
    bind,
    check_columns,
    find_table,
    given,
    is_anchor,
    untyped,
)
from hypersync.connectors.sql_database.values import Kind
from hypersync.errors import SiloRefused
from hypersync.model.objects import AttributeSchema, ObjectType, Scalar, SiloObject, Value

_QUERY = "source"


@dataclass(frozen=True, slots=True)
class ListTable:
    """A second table with the values of one attribute; those of members are anchors, hence text."""

    table: Table
    of: Column
    value: Column
    is_members: bool

    def select(self, anchor: str | None = None) -> Select[Any]:
        """Select anchors and values, those of one object if one is named."""
        columns = self.table.clause.c
        found = select(columns[self.of.name], columns[self.value.name])
        return found if anchor is None else found.where(self.is_of(anchor))

    def is_of(self, anchor: str) -> ColumnElement[bool]:
        """Return the condition that a row belongs to an object; raises ``ValueError``."""
        return is_anchor(self.table.clause.c[self.of.name], self.of, anchor)

    def is_value(self, value: Scalar) -> ColumnElement[bool]:
        """Return the condition that a row holds a value; raises ``ValueError``."""
        return self.table.clause.c[self.value.name] == bind(self.bound(value))

    def bound(self, value: Scalar) -> object:
        """Return one value as the driver takes it; raises ``ValueError``."""
        return anchor_bound(self.value, str(value)) if self.is_members else self.value.bound(value)

    def normal(self, value: Value) -> Value:
        """Return values as they would be reported; raises ``ValueError``."""
        if is_missing(value) or value is None:
            return None
        values = value if isinstance(value, tuple) else (value,)
        if self.is_members:
            return sorted_values(str(each) for each in values)
        return sorted_values(_scalar(self.value.normal(each)) for each in values)

    def read(self, rows: Iterable[Sequence[Any]]) -> dict[str, tuple[Scalar, ...]]:
        """Return the values by the anchor of their object; raises ``ValueError``."""
        found: defaultdict[str, list[Scalar]] = defaultdict(list)
        for of, raw in rows:
            value = self.value.read(raw)
            if of is not None and not is_missing(value):
                shown = anchor_text(value) if self.is_members else _scalar(value)
                found[anchor_text(self.of.read(of))].append(shown)
        return {anchor: sorted_values(values) for anchor, values in found.items()}


def _scalar(value: Value) -> Scalar:
    if value is None or isinstance(value, tuple):
        raise ValueError("a row of a list holds one value")
    return value


class Shape:
    """How the rows of one select become objects; the names are in the order of the select."""

    def __init__(self, names: Sequence[str], columns: Mapping[str, Column], anchor: str) -> None:
        self.names = names
        self._anchor = anchor
        readers = {name: columns[name].reader for name in names}
        self._readers = [(name, each) for name, each in readers.items() if each is not None]

    def attributes(self, row: Sequence[Any]) -> dict[str, Value]:
        """Return what a row says; raises ``ValueError`` that names the column."""
        found: dict[str, Value] = {
            name: value
            for name, value in zip(self.names, row, strict=True)
            if value is not None and value != ""
        }
        for name, reader in self._readers:
            if name in found:
                try:
                    value = reader(found[name])
                except ValueError as error:
                    raise ValueError(f"{name!r}: {error}") from None
                if is_missing(value):
                    del found[name]
                else:
                    found[name] = value
        return found

    def anchor(self, attributes: Mapping[str, Value]) -> str:
        """Return the anchor of a row; raises ``ValueError`` when it has none."""
        value = attributes.get(self._anchor)
        if value is None:
            raise ValueError(f"it has no {self._anchor!r}")
        return anchor_text(value)


class Source:
    """What one type reads and writes, as the database describes it.

    ``columns`` can be read; ``table`` is what is written, if anything is.
    """

    def __init__(
        self,
        kind: ObjectType,
        from_: FromClause,
        columns: Mapping[str, Column],
        table: Table | None,
        lists: Mapping[str, ListTable],
    ) -> None:
        self.kind = kind
        self.options: SqlTypeOptions = type_options(kind)
        self.anchor = self.options.anchor
        self.from_ = from_
        self.columns = columns
        self.table = table
        self.lists = lists
        check_columns(self._where(), columns, [self.anchor, *sorted(self._named())])
        for each in (table, *(held.table for held in lists.values())):
            if each is not None:
                each.check_engine()

    @classmethod
    def find(cls, connection: Connection, kind: ObjectType) -> Source:
        """Look at what the configuration names; raises `SiloRefused` when it is not there."""
        options = type_options(kind)
        table = None if options.table is None else find_table(connection, options.table)
        if options.query is not None:
            from_, names = _query(connection, options.query)
            known = {} if table is None else table.columns
            dialect = connection.dialect.name
            columns = {
                each: known.get(each) or Column(name=each, dialect=dialect) for each in names
            }
        elif table is not None:
            from_, columns = table.clause, dict(table.columns)
        else:
            raise TypeError(f"{kind.name} has neither table nor query")
        if kind.enabled is not None and (choice := columns.get(kind.enabled.attribute)):
            columns[choice.name] = replace(choice, is_choice=True)
        lists = {
            name: _list(connection, each, is_members=name == kind.members)
            for name, each in options.lists.items()
        }
        return cls(kind, from_, columns, table, lists)

    def _where(self) -> str:
        if self.options.query is not None:
            return f"the query of {self.kind.name!r}"
        return f"the table {self.options.table!r}"

    def _named(self) -> set[str]:
        options = self.options
        named = {*self.kind.attributes, *(each for each in (options.delta, options.key) if each)}
        named |= {self.kind.members} if self.kind.members else set()
        named |= {self.kind.enabled.attribute} if self.kind.enabled else set()
        return named - set(self.lists)

    @cached_property
    def reported(self) -> list[str]:
        """The columns that a scan reports; the anchor is always one of them."""
        chosen = self.kind.attributes
        return [
            each for each in self.columns if not chosen or each in chosen or each == self.anchor
        ]

    @property
    def reported_lists(self) -> list[str]:
        """The attributes of second tables that a scan reports."""
        chosen = self.kind.attributes
        return [name for name in self.lists if not chosen or name in chosen]

    @property
    def in_scope(self) -> ColumnElement[bool]:
        """The condition of the type."""
        if self.options.where is None:
            return true()
        return given(f"(\n{self.options.where}\n)")  # type: ignore[return-value] # SQL as it is

    def shape(self, names: Sequence[str]) -> Shape:
        """Return how rows of these columns become objects."""
        return Shape(names, self.columns, self.anchor)

    def select(self, names: Iterable[str]) -> Select[Any]:
        """Select columns of all rows, whatever the condition of the type."""
        return select(*(self.from_.c[name] for name in names)).select_from(self.from_)

    def is_object(self, anchor: str) -> ColumnElement[bool]:
        """Return the condition that a row is an object; raises ``ValueError``."""
        return is_anchor(self.from_.c[self.anchor], self.columns[self.anchor], anchor)

    def object(
        self, connection: Connection, anchor: str, names: Collection[str] | None = None
    ) -> SiloObject | None:
        """Read an object: what a scan reports of it, or the attributes named.

        Raises `SiloRefused` when several rows have the anchor or a value cannot be read.
        """
        wanted = (
            self.reported if names is None else [each for each in self.columns if each in names]
        )
        lists = self.reported_lists if names is None else [n for n in self.lists if n in names]
        shape = self.shape([*wanted, *([] if self.anchor in wanted else [self.anchor])])
        try:
            statement = self.select(shape.names).where(self.is_object(anchor))
        except ValueError:
            return None
        try:
            rows = map(shape.attributes, connection.execute(statement))
            found = [row for row in rows if shape.anchor(row) == anchor]
            if len(found) > 1:
                raise SiloRefused(
                    f"{len(found)} rows of {self._where()} have {self.anchor} {anchor}"
                )
            if not found:
                return None
            attributes = found[0] | self.values(connection, anchor, lists)
        except ValueError as error:
            raise SiloRefused(f"{self.kind.name} {anchor} cannot be read: {error}") from error
        return SiloObject(self.kind.name, anchor, attributes)

    def values(
        self, connection: Connection, anchor: str, names: Iterable[str]
    ) -> dict[str, tuple[Scalar, ...]]:
        """Read attributes of second tables of one object; raises ``ValueError``."""
        read = {
            name: self.lists[name].read(connection.execute(self.lists[name].select(anchor)))
            for name in names
        }
        return {name: found[anchor] for name, found in read.items() if anchor in found}

    def schema(self) -> dict[str, AttributeSchema]:
        """Return the attributes of the type."""
        columns = {
            name: AttributeSchema(
                name=name,
                multi_valued=each.kind is Kind.SEVERAL or name == self.kind.members,
                read_only=not self.is_writable(name),
            )
            for name, each in self.columns.items()
        }
        lists = {name: AttributeSchema(name=name, multi_valued=True) for name in self.lists}
        return columns | lists

    def is_writable(self, name: str) -> bool:
        """Whether an attribute of the type can be written."""
        if name in self.lists:
            return True
        column = None if self.table is None else self.table.columns.get(name)
        return column is not None and not column.is_read_only


def _query(connection: Connection, query: str) -> tuple[FromClause, list[str]]:
    empty = select(given("*")).select_from(given(query).columns().subquery(_QUERY))
    found = connection.execute(empty.where(given("1 = 0")))
    names = [str(name) for name in found.keys()]  # noqa: SIM118 - a result is no mapping
    return given(query).columns(*map(untyped, names)).subquery(_QUERY), names


def _list(connection: Connection, options: ListOptions, *, is_members: bool) -> ListTable:
    table = find_table(connection, options.table)
    table.check_columns([options.of, options.value])
    columns = table.columns
    return ListTable(table, columns[options.of], columns[options.value], is_members)
