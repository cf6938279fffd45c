"""The database engine, set up the same way everywhere.

SQLite: WAL, foreign keys, 30 s busy timeout, and transactions that begin when we say so (the
driver's own habit of beginning late would break ``BEGIN IMMEDIATE``). PostgreSQL: psycopg, READ
COMMITTED for what writes. Sources: SQLite "WAL mode", SQLAlchemy "Pysqlite: Serializable isolation
/ Savepoints / Transactional DDL".
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, TimeoutError
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from hypersync.errors import StoreError
from hypersync.store.complaints import complaint, name_of
from hypersync.store.place import make_folder

WRITE = "hypersync_write"
_UNREADABLE = (
    "the address of the database cannot be read; write for instance sqlite:///var/hypersync.db "
    "or postgresql+psycopg://user@host:5432/name, and in a password %40 for @ and %25 for %"
)
_log = logging.getLogger(__name__)


def open_engine(url: str) -> Engine:
    """Open the database at an SQLAlchemy URL; a missing SQLite file (and its folder) is made.

    Raises `StoreError` when the address cannot be read, when the driver of the database is not
    installed, and when the folder cannot be made.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return _open_server(parsed)
    if parsed.database and parsed.database != ":memory:":
        make_folder(Path(parsed.database).parent)
    engine = create_engine(
        parsed,
        connect_args={"timeout": 30, "check_same_thread": False},
        hide_parameters=True,  # what goes wrong is logged, and they hold what people are
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, ValueError):
        raise StoreError(_UNREADABLE) from None
    # where it was cut may be in the middle of the password, which nobody is to see
    if parsed.host is not None and "@" in f"{parsed.host}{parsed.database}":
        raise StoreError(_UNREADABLE)
    return parsed


def _open_server(url: URL) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    try:
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except ImportError as error:
        raise StoreError(
            f"{url.drivername} needs a driver ({error}); install hypersync[postgresql]"
        ) from error


@contextmanager
def refusals(engine: Engine) -> Iterator[None]:
    """Raise `StoreError` for what the driver raises: not reached, refused, deadlocked, full.

    While an interrupt ends the command it stays one: what the database refuses then is logged.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:  # the latter where the driver's cursor is used
        refused = StoreError(complaint(engine.url, error))
        if _is_interrupted(error):
            _log.warning("while stopping: %s", refused.message)
            raise KeyboardInterrupt from refused
        raise refused from error
    except TimeoutError as error:
        name = name_of(engine.url)
        raise StoreError(f"the database has no free connection: {error} ({name})") from error


def _is_interrupted(error: BaseException) -> bool:
    """Tell whether an error came up while Ctrl-C was being obeyed."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, KeyboardInterrupt):
        found = found.__context__
    return found is not None


def is_writing(connection: Connection) -> bool:
    """Tell whether the transaction may write, and hence lock what it reads."""
    return bool(connection.get_execution_options().get(WRITE, False))


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.isolation_level = None
    cursor = connection.cursor()
    _use_wal(cursor)
    for pragma in (
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "cache_size=-32768",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _is_busy(error: BaseException) -> bool:
    """Tell whether somebody else is at the file; nothing else gets better by waiting."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@retry(
    retry=retry_if_exception(_is_busy),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(30),
    reraise=True,
)
def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL; two processes that open a new file at once do not wait for each other here.

    SQLite calls no busy handler where waiting could end in a deadlock, and this is such a place.
    """
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing(connection) else "BEGIN")
