"""The store's own errors: which database, and what to do; tried with real files and servers."""

from __future__ import annotations

import logging
import resource
import sqlite3
from contextlib import ExitStack, contextmanager, suppress

import click
import psycopg
import pytest
from sqlalchemy import event

from hypersync.cli.failure import run_safely
from hypersync.cli.frame import Exit
from hypersync.clock import SystemClock
from hypersync.errors import StoreError
from hypersync.pipeline.lease import holding
from hypersync.store import schema
from hypersync.store.engine import open_engine
from hypersync.store.unit import Store
from tests.databases import lay_tables
from tests.holding_locks import locked
from tests.postgresql import postgresql_only
from tests.processes import free_port

NOW = SystemClock().now


@pytest.fixture
def file(tmp_path):
    place = tmp_path / "var" / "hypersync.db"
    lay_tables(place)
    return place


@contextmanager
def store_in(file, *pragmas):
    """Open a store whose connections begin with these settings."""
    engine = open_engine(f"sqlite:///{file}")
    event.listen(engine, "connect", lambda made, _: [made.execute(each) for each in pragmas])
    store = Store(engine)
    try:
        yield store
    finally:
        store.close()


IMPATIENT = "PRAGMA busy_timeout = 50"


def write_much(store):
    with store.begin() as unit:
        for number in range(2_000):
            unit.leases.take(f"a lease with a long name, number {number}" + "x" * 200, "me", NOW())


def test_a_database_that_another_process_holds_is_named_with_what_to_do(file):
    with (
        store_in(file, IMPATIENT) as store,
        locked(file),
        pytest.raises(StoreError) as caught,
        store.begin(),
    ):
        pass
    assert caught.value.message == (
        f"the database refused: database is locked; another process holds {file}: "
        "wait until it is done, or end it"
    )


def test_a_database_that_is_full_is_named_with_what_to_do(file):
    # SQLite's own limit on the size of a file: it ends as one on a disk without room does
    with (
        store_in(file, "PRAGMA max_page_count = 1") as store,
        pytest.raises(StoreError) as caught,
    ):
        write_much(store)
    assert caught.value.message == (
        f"the database refused: database or disk is full; make room on the disk of {file}"
    )


def test_a_database_whose_file_may_not_grow_is_named_with_what_to_look_at(file):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with store_in(file) as store:
        with store.snapshot():
            pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (32_768, hard))
        try:
            with pytest.raises(StoreError) as caught:
                write_much(store)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        with store.begin() as unit:
            assert unit.leases.holder("a lease", NOW()) is None
    assert caught.value.message == (
        f"the database refused: disk I/O error; see whether the disk of {file} is full or broken"
    )


def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path):
    file = tmp_path / "text.db"
    file.write_text("this is no database, it is a text\n" * 100)
    engine = open_engine(f"sqlite:///{file}")
    with pytest.raises(StoreError) as caught:
        schema.prepare(engine)
    engine.dispose()
    assert caught.value.message == (
        f"the database refused: file is not a database; see whether {file} is the right file, or "
        "restore it from a backup"
    )


def test_what_breaks_while_rows_are_read_past_sqlalchemy_is_a_sentence_too(file):
    """Rows that are read with the driver's own cursor come with the driver's own errors."""
    with store_in(file) as store:
        with store.begin() as unit:
            fence = unit.leases.take("sync", "me", NOW())
        with sqlite3.connect(file) as other:
            other.execute("DROP TABLE lease")
        other.close()
        with (
            pytest.raises(StoreError, match=r"no such table: lease \(/.*hypersync\.db\)"),
            store.snapshot() as unit,
        ):
            unit.leases.check(fence)


def ended_by(block):
    """Run a block as a command of the command line; return its exit code."""
    return run_safely(click.command()(block), [])


