"""Second tables of the SQL connector while somebody else writes the same object.

Their rows have no condition that says how the object was: only that the object's own row is locked
before they are read keeps two writers from working on what neither has.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from hypersync.connectors.sql_database.connector import SqlConnector
from hypersync.model.objects import Attributes, Change, Conflict, Operation, Outcome, Succeeded
from tests.sql import Sql

TYPES = {
    "group": {
        "table": "teams",
        "anchor": "id",
        "members": "people",
        "lists": {
            "people": {"table": "person", "of": "team", "value": "who"},
            "tags": {"table": "tag", "of": "team", "value": "word"},
        },
    }
}
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    "mariadb": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}
SERVERS = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
"""A file of SQLite has one writer at a time."""


@pytest.fixture
def teams(database: Sql) -> Sql:
    database.run(
        "CREATE TABLE teams (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE person (team INTEGER, who VARCHAR(20))",
        "CREATE TABLE tag (team INTEGER, word VARCHAR(20))",
        "INSERT INTO teams VALUES (1, 'Sales')",
        "INSERT INTO person VALUES (1, 'ann')",
        "INSERT INTO tag VALUES (1, 'old')",
    )
    return database


@contextmanager
def somebody(teams: Sql) -> Iterator[Connection]:
    """Another writer in the middle of a transaction, who has locked the team."""
    url = teams.url.replace("mariadb://", "mariadb+pymysql://")
    plain = {"ssl_disabled": True} if teams.backend == "mariadb" else {}
    engine = create_engine(url, poolclass=NullPool, connect_args=plain)
    with engine.connect() as connection:
        connection.execute(text("SELECT id FROM teams WHERE id = 1 FOR UPDATE"))
        yield connection


def change(
    connector: SqlConnector,
    operation: Operation,
    before: Attributes | None = None,
    after: Attributes | None = None,
) -> Change:
    (kind,) = connector.streams()[0]
    return Change(key="k", operation=operation, type=kind, anchor="1", before=before, after=after)


def wait_until_it_waits(teams: Sql, writing: Future[Outcome]) -> None:
    """Return when the connector waits for the lock, or went past it.

    MariaDB tells the same again to whoever asks more often than every tenth of a second.
    """
    for _ in range(300):
        if writing.done() or teams.rows(WAITING[teams.backend]) != [(0,)]:
            return
        time.sleep(0.12 if teams.backend == "mariadb" else 0.01)
    raise AssertionError("it neither waits nor comes to an end")


def meanwhile(teams: Sql, make: Callable[[SqlConnector], Change], *others: str) -> Outcome:
    """Write a change while somebody else does something else to the same team and commits it."""
    connector = teams.connect(TYPES)

    def write() -> Outcome:
        with connector.open() as session:
            (outcome,) = session.apply([make(connector)])
            return outcome

    with ThreadPoolExecutor(1) as pool, somebody(teams) as other:
        for statement in others:
            other.execute(text(statement))
        writing = pool.submit(write)
        try:
            wait_until_it_waits(teams, writing)
        finally:
            other.commit()
        return writing.result()


@SERVERS
def test_a_list_that_somebody_else_is_writing_is_read_when_he_is_done(teams: Sql):
    outcome = meanwhile(
        teams,
        lambda silo: change(silo, Operation.UPDATE, {"tags": ("old",)}, {"tags": ("mine", "old")}),
        "INSERT INTO tag VALUES (1, 'his')",
    )
    assert isinstance(outcome, Conflict)
    assert sorted(teams.rows("SELECT word FROM tag")) == [("his",), ("old",)]


@SERVERS
def test_a_value_that_somebody_else_is_adding_is_not_added_twice(teams: Sql):
    outcome = meanwhile(
        teams,
        lambda silo: change(silo, Operation.ADD_MEMBER, after={"member": "bob"}),
        "INSERT INTO person VALUES (1, 'bob')",
    )
    assert isinstance(outcome, Succeeded)
    assert sorted(teams.rows("SELECT who FROM person")) == [("ann",), ("bob",)]


@SERVERS
def test_no_member_is_added_to_a_group_that_somebody_else_is_deleting(teams: Sql):
    outcome = meanwhile(
        teams,
        lambda silo: change(silo, Operation.ADD_MEMBER, after={"member": "bob"}),
        "DELETE FROM person WHERE team = 1",
        "DELETE FROM teams WHERE id = 1",
    )
    assert isinstance(outcome, Conflict)
    assert teams.rows("SELECT who FROM person") == []
