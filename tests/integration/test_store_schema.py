"""Migrations: made, made again, refused, compared with the tables, and undone with data in them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import StatementError

from hypersync.errors import StoreError, StoreNewer
from hypersync.store import migrating
from hypersync.store.engine import WRITE, open_engine
from hypersync.store.schema import current, downgrade, newest, prepare, upgrade
from hypersync.store.tables import metadata, run
from tests.postgresql import both_databases, both_databases_empty, postgresql_only

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def engine(database_url):
    made = open_engine(database_url)
    yield made
    made.dispose()


def write(engine, statement, **values):
    with engine.connect() as connection:
        connection = connection.execution_options(**{WRITE: True})
        with connection.begin():
            connection.execute(text(statement), values)


@both_databases_empty
def test_an_empty_database_is_made_ready_in_a_folder_that_is_made_too(engine):
    assert current(engine) is None
    prepare(engine)
    assert current(engine) == newest()


@both_databases_empty
def test_preparing_again_changes_nothing(engine):
    prepare(engine)
    before = inspect(engine).get_table_names()
    prepare(engine)
    upgrade(engine)
    assert inspect(engine).get_table_names() == before


@both_databases_empty
def test_the_migrations_make_exactly_the_tables_of_the_program(engine):
    prepare(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


@both_databases_empty
def test_the_indices_of_the_migrations_are_those_of_the_program(engine):
    prepare(engine)
    found = inspect(engine)
    for table in metadata.sorted_tables:
        indices = {
            (each["name"], tuple(each["column_names"]), bool(each["unique"]))
            for each in found.get_indexes(table.name)
        }
        wanted = {
            (str(each.name), tuple(column.name for column in each.columns), each.unique)
            for each in table.indexes
        }
        assert indices == wanted, table.name


@both_databases_empty
def test_a_database_from_a_newer_version_is_refused(engine):
    prepare(engine)
    write(engine, "UPDATE alembic_version SET version_num = '9999'")
    for ready in (prepare, upgrade):
        with pytest.raises(StoreNewer, match="9999"):
            ready(engine)


def test_the_newest_revision_is_the_last_of_the_migrations():
    assert newest() == migrating.scripts().get_current_head()


def test_a_database_that_is_up_to_date_is_opened_without_what_migrates_it(engine):
    prepare(engine)
    opening = (
        "import sys; from hypersync.store.engine import open_engine; "
        "from hypersync.store.schema import prepare; prepare(open_engine(sys.argv[1])); "
        "sys.exit('alembic' in sys.modules)"
    )
    url = engine.url.render_as_string()
    done = subprocess.run([sys.executable, "-c", opening, url], timeout=60)  # noqa: S603 - our own
    assert done.returncode == 0


@both_databases_empty
def test_a_database_at_two_revisions_at_once_is_refused(engine):
    prepare(engine)
    write(engine, "INSERT INTO alembic_version VALUES ('0001')")
    for ready in (prepare, upgrade):
        with pytest.raises(StoreNewer, match=f"0001, {newest()}"):
            ready(engine)


def test_an_application_refuses_a_database_from_a_newer_version(world):
    write(world.app.store.engine, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreNewer, match="newer HyperSync"):
        world.rules("ruleset: none\nrules: []\n")


@both_databases
def test_everything_can_be_undone_and_made_again_with_data_in_it(world):
    world.people(range(10))
    world.leave(1, 2, 3)
    world.run()
    assert len(world.suspended()) == 3
    engine = world.app.store.engine
    downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    upgrade(engine)
    assert world.suspended() == []
    world.run()
    assert len(world.suspended()) == 3


@both_databases_empty
def test_a_time_without_a_zone_is_refused(engine):
    metadata.create_all(engine)
    naive = NOW.replace(tzinfo=None)
    with (
        engine.connect() as connection,
        connection.begin(),
        pytest.raises(StatementError, match="no time zone"),
    ):
        connection.execute(
            run.insert().values(id="r", config="c", started_at=naive, state=None, kind=None)
        )


@both_databases_empty
def test_a_time_comes_back_aware_and_in_utc_whatever_zone_it_came_from(engine):
    metadata.create_all(engine)
    paris = NOW.astimezone(timezone(timedelta(hours=1)))
    lease = metadata.tables["lease"]
    with engine.connect() as connection:
        connection = connection.execution_options(**{WRITE: True})
        with connection.begin():
            connection.execute(
                lease.insert().values(name="sync", holder="a", fence=1, expires_at=paris)
            )
        found = connection.execute(lease.select()).one().expires_at
    assert found == NOW
    assert found.tzinfo is UTC


def test_sqlite_keeps_its_promises(engine):
    prepare(engine)
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000}


@postgresql_only
def test_a_snapshot_cannot_write_on_postgresql(world):
    with (
        pytest.raises(StoreError, match="read-only transaction"),
        world.app.store.snapshot() as unit,
    ):
        unit.silos.pause("hr", "never")


def test_a_server_that_cannot_be_reached_is_said_in_one_line():
    engine = open_engine("postgresql://postgres@127.0.0.1:1/nothing?connect_timeout=2")
    with pytest.raises(StoreError, match=r"(?i)refused: connection failed") as caught:
        prepare(engine)
    assert "\n" not in caught.value.message
    engine.dispose()


def test_a_driver_that_is_missing_is_said_with_what_to_install():
    with pytest.raises(StoreError, match=r"install hypersync\[postgresql\]"):
        open_engine("postgresql+psycopg2://postgres@127.0.0.1/nothing")
