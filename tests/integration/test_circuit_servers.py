"""Real servers that are stopped and started again: paused by the engine, then taken up."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.app import App, build
from hypersync.config.load import load_configuration
from hypersync.errors import ScanFailed
from hypersync.model.circuit import CircuitTerms
from hypersync.model.objects import Complete
from hypersync.model.runs import Run
from hypersync.model.scans import ScanState
from hypersync.pipeline.circuit import Circuit
from hypersync.pipeline.scan import Source, scan
from hypersync.pipeline.source_guard import SourceGuard
from hypersync.ports.connector import Connector, Session
from tests.circuits import with_door
from tests.databases import open_store
from tests.postgresql import Server
from tests.processes import free_port
from tests.scanning import Desk
from tests.scim_service import ScimServer, problem
from tests.scimming import connect as connect_scim
from tests.slapd import PASSWORD, PEOPLE, SERVICE, Slapd, person, running
from tests.sql import Sql
from tests.wires import LdapWire, Wire
from tests.worlds import MovedClock

MAIN = """\
public_url: https://iam.example.org
secret_keys: ["a-key-for-tests-only"]
silos:
  hr: {{connector: csv, types: {{person: {{path: data/hr.csv, anchor: id}}}}}}
  target:
{target}
    write: true
    circuit: {{failures: 3}}
joins:
  - {{slot: hr, silo: hr, type: person, value: "lower(id)"}}
  - {{slot: account, silo: target, type: user, value: "lower({number})"}}
people: {{ann: {{name: Ann, email: ann@example.org, roles: [approver]}}}}
"""
RULES = """\
ruleset: titles
rules:
  - {id: flow-title, kind: update, target: account, throttle: 1s, set: {title: hr.title},
     threshold: {limit: 50}}
"""
PEOPLE_THERE = range(4)


class Project:
    """A project that keeps titles in a real server in step, and a clock that is moved."""

    def __init__(self, folder: Path, target: str, number: str) -> None:
        self.folder = folder
        self.clock = MovedClock()
        indented = "".join(f"    {line}\n" for line in target.splitlines())
        self._write("config/hypersync.yaml", MAIN.format(target=indented, number=number))
        self._write("rules/rules.yaml", RULES)
        self.app: App | None = None
        self.start()
        self.retitle("old")
        self.app.scan(["target"])

    def start(self) -> None:
        """Start the application anew."""
        self.close()
        file = self.folder / "config" / "hypersync.yaml"
        configuration = load_configuration(file, None, process_environment={})
        self.app = build(configuration, started_by="cli:tester", clock=self.clock)

    def close(self) -> None:
        if self.app is not None:
            self.app.close()

    def retitle(self, title: str) -> None:
        """HR gives everybody another title."""
        rows = "".join(f"E{each},{title}\n" for each in PEOPLE_THERE)
        self._write("data/hr.csv", f"id,title\n{rows}")
        if self.app is not None:
            (report,) = self.app.scan(["hr"])
            assert report.state is ScanState.APPLIED, report.reason

    def sync(self, times: int = 1):
        """Sync so many times, far enough apart for what was put off to be due."""
        for _ in range(times):
            self.clock.time += timedelta(minutes=2)
            run = self.app.sync(commit=True)
        return run

    def later(self, **span: float) -> None:
        self.clock.time += timedelta(**span)

    @property
    def paused(self) -> str:
        """Why the target is paused; nothing when it is not."""
        with self.app.store.snapshot() as unit:
            return unit.silos.reasons().get("target", "")

    @property
    def incidents(self) -> list[str]:
        with self.app.store.snapshot() as unit:
            return [each.sentence for each in unit.requests.open()]

    def attempts(self, run: Run) -> set[tuple[str, int]]:
        """How far the actions of a run are, and how often they were tried."""
        with self.app.store.snapshot() as unit:
            return {(each.state.value, each.attempts) for each in unit.actions.of_run(run.id)}

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Stoppable:
    """A project, and its target's real server, which can be stopped."""

    project: Project
    stop: Callable[[], None]
    start: Callable[[], None]
    titles: Callable[[], set[str]]


