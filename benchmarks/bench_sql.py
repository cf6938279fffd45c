"""SQL: a full scan of 100 000 rows of 15 columns against the bare driver reading the same rows.

Both read in batches of 1 000, from a cursor that the server keeps; only processor time of our own
counts. The driver merely reads; the scan also counts the rows, makes attributes of them and knows
anchors.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import process_time

import psycopg
import pymysql
from pymysql.cursors import SSCursor

from tests.mariadb import MariaDb
from tests.mariadb import _free_port as free_port
from tests.postgresql import Server
from tests.sql import Sql

SIZE = int(os.environ.get("HYPERSYNC_BENCH_OBJECTS", "100000"))
BATCH = 1_000
COLUMNS = [f"c{number:02}" for number in range(11)]
TABLE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, grade INTEGER, active BOOLEAN, "
    f"changed {{moment}}, {', '.join(f'{name} VARCHAR(40)' for name in COLUMNS)})"
)
SELECT = "SELECT * FROM users"
USERS = {"user": {"table": "users", "anchor": "id"}}
MOMENT = {"sqlite": "DATETIME", "postgresql": "TIMESTAMPTZ", "mariadb": "DATETIME"}


def run() -> list[dict]:
    rows = []
    for name, database in (("SQLite", sqlite), ("PostgreSQL", postgresql), ("MariaDB", mariadb)):
        with database() as (silo, bare):
            fill(silo)
            scanned = min(timed(lambda silo=silo: scan(silo)) for _ in range(3))
            read = min(timed(bare) for _ in range(3))
        rows.append(
            {
                "case": f"SQL full scan of {SIZE:,} rows, {name}",
                "figure": scanned,
                "floor": read,
                "unit": "processor s",
                "ratio": scanned / read,
            }
        )
    return rows


def fill(silo: Sql) -> None:
    silo.run(TABLE.format(moment=MOMENT[silo.backend]))
    tail = ", ".join(f"'{name} of somebody'" for name in COLUMNS)
    for start in range(0, SIZE, 5_000):
        numbers = range(start, min(start + 5_000, SIZE))
        rows = (f"({n}, {n % 9}, true, '2026-01-02 03:04:05', {tail})" for n in numbers)
        values = ", ".join(rows).replace(":", "\\:")
        silo.run(f"INSERT INTO users VALUES {values}")  # noqa: S608 - our own words


def scan(silo: Sql) -> int:
    connector = silo.connect(USERS)
    with connector.open() as session:
        return sum(len(batch) for batch in session.scan(connector.streams()[0], None))


def timed(work: Callable[[], object]) -> float:
    begin = process_time()
    work()
    return process_time() - begin


def drain(cursor: sqlite3.Cursor | SSCursor | psycopg.ServerCursor) -> None:
    while cursor.fetchmany(BATCH):
        pass


@contextmanager
def sqlite() -> Iterator[tuple[Sql, Callable[[], None]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "users.db"
        path.touch()

        def bare() -> None:
            with closing(sqlite3.connect(path)) as connection:
                drain(connection.execute(SELECT))

        yield Sql("sqlite", f"sqlite:///{path}"), bare


@contextmanager
def postgresql() -> Iterator[tuple[Sql, Callable[[], None]]]:
    with folder_of("postgres") as folder:
        server = Server(folder, free_port())
        server.start()
        url = server.create()

        def bare() -> None:
            with (
                psycopg.connect(url.replace("+psycopg", "")) as connection,
                connection.cursor("bare") as cursor,
            ):
                cursor.execute(SELECT)
                drain(cursor)

        yield Sql("postgresql", url), bare
        server.stop()


@contextmanager
def mariadb() -> Iterator[tuple[Sql, Callable[[], None]]]:
    with folder_of("mysql") as folder:
        server = MariaDb(folder, free_port())
        server.start()
        url = server.create()
        options = {"host": "127.0.0.1", "port": server.port, "user": "root"}

        def bare() -> None:
            name = url.rpartition("/")[2]
            with (
                pymysql.connect(**options, database=name) as connection,
                connection.cursor(SSCursor) as cursor,
            ):
                cursor.execute(SELECT)
                drain(cursor)

        yield Sql("mariadb", url), bare
        server.stop()


@contextmanager
def folder_of(user: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hypersync-bench-"))
    if os.getuid() == 0:
        shutil.chown(folder, user, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