def test_an_interrupt_stays_one_when_the_database_refuses_what_cleans_up(
    file, capsys, caplog, monkeypatch
):
    # what other commands left behind in this process logs to streams that are closed
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with store_in(file, IMPATIENT) as store, ExitStack() as others:

        def interrupted():
            with holding(store, "sync", "me", NOW):
                others.enter_context(locked(file))
                raise KeyboardInterrupt

        assert ended_by(interrupted) == Exit.STOPPED
    assert capsys.readouterr().err.strip() == "Stopped; what was finished stays done."
    assert caplog.messages == [
        "while stopping: the database refused: database is locked; another process holds "
        f"{file}: wait until it is done, or end it"
    ]


def test_what_the_database_refuses_without_an_interrupt_is_no_interrupt(file, capsys, caplog):
    with store_in(file, IMPATIENT) as store, locked(file):

        def refused():
            with suppress(KeyboardInterrupt):
                raise KeyboardInterrupt
            with store.begin():
                pass

        assert ended_by(refused) == Exit.FAILED
    assert f"another process holds {file}" in capsys.readouterr().err
    assert caplog.messages == []


def said_by(url):
    engine = open_engine(url)
    with pytest.raises(StoreError) as caught:
        schema.prepare(engine)
    engine.dispose()
    assert "\n" not in caught.value.message
    assert "geheim" not in caught.value.message
    assert caught.value.message.startswith("the database refused: ")
    return caught.value.message


@pytest.fixture
def with_password(postgresql_server):
    """A role that needs a password, and the URL with which it signs in."""
    rules = postgresql_server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    url = f"postgresql://postgres@127.0.0.1:{postgresql_server.port}/postgres"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("CREATE ROLE clerk LOGIN PASSWORD 'right'")
        rules.write_text(f"host all clerk all scram-sha-256\n{before}")
        server.execute("SELECT pg_reload_conf()")
        yield f"clerk:{{}}@127.0.0.1:{postgresql_server.port}"
        rules.write_text(before)
        server.execute("SELECT pg_reload_conf()")
        server.execute("DROP ROLE clerk")


def test_a_server_that_does_not_run_is_named_with_what_to_look_at():
    port = free_port()
    said = said_by(f"postgresql://ann:geheim@127.0.0.1:{port}/iam")
    assert "Connection refused" in said
    assert said.endswith(f"; see whether the server of iam on 127.0.0.1:{port} is running")


def test_a_wrong_password_is_said_with_the_database_it_is_for(with_password):
    said = said_by(f"postgresql://{with_password.format('geheim')}/postgres")
    assert 'password authentication failed for user "clerk"; ' in said
    name = f"postgres on {with_password.rpartition('@')[2]}"
    assert said.endswith(f"see whether the address of {name} has the right user and password")


def test_a_database_that_a_server_does_not_have_is_named(with_password):
    said = said_by(f"postgresql://{with_password.format('right')}/iam")
    assert 'database "iam" does not exist; ' in said
    name = f"iam on {with_password.rpartition('@')[2]}"
    assert said.endswith(f"see whether {name} is spelled right, or have it made")


@postgresql_only
def test_a_user_without_rights_and_a_server_that_takes_no_writes_are_said(
    database_url, with_password
):
    name = database_url.rpartition("/")[2]
    said = said_by(f"postgresql://{with_password.format('right')}/{name}")
    assert "permission denied for table alembic_version; have the user of " in said
    store = Store(open_engine(f"{database_url}?options=-c%20default_transaction_read_only%3Don"))
    with (
        pytest.raises(StoreError, match=rf"; see whether {name} on .* is a standby"),
        store.begin() as unit,
    ):
        unit.leases.take("sync", "me", NOW())
    store.close()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:ge@heim@127.0.0.1/iam",
        "postgresql://ann:ge@heim:1/@127.0.0.1/iam",
        "postgresql://ann:x@ge/heim@127.0.0.1/iam",
        "postgresql://ann:x@127.0.0.1:heim/iam",
        "postgresql+heim://127.0.0.1/iam",
        "sqlite+heim:///iam.db",
    ],
)
def test_an_address_that_cannot_be_read_is_said_without_what_may_be_its_password(address):
    with pytest.raises(StoreError, match=r"the address of the database cannot be read; ") as caught:
        open_engine(address)
    assert "heim" not in caught.value.message
