"""Which tables and views a database has besides those that are configured."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from sqlalchemy import inspect, select
from sqlalchemy.engine import Connection

from hypersync.connectors.sql_database.source import Shape
from hypersync.connectors.sql_database.tables import find_table
from hypersync.model.discovery import (
    SAMPLE,
    FoundType,
    Survey,
    anchor_candidates,
    join_candidates,
)


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
