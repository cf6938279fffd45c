"""What the account may do to the tables of a type, as far as the database tells without a write.

PostgreSQL is asked for privileges. MariaDB shows grants in several places and not all of them (what
comes by a role, to everybody or to a pattern of databases), so it is asked to explain the statement
instead, which needs the same rights and carries nothing out. Source: MariaDB "EXPLAIN", error codes
1142 and 1143. SQLite has no rights of its own, and a server of MySQL was not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from hypersync.connectors.sql_database.source import Source
from hypersync.connectors.sql_database.tables import Table, given
from hypersync.model.rights import Right, Verb

_PRIVILEGES = {
    Verb.READ: "SELECT",
    Verb.CREATE: "INSERT",
    Verb.UPDATE: "UPDATE",
    Verb.DELETE: "DELETE",
}
_DENIED = frozenset({1142, 1143})

Ask = Callable[[Connection, Table, str], bool | None]
"""Tells whether the account has a privilege on a table, ``None`` when the database does not say."""


def rights_of(connection: Connection, source: Source) -> Iterator[Right]:
    """Ask what the account may do to the table of a type and to its second tables."""
    ask = _ask_of(connection)
    own = source.table
    if own is None:
        yield from (Right(type=source.kind.name, verb=verb, granted=None) for verb in Verb)
        return
    tables = [own, *(each.table for each in source.lists.values())]
    for verb, privilege in _PRIVILEGES.items():
        told = []
        for table in tables:
            # a table of second values has its rows exchanged, never changed
            needed = "INSERT" if verb is Verb.UPDATE and table is not own else privilege
            told.append((f"{needed} on {table.name}", ask(connection, table, needed)))
        lacking = tuple(name for name, is_granted in told if is_granted is False)
        is_told = all(is_granted is not None for _, is_granted in told)
        yield Right(
            type=source.kind.name,
            verb=verb,
            granted=False if lacking else (True if is_told else None),
            lacking=lacking,
            remedy="GRANT what is lacking to the account" if lacking else "",
        )


def _ask_of(connection: Connection) -> Ask:
    if connection.dialect.name == "postgresql":
        return _ask_postgresql
    if getattr(connection.dialect, "is_mariadb", False):
        return _ask_mariadb
    return lambda *_: None


def _ask_postgresql(connection: Connection, table: Table, privilege: str) -> bool:
    name = connection.dialect.identifier_preparer.format_table(table.clause)
    # the account may be allowed some columns only, and those may be the ones that are used
    asked = func.has_table_privilege if privilege == "DELETE" else func.has_any_column_privilege
    return bool(connection.execute(select(asked(name, privilege))).scalar_one())


def _ask_mariadb(connection: Connection, table: Table, privilege: str) -> bool | None:
    """Explain a statement that needs the privilege, column by column where that matters."""
    answers = (_may(connection, each) for each in _statements(connection, table, privilege))
    found: bool | None = None
    for is_allowed in answers:
        if is_allowed is not False:
            return is_allowed
        found = False
    return found


def _statements(connection: Connection, table: Table, privilege: str) -> Iterator[str]:
    """Yield statements of which one is allowed when the account has the privilege."""
    preparer = connection.dialect.identifier_preparer
    name = preparer.format_table(table.clause)
    columns = [
        preparer.quote(each.name) for each in table.columns.values() if not each.is_read_only
    ]
    match privilege:
        case "SELECT":
            yield f"SELECT NULL FROM {name}"  # noqa: S608 - names are quoted
        case "INSERT":
            yield f"INSERT INTO {name} () VALUES ()"  # noqa: S608
        case "UPDATE":
            for each in columns:
                yield f"UPDATE {name} SET {each} = NULL WHERE FALSE"  # noqa: S608
        case _:
            yield f"DELETE FROM {name} WHERE FALSE"  # noqa: S608


def _may(connection: Connection, statement: str) -> bool | None:
    try:
        connection.execute(given(f"EXPLAIN {statement}")).all()
    except DBAPIError as error:
        code = next(iter(getattr(error.orig, "args", ())), None)
        return False if code in _DENIED else None
    return True
