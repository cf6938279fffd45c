"""`check` knows from the database how large silos are, and which limits that forbids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hypersync.check import check
from hypersync.clock import SystemClock
from hypersync.store import schema
from hypersync.store.engine import open_engine
from hypersync.store.unit import Store
from tests.projects import ENVIRONMENT, MAIN, write_project
from tests.unlocking import HERE, PUBLIC, claims, signed

RULES = """\
ruleset: users
rules:
  - {{id: flow, kind: update, target: app, set: {{title: hr.title}}, threshold: {limit}}}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hr.csv").write_text("employeeId,title\nE1,Engineer\n")
    (tmp_path / "data" / "users.csv").write_text("uid,number,title\nu1,E1,Engineer\n")

    def write(*, limit, live, database="sqlite:///var/hypersync.db"):
        main = f"{MAIN}database: {database}\n"
        path = write_project(tmp_path, main, rules=RULES.format(limit=limit))
        if live is not None:
            engine = open_engine(f"sqlite:///{tmp_path}/var/hypersync.db")
            schema.prepare(engine)
            with Store(engine).begin() as unit:
                kind = unit.scans.register("app", ["user"])["user"]
                unit.scans.raise_live(kind.id, live)
                unit.scans.applied_type(kind.id, "scope", datetime(2026, 1, 5, tzinfo=UTC))
            engine.dispose()
        return path

    return write


def sentences(path):
    found = check(path, None, offline=False, process_environment=ENVIRONMENT)[1]
    return [str(mistake) for mistake in found]


def test_a_project_that_never_ran_has_no_mistake_and_no_database(project, tmp_path):
    assert sentences(project(limit="50%", live=None)) == []
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(("limit", "live"), [("5%", 100_000), ("50%", 9_999), ("500", 10_000)])
def test_a_limit_within_the_ceiling_or_on_a_small_silo_is_fine(project, limit, live):
    assert sentences(project(limit=limit, live=live)) == []


def test_an_empty_database_says_nothing(project, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "hypersync.db").touch()
    assert sentences(project(limit="50%", live=None)) == []


def test_an_event_rule_has_no_ceiling(project):
    path = project(limit="5%", live=100_000)
    rules = path.parent.parent / "rules" / "users.yaml"
    event = '{id: e, kind: event, when: hr.exists, do: {webhook: "https://x.example.org"}, '
    rules.write_text(f"{rules.read_text()}  - {event}throttle: 1h, threshold: 90000}}\n")
    assert sentences(path) == []


def test_a_percentage_above_the_ceiling_is_refused_on_a_large_silo(project):
    assert sentences(project(limit="6%", live=10_000)) == [
        "rules/users.yaml:3: the limit 6% is above the ceiling of 5%, which holds for large silos; "
        "'app' has 10000 live objects; write 5% or less, or have an unlock key issued and applied "
        "with `hypersync unlock apply`"
    ]


def test_a_number_above_the_ceiling_is_warned_about(project):
    (found,) = sentences(project(limit="6000", live=100_000))
    assert found.startswith("rules/users.yaml:3: warning: the limit 6000 is above the ceiling")


@pytest.mark.parametrize(
    ("kind", "issued", "level"),
    [
        ("permanent", timedelta(days=400), "warning: "),
        ("day", timedelta(minutes=1), "warning: "),
        ("day", timedelta(days=2), ""),
    ],
)
def test_while_an_unlock_key_is_in_force_a_limit_above_the_ceiling_is_warned_about(
    project, tmp_path, kind, issued, level
):
    path = project(limit="6%", live=10_000)
    unlock = f'installation: {HERE}\nunlock: {{public_key: "{PUBLIC}"}}\n'
    path.write_text(path.read_text() + unlock)
    now = SystemClock().now()
    said = claims(kind, silo="app", issued_at=(now - issued).replace(microsecond=0))
    engine = open_engine(f"sqlite:///{tmp_path}/var/hypersync.db")
    with Store(engine).begin() as unit:
        unit.unlocks.apply(said.id, signed(said), silo="app", by="cli:ann", now=now)
    engine.dispose()
    (found,) = sentences(path)
    assert found.startswith(f"rules/users.yaml:3: {level}the limit 6% is above the ceiling of 5%")
    assert (f"it stands, by the unlock key {said.id}; `hypersync unlock list`" in found) is bool(
        level
    )


def test_a_database_of_a_newer_version_is_a_mistake(project, tmp_path):
    path = project(limit="5%", live=1)
    engine = open_engine(f"sqlite:///{tmp_path}/var/hypersync.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    (found,) = sentences(path)
    assert found.startswith("config/hypersync.yaml:14: the database is at revision 9999")
    assert "newer HyperSync" in found


def test_a_file_that_is_no_database_is_a_mistake(project, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "hypersync.db").write_text("this is no database, it is a text\n" * 100)
    (found,) = sentences(project(limit="5%", live=None))
    assert found.startswith("config/hypersync.yaml:14: the database: file is not a database; ")


def test_a_database_that_cannot_be_reached_is_a_mistake_without_its_password(project):
    url = "postgresql+psycopg://u:geheim@127.0.0.1:1/x"
    (found,) = sentences(project(limit="5%", live=None, database=url))
    assert found.startswith("config/hypersync.yaml:14: the database: ")
    assert "geheim" not in found