@pytest.mark.parametrize("kind", ["stoppable_directory", "stoppable_database"])
def test_a_server_that_is_stopped_is_paused_and_goes_on_when_it_is_back(
    request: pytest.FixtureRequest, kind: str
):
    server: Stoppable = request.getfixturevalue(kind)
    project = server.project
    project.sync()
    project.retitle("new")
    server.stop()
    project.sync(2)
    assert project.paused == ""
    project.sync()
    assert project.paused.startswith("paused by the engine since 2026-03-02 08:0")
    assert len(project.incidents) == 1
    server.start()
    project.start()  # another process
    project.sync(2)  # it answers, and is left alone until the pause is over
    assert server.titles() == {"old"}
    project.later(minutes=15)
    run = project.sync()
    assert run.counts.errors == 0
    assert server.titles() == {"new"}
    assert (project.paused, project.incidents) == ("", [])


# --- OpenLDAP ------------------------------------------------------------------------------------

LDAP = f"""\
connector: ldap
url: {{url}}
bind: {{{{user: "{SERVICE}", password: "{{password}}"}}}}
timeout: 5s
types:
  user: {{{{base: "{PEOPLE}", filter: (objectClass=inetOrgPerson), attributes: [title]}}}}
"""


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    people = (person(f"p{each}", employeeNumber=f"E{each}", title="old") for each in PEOPLE_THERE)
    with running(tmp_path / "slapd", "".join(people)) as server:
        yield server


@pytest.fixture
def directory(tmp_path: Path, slapd: Slapd) -> Iterator[Project]:
    target = LDAP.format(url=slapd.url, password=PASSWORD)
    made = Project(tmp_path / "project", target, "employeeNumber")
    yield made
    made.close()


def titles_of(slapd: Slapd) -> set[str]:
    found = slapd.search(PEOPLE, "(objectClass=inetOrgPerson)", "title")
    return {
        line.removeprefix("title: ") for line in found.splitlines() if line.startswith("title: ")
    }


@pytest.fixture
def stoppable_directory(directory: Project, slapd: Slapd) -> Stoppable:
    return Stoppable(directory, slapd.stop, slapd.start, lambda: titles_of(slapd))


def test_a_directory_that_lets_in_and_then_breaks_off_is_paused_and_its_actions_wait(
    tmp_path: Path, slapd: Slapd
):
    with LdapWire(slapd.port) as proxy:
        target = LDAP.format(url=proxy.url, password=PASSWORD)
        project = Project(tmp_path / "project", target, "employeeNumber")
        project.sync()
        project.retitle("new")
        usual = project.app
        project.app = broken_off(usual, proxy.interrupt)
        run = project.sync()
        project.sync()
        assert project.paused == ""
        project.sync()
        assert "went away" in project.paused
        assert project.attempts(run) == {("queued", 0)}
        project.app = usual
        project.later(minutes=15)
        project.sync()
        assert titles_of(slapd) == {"new"}
        project.close()


def broken_off(app: App, cut: Callable[[], None]) -> App:
    """Return the application with a target whose sessions break off as soon as they are open."""
    inner = app.connectors["target"]

    class Door:
        can_write = True

        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        @contextmanager
        def open(self) -> Iterator[Session]:
            with inner.open() as session:
                cut()
                yield session

    return with_door(app, "target", Door())


def test_a_directory_that_refuses_the_password_is_asked_once_and_no_more(
    directory: Project, slapd: Slapd
):
    directory.retitle("new")
    slapd.modify(
        f"dn: {SERVICE}\nchangetype: modify\nreplace: userPassword\nuserPassword: another\n"
    )
    directory.sync()
    assert "refuses" in directory.paused
    slapd.modify(
        f"dn: {SERVICE}\nchangetype: modify\nreplace: userPassword\nuserPassword: {PASSWORD}\n"
    )
    directory.sync(3)
    assert titles_of(slapd) == {"old"}
    with directory.app.store.begin() as unit:
        unit.silos.resume("target")
    directory.sync()
    assert titles_of(slapd) == {"new"}


def test_a_directory_that_answers_nothing_in_time_is_paused(directory: Project, slapd: Slapd):
    for _ in range(3):
        with slapd.suspended():
            (report,) = directory.app.scan(["target"], full=True)
        assert report.state is ScanState.FAILED
    assert directory.paused


