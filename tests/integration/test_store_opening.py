"""Several processes open a new SQLite file at once: none is turned away."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import monotonic

import pytest
from sqlalchemy.exc import DatabaseError

from hypersync.store.engine import _is_busy, open_engine

AT_ONCE = 8


def test_everybody_who_opens_a_new_file_at_once_gets_in(tmp_path):
    for number in range(15):
        url = f"sqlite:///{tmp_path / str(number)}.db"
        together = Barrier(AT_ONCE)

        def look(url=url, together=together):
            engine = open_engine(url)
            together.wait()
            with engine.connect() as connection:
                mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            engine.dispose()
            return mode

        with ThreadPoolExecutor(AT_ONCE) as pool:
            modes = [answer.result() for answer in [pool.submit(look) for _ in range(AT_ONCE)]]
        assert modes == ["wal"] * AT_ONCE


def test_a_file_that_cannot_become_wal_is_said_at_once(tmp_path):
    (tmp_path / "text.db").write_text("this is no database, it is a text\n" * 100)
    engine = open_engine(f"sqlite:///{tmp_path / 'text.db'}")
    began = monotonic()
    with pytest.raises(DatabaseError, match="file is not a database"):
        engine.connect()
    engine.dispose()
    assert monotonic() - began < 5


@pytest.mark.parametrize(
    ("code", "again"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_RECOVERY, True),
        (sqlite3.SQLITE_LOCKED, True),
        (sqlite3.SQLITE_READONLY, False),
        (sqlite3.SQLITE_IOERR, False),
    ],
)
def test_only_a_file_that_somebody_holds_is_tried_again(code, again):
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    assert _is_busy(error) is again
