"""Which tables and views a database has besides those that are configured.

What an account may do it is asked too, where the database tells (PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from sqlalchemy import func, inspect, select
from sqlalchemy.engine import Connection

from hypersync.connectors.sql_database.source import Shape, Source
from hypersync.connectors.sql_database.tables import find_table
from hypersync.model.discovery import (
    SAMPLE,
    FoundType,
    Survey,
    anchor_candidates,
    join_candidates,
)
from hypersync.model.rights import Right, Verb

_PRIVILEGES = {
    Verb.READ: "SELECT",
    Verb.CREATE: "INSERT",
    Verb.UPDATE: "UPDATE",
    Verb.DELETE: "DELETE",
}


def other_tables(connection: Connection, known: Collection[str]) -> Iterator[FoundType]:
    """Look at some rows of each table and view that is not known."""
    inspector = inspect(connection)
    for name in sorted({*inspector.get_table_names(), *inspector.get_view_names()}):
        if name not in known:
            yield _look(connection, name)


def _look(connection: Connection, name: str) -> FoundType:
    table = find_table(connection, name)
    shape = Shape(list(table.columns), table.columns, "")
    survey = Survey()
    unread = 0
    for row in connection.execute(select(*table.clause.c).limit(SAMPLE)):
        try:
            survey.see(shape.attributes(row))
        except ValueError:
            unread += 1
    attributes = tuple(
        replace(each, note="unique") if each.name in table.unique else each
        for each in survey.attributes()
    )
    rows = survey.sampled + unread
    return FoundType(
        name=name,
        options={"table": name},
        attributes=attributes,
        anchors=anchor_candidates(attributes, survey.sampled, sorted(table.unique)),
        joins=join_candidates(attributes, survey.sampled),
        sampled=survey.sampled,
        objects=rows if rows < SAMPLE else None,
        notes=(f"{unread} rows could not be read",) if unread else (),
    )


def rights_of(connection: Connection, source: Source) -> Iterator[Right]:
    """Ask what the account may do to the table of a type and to its second tables."""
    tables = [each for each in (source.table,) if each is not None]
    tables += [each.table for each in source.lists.values()]
    for verb, privilege in _PRIVILEGES.items():
        if connection.dialect.name != "postgresql" or source.table is None:
            yield Right(type=source.kind.name, verb=verb, granted=None)
            continue
        lacking = []
        for table in tables:
            name = connection.dialect.identifier_preparer.format_table(table.clause)
            # a table of second values has its rows exchanged, never changed
            needed = "INSERT" if verb is Verb.UPDATE and table is not source.table else privilege
            # the account may be allowed some columns only, and those may be the ones that are used
            asked = (
                func.has_table_privilege if needed == "DELETE" else func.has_any_column_privilege
            )
            if not connection.execute(select(asked(name, needed))).scalar_one():
                lacking.append(f"{needed} on {table.name}")
        yield Right(
            type=source.kind.name,
            verb=verb,
            granted=not lacking,
            lacking=tuple(lacking),
            remedy="GRANT what is lacking to the account" if lacking else "",
        )
