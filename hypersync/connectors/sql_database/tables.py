"""Tables as the database describes them. Names reach the database quoted, never as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    LargeBinary,
    TableClause,
    Text,
    TextClause,
    cast,
    collate,
    column,
    func,
    inspect,
    literal,
    select,
    table,
    text,
    types,
)
from sqlalchemy.engine import Connection, Inspector
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import NullType

from hypersync.connectors.sql_database.columns import Column, anchor_bound, kind_of
from hypersync.connectors.sql_database.values import Kind
from hypersync.errors import SiloRefused

_JSON_CHECK = re.compile(r"json_valid\(`((?:[^`]|``)+)`\)", re.I)
_CHECKS = ("CONSTRAINT_SCHEMA", "TABLE_NAME", "CHECK_CLAUSE")
_TRANSACTIONAL = frozenset({"innodb", "rocksdb", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table or view; ``unique`` are the columns that identify a row alone.

    ``engine`` is what keeps the rows, where a database has several such engines (MariaDB).
    """

    name: str
    clause: TableClause
    columns: Mapping[str, Column]
    unique: frozenset[str]
    engine: str = ""

    def check_engine(self) -> None:
        """Raise `SiloRefused` when it cannot be read at one moment, nor written or not at all."""
        if self.engine.lower() not in _TRANSACTIONAL:
            raise SiloRefused(
                f"the table {self.name!r} has no transactions (its engine is {self.engine}); "
                "make it InnoDB"
            )

    def check_columns(self, names: Iterable[str]) -> None:
        """Raise `SiloRefused` when one of the columns is not there."""
        check_columns(f"the table {self.name!r}", self.columns, names)


def check_columns(where: str, columns: Iterable[str], names: Iterable[str]) -> None:
    """Raise `SiloRefused` when one of ``names`` is no column of what ``where`` names."""
    known = list(columns)
    for name in names:
        if name not in known:
            raise SiloRefused(f"{where} has no column {name!r}{_meant(name, known)}")


def find_table(connection: Connection, name: str) -> Table:
    """Look at a table, ``schema.table`` for one of another schema.

    Raises `SiloRefused` when it is not there or may not be looked at.
    """
    inspector = inspect(connection)
    schema, found = _split(inspector, name)
    try:
        described = inspector.get_columns(found, schema)
    except NoSuchTableError:
        known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        raise SiloRefused(
            f"there is no table {name!r} that this account may see{_meant(found, known)}"
        ) from None
    json = _json_columns(connection, found, schema)
    columns = {each["name"]: _column(each, connection.dialect.name, json) for each in described}
    return Table(
        name=name,
        clause=table(
            quoted_name(found, quote=True),
            *(untyped(each) for each in columns),
            schema=None if schema is None else quoted_name(schema, quote=True),
        ),
        columns=columns,
        unique=_unique(inspector, found, schema),
        engine=_engine(inspector, found, schema),
    )


def untyped(name: str) -> Any:  # noqa: ANN401 - a column clause of no type
    """Return a column whose values come and go as the driver makes them."""
    return column(quoted_name(name, quote=True), NullType())


def bind(value: object) -> BindParameter[Any]:
    """Return a value as a parameter; it never becomes part of the statement."""
    return literal(value, NullType())


def given(statement: str) -> TextClause:
    """Return SQL of the configuration as it is: what looks like a parameter in it is none."""
    return text(statement.strip().rstrip(";").replace(":", "\\:"))


def witness(element: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return what is equal only for values that are equal to the last letter, of any type."""
    if dialect == "postgresql":
        return collate(cast(element, Text), "C")
    return cast(element, LargeBinary)


def is_anchor(element: ColumnElement[Any], held: Column, anchor: str) -> ColumnElement[bool]:
    """Return the condition that a column has an anchor; ``ValueError`` when no row can have it.

    A collation may let it hold for other texts too, so whoever asks looks at what comes.
    """
    if held.kind is Kind.ANY:
        return cast(element, Text) == bind(anchor)
    return element == bind(anchor_bound(held, anchor))


def _split(inspector: Inspector, name: str) -> tuple[str | None, str]:
    schema, dot, rest = name.partition(".")
    if not dot or inspector.has_table(name):
        return None, name
    return schema, rest


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _column(described: Any, dialect: str, json: frozenset[str]) -> Column:  # noqa: ANN401
    declared: types.TypeEngine[Any] = described["type"]
    name = str(described["name"])
    is_always = bool((described.get("identity") or {}).get("always"))
    return Column(
        name=name,
        kind=kind_of(declared, is_json=name in json),
        is_read_only="computed" in described or is_always,
        is_zoned=isinstance(declared, types.DateTime) and declared.timezone,
        is_padded=isinstance(declared, types.CHAR) and dialect == "postgresql",
        dialect=dialect,
    )


def _json_columns(connection: Connection, name: str, schema: str | None) -> frozenset[str]:
    """Return the columns that MariaDB made of JSON: text that is checked."""
    if not getattr(connection.dialect, "is_mariadb", False):
        return frozenset()
    checks = table("CHECK_CONSTRAINTS", *map(untyped, _CHECKS), schema="information_schema").c
    wanted = func.database() if schema is None else bind(schema)
    statement = select(checks.CHECK_CLAUSE).where(
        wanted == checks.CONSTRAINT_SCHEMA, bind(name) == checks.TABLE_NAME
    )
    return frozenset(
        found.replace("``", "`")
        for clause in connection.execute(statement).scalars()
        for found in _JSON_CHECK.findall(str(clause))
    )


def _unique(inspector: Inspector, name: str, schema: str | None) -> frozenset[str]:
    """Return the columns that are a primary key, a unique constraint or index on their own."""
    # SQLite keeps unique constraints as indices that are not listed otherwise
    more = {"include_auto_indexes": True} if inspector.dialect.name == "sqlite" else {}
    groups: list[list[Any]] = [
        list(inspector.get_pk_constraint(name, schema)["constrained_columns"]),
        *(list(each["column_names"]) for each in inspector.get_unique_constraints(name, schema)),
        *(
            list(each["column_names"])
            for each in inspector.get_indexes(name, schema, **more)
            if each["unique"] and not _is_partial(each.get("dialect_options", {}))
        ),
    ]
    return frozenset(str(each[0]) for each in groups if len(each) == 1 and each[0] is not None)


def _is_partial(options: Mapping[str, Any]) -> bool:
    return any(name.endswith("_where") for name in options)


def _engine(inspector: Inspector, name: str, schema: str | None) -> str:
    if inspector.dialect.name not in ("mysql", "mariadb"):
        return ""
    options = inspector.get_table_options(name, schema)
    return str(options.get("mariadb_engine") or options.get("mysql_engine") or "")
