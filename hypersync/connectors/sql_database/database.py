"""Opens connections to a database, set up the same way for all that we read and write.

PostgreSQL and MariaDB: times in UTC, statements that end after the silo's ``timeout``, one snapshot
(REPEATABLE READ, read only) for what reads, READ COMMITTED with row locks for what writes. MariaDB
besides: strict, or it would cut what is too long and say nothing. SQLite: transactions that begin
when we say so, foreign keys, and never a new file. Nothing is kept open between sessions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from hypersync.config.values import Secret
from hypersync.connectors.sql_database.options import DRIVERS
from hypersync.connectors.sql_database.postgresql import tell_what_python_cannot_hold
from hypersync.connectors.sql_database.trouble import Meaning, trouble
from hypersync.connectors.sql_database.wire import missing_protection
from hypersync.errors import SiloRefused, SiloUnreachable

_EXTRAS = {"postgresql": "postgresql", "mysql": "mariadb", "mariadb": "mariadb"}
_WRITING = "hypersync_writing"
_PLACES = ("host", "port", "service", "options", "unix_socket")
"""What a URL says after its question mark about which database is meant, and which schema of it."""


class Database:
    """One database by its URL; thread-safe."""

    def __init__(self, url: Secret, root: Path, timeout_seconds: int) -> None:
        parsed = make_url(url.reveal())
        self._url = parsed.set(drivername=DRIVERS[parsed.drivername])
        self._timeout = timeout_seconds
        self._path = root / str(parsed.database)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"

    @property
    def name(self) -> str:
        """The database as messages name it: never with its password."""
        if self.is_sqlite:
            return str(self._path)
        return f"{self._url.database} on {self._url.host or 'this machine'}"

    @property
    def identity(self) -> tuple[str, ...]:
        """Which database is read, and by whom, as far as its URL says it; no secret."""
        url, query = self._url, self._url.query
        where = (self.name, url.get_backend_name(), str(url.port or ""), url.username or "")
        return (*where, *(f"{key}={query[key]}" for key in _PLACES if key in query))

    @property
    def missing_protection(self) -> str | None:
        """What its URL lacks for a connection that nobody else reads or answers."""
        return missing_protection(self._url)

    @cached_property
    def _engine(self) -> Engine:
        if self.is_sqlite:
            engine = create_engine(
                "sqlite://", creator=self._open_file, poolclass=NullPool, hide_parameters=True
            )
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        backend = self._url.get_backend_name()
        arguments: dict[str, Any] = {"connect_timeout": self._timeout}
        if backend != "postgresql":
            arguments |= {"read_timeout": self._timeout, "write_timeout": self._timeout}
        try:
            engine = create_engine(
                self._url, connect_args=arguments, poolclass=NullPool, hide_parameters=True
            )
        except ImportError as error:
            raise SiloRefused(
                f"the driver of this database is missing ({error}); "
                f"install hypersync[{_EXTRAS[backend]}]"
            ) from error
        prepare = _prepare_postgresql if backend == "postgresql" else _prepare_mariadb
        event.listen(engine, "connect", prepare(self._timeout))
        if backend == "postgresql":
            event.listen(engine, "connect", tell_what_python_cannot_hold)
        else:
            event.listen(engine, "handle_error", _give_up_unread)
        return engine

    def _open_file(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=rw",
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Connect to one moment of the database, for reading only."""
        with self._connected() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(postgresql_readonly=True)
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Connect for one transaction that writes; without a commit nothing is written."""
        with self._connected() as connection:
            if self.is_sqlite:
                yield connection.execution_options(**{_WRITING: True})
            else:
                with self.opening():
                    connection.execution_options(isolation_level="READ COMMITTED")
                yield connection

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Connect; raises `SiloUnreachable` or `SiloRefused`."""
        engine = self._engine
        with self.opening():
            connection = engine.connect()
        with connection:
            yield connection

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Raise `SiloUnreachable` or `SiloRefused` for what the driver raises."""
        try:
            yield
        except DBAPIError as error:
            found = trouble(error)
            sentence = f"{self.name}: {found.sentence}"
            if found.meaning is Meaning.REFUSED:
                raise SiloRefused(sentence) from error
            raise SiloUnreachable(sentence) from error
        except SQLAlchemyError as error:
            raise SiloRefused(f"{self.name}: {error}") from error


def _begin_sqlite(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _prepare_postgresql(timeout_seconds: int) -> Callable[[Any, object], None]:
    return _run_first(
        "SET TIME ZONE 'UTC'",
        "SET datestyle = 'ISO'",
        f"SET statement_timeout = '{timeout_seconds}s'",
        f"SET lock_timeout = '{timeout_seconds}s'",
    )


def _prepare_mariadb(timeout_seconds: int) -> Callable[[Any, object], None]:
    return _run_first(
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION sql_mode = CONCAT_WS(',', @@sql_mode, 'STRICT_ALL_TABLES')",
        f"SET SESSION innodb_lock_wait_timeout = {timeout_seconds}",
        # a scan takes as long as its reader does
        "SET SESSION net_write_timeout = 3600",
    )


def _give_up_unread(context: ExceptionContext) -> None:
    """Let PyMySQL not read on, when it tidies up, from a connection that broke in a stream.

    It would fail on what it has closed already, and say so where nobody asked.
    """
    cursor = None if context.execution_context is None else context.execution_context.cursor
    unread = getattr(cursor, "_result", None)
    if context.is_disconnect and unread is not None:
        unread.unbuffered_active = False


def _run_first(*statements: str) -> Callable[[Any, object], None]:
    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()

    return prepare