def read_until_it_breaks(connector: Connector, cut: Callable[[], None]) -> None:
    """Scan, and break the way to the server after the first batch."""
    with connector.open() as session:
        for number, batch in enumerate(session.scan(connector.streams()[0], None)):
            assert not isinstance(batch[-1], Complete)
            if number == 0:
                cut()


def paused_by(project: Project, error: ScanFailed) -> str:
    """Tell the circuit of the error of a scan, and return why the target is paused then."""
    circuit = Circuit("target", CircuitTerms(failures=1), project.app.engine.open_request)
    with project.app.store.begin() as unit:
        circuit.broke(unit, error, project.clock.now())
    return project.paused


def test_a_scan_whose_directory_dies_is_a_session_that_was_lost(tmp_path: Path):
    people = (person(f"q{each:04}", employeeNumber=f"Q{each}") for each in range(3_000))
    with running(tmp_path / "slapd", "".join(people)) as slapd:
        target = LDAP.format(url=slapd.url, password=PASSWORD) + "page_size: 100\n"
        project = Project(tmp_path / "project", target, "employeeNumber")
        with pytest.raises(ScanFailed) as caught:
            read_until_it_breaks(project.app.connectors["target"], slapd.kill)
    assert paused_by(project, caught.value)
    project.close()


# --- PostgreSQL ----------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of its own, which may be stopped."""
    folder = Path(tempfile.mkdtemp(prefix="hypersync-postgresql-"))
    shutil.chown(folder, "postgres", "postgres")
    made = Server(folder, free_port())
    made.start()
    yield made
    made.stop()
    shutil.rmtree(folder)


SQL = """\
connector: sql
url: "{url}"
timeout: 5s
types:
  user: {{table: users, anchor: id, attributes: [title]}}
"""


@pytest.fixture
def crm(server: Server) -> Sql:
    made = Sql("postgresql", server.create())
    made.run("CREATE TABLE users (id INTEGER PRIMARY KEY, number TEXT UNIQUE, title TEXT)")
    for each in PEOPLE_THERE:
        made.run(f"INSERT INTO users VALUES ({each}, 'E{each}', 'old')")  # noqa: S608 - numbers
    return made


@pytest.fixture
def stoppable_database(tmp_path: Path, server: Server, crm: Sql) -> Iterator[Stoppable]:
    target = SQL.format(url=crm.url.replace("+psycopg", ""))
    project = Project(tmp_path / "project", target, "number")

    def titles() -> set[str]:
        return {title for (title,) in crm.rows("SELECT title FROM users")}

    def stop() -> None:
        crm.run("CHECKPOINT")  # the servers of the tests lose what was committed a moment ago
        server.stop()

    yield Stoppable(project, stop, server.resume, titles)
    project.close()


def test_a_scan_whose_wire_breaks_is_a_session_that_was_lost(
    tmp_path: Path, server: Server, crm: Sql
):
    crm.run("INSERT INTO users SELECT n, 'N' || n, 'x' FROM generate_series(100, 20000) n")
    with Wire(server.port) as wire:
        target = SQL.format(url=crm.by(wire.port).replace("+psycopg", ""))
        project = Project(tmp_path / "project", target, "number")
        with pytest.raises(ScanFailed) as caught:
            read_until_it_breaks(project.app.connectors["target"], wire.cut)
    assert paused_by(project, caught.value)
    project.close()


# --- SCIM ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (500, 5)])
def test_a_service_is_left_alone_after_a_refused_token_or_five_server_errors(
    tmp_path: Path, scim: ScimServer, status: int, tries: int
):
    desk = Desk(open_store(tmp_path), [])
    source = Source(silo="apps", connector=connect_scim(scim.url), guard=SourceGuard())
    scim.instead = lambda _request: problem(status)
    asked = []
    for _ in range(7):
        before = len(scim.requests)
        assert scan(desk.scanning(), source, full=True).state is ScanState.FAILED
        asked.append(len(scim.requests) - before)
    assert asked[0] > 0
    with desk.store.snapshot() as unit:
        assert unit.silos.paused() == {"apps"}
        assert unit.silos.circuit("apps").failures == tries
    assert asked[-1] == 0
    assert len(desk.asked) == 1
    desk.store.engine.dispose()
