"""Databases for the tests of the SQL connector: SQLite, PostgreSQL and MariaDB, each for real.

A test that asks for ``database`` runs on all three.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.connectors.sql_database.connector import SqlConnector
from hypersync.connectors.sql_database.options import SqlOptions
from hypersync.model.objects import Complete, ScanEvent
from tests.mariadb import MariaDb
from tests.postgresql import Server

DATABASES = ("sqlite", "postgresql", "mariadb")


@dataclass(frozen=True)
class Sql:
    """One database, and somebody else who changes it."""

    backend: str
    url: str

    def run(self, *statements: str, **values: object) -> None:
        """Run statements, each with the values that it names; names in double quotes."""
        with self._engine().begin() as connection:
            for statement in statements:
                connection.execute(text(self._own(statement)), values)

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self._engine().begin() as connection:
            return [tuple(row) for row in connection.execute(text(self._own(query)), values)]

    def _engine(self) -> Engine:
        url = self.url.replace("mariadb://", "mariadb+pymysql://")
        plain = {"ssl_disabled": True} if self.backend == "mariadb" else {}
        return create_engine(url, poolclass=NullPool, connect_args=plain)

    def _own(self, statement: str) -> str:
        return statement.replace('"', "`") if self.backend == "mariadb" else statement

    def connect(
        self, types: dict[str, Any], *, write: bool = True, timeout: Any = None, url: str = ""
    ) -> SqlConnector:
        """Return a connector to it."""
        options = SqlOptions.model_validate({"url": url or self.url, "types": types})
        more = {} if timeout is None else {"timeout": timeout}
        return SqlConnector(
            SiloSettings(
                silo="crm",
                options=options,
                types=object_types("crm", options, {}),
                write=write,
                **more,
            )
        )

    @property
    def port(self) -> int:
        """Where the server listens; SQLite has none."""
        return int(self.url.rpartition(":")[2].partition("/")[0])

    def by(self, port: int) -> str:
        """Return the URL by another port."""
        return self.url.replace(f":{self.port}/", f":{port}/")


STRANGER = "stranger"
"""Who needs a password that nobody tells, on PostgreSQL and MariaDB."""


@pytest.fixture(scope="session")
def postgresql_for_silos(postgresql_server: Server) -> Sql:
    """A database of the PostgreSQL server that the tests share; a stranger needs a password."""
    shared = Sql("postgresql", postgresql_server.create())
    shared.run(f"CREATE ROLE {STRANGER} LOGIN PASSWORD 'right'")
    rules = postgresql_server.folder / "data" / "pg_hba.conf"
    rules.write_text(f"host all {STRANGER} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
    shared.run("SELECT pg_reload_conf()")
    stranger = Sql("postgresql", shared.url.replace("postgres@", f"{STRANGER}:wrong@"))
    for _ in range(600):
        try:
            stranger.run("SELECT pg_sleep(0.01)")
        except OperationalError:
            return shared
    raise AssertionError("the server lets anybody in")


@pytest.fixture(scope="session")
def mariadb_for_silos(mariadb_server: MariaDb) -> MariaDb:
    """The MariaDB server that the tests share; a stranger needs a password."""
    mariadb_server.execute(f"CREATE USER {STRANGER}@'%' IDENTIFIED BY 'right'")
    return mariadb_server


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sql]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "crm.db"
        path.touch()
        yield Sql("sqlite", f"sqlite:///{path}")
    elif request.param == "postgresql":
        shared = request.getfixturevalue("postgresql_for_silos")
        yield shared
        shared.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    else:
        server = request.getfixturevalue("mariadb_for_silos")
        url = server.create()
        yield Sql("mariadb", url)
        server.drop(url)


def scan(connector: SqlConnector, number: int = 0, cursor: str | None = None) -> list[ScanEvent]:
    with connector.open() as session:
        stream = session.scan(connector.streams()[number], cursor)
        return [event for batch in stream for event in batch]


def cursor_of(events: list[ScanEvent]) -> str:
    end = events[-1]
    assert isinstance(end, Complete)
    assert end.cursor is not None
    return end.cursor
