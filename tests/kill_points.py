"""Kills a committing run at each of its points in turn and compares what the next runs make of it.

``python -m tests.kill_points URL FOLDER EVERY [FIRST]``: on the database of the URL (SQLite in the
folder, or a PostgreSQL server) every EVERYth point is struck; prints one JSON document.

A point is a moment after which something may outlive the process, or before which it may not yet
have: each writing transaction as it begins, before each of its statements, before and after its
commit; before, in the middle of and after each call of a connector, each event fired, each mail
sent, each file replaced. After a statement is before the next one: nothing lies between them.

The child that is killed is a fork of this process, which has everything imported and nothing open.
What a killed process leaves is its files and its rows, so points that leave the same are struck,
and recovered from once. Not pure: it signals, forks and copies databases.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import event

from hypersync.store import tables
from hypersync.store.engine import is_writing, open_engine
from tests.compiled import share_compiled_statements
from tests.kill_state import Doubt, doubt_of, end_state, is_allowed, rows_of
from tests.kill_world import RUN, STEPS, Company, commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Engine
    from sqlalchemy.engine import Connection
    from sqlalchemy.pool import ConnectionPoolEntry

    from hypersync.model.mistake import Mistake
    from hypersync.model.objects import Batch, Change, ObjectType, Outcome, Schema, SiloObject
    from hypersync.ports.connector import Connector, Session


class Points:
    """Counts the points a process reaches, and ends it at one of them."""

    def __init__(self, last: int | None = None) -> None:
        self.names: list[str] = []
        self._last = last

    def reach(self, name: str) -> None:
        """Count one."""
        self.names.append(name)
        if len(self.names) == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


# --- what is watched -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DatabaseWatch:
    """Reaches a point at each step of each writing transaction."""

    reach: Callable[[str], None]

    def over(self, engine: Engine) -> None:
        """Watch what is done over an engine from now on."""
        event.listen(engine, "begin", self._begun)
        event.listen(engine, "before_cursor_execute", self._before_statement)
        event.listen(engine, "commit", self._before_commit)
        event.listen(engine, "checkin", self._given_back)

    def _begun(self, connection: Connection) -> None:
        if is_writing(connection):
            self.reach("begun")

    def _before_statement(
        self, connection: Connection, _cursor: object, statement: str, *_: object
    ) -> None:
        if is_writing(connection) and not statement.lstrip().upper().startswith("SELECT"):
            self.reach(f"before {' '.join(statement.split()[:3])}")

    def _before_commit(self, connection: Connection) -> None:
        if is_writing(connection):
            self.reach("before commit")
            connection.info["is committed"] = True

    def _given_back(self, _connection: object, record: ConnectionPoolEntry) -> None:
        if record.info.pop("is committed", False):
            self.reach("after commit")


def watch_renames(reach: Callable[[str], None]) -> None:
    """Reach a point before each file takes the place of another."""

    def hook(name: str, _: object) -> None:
        if name == "os.rename":
            reach("before rename")

    sys.addaudithook(hook)


class WatchedConnector:
    """Another connector, every call of which is a point before and after."""

    def __init__(self, name: str, connector: Connector, reach: Callable[[str], None]) -> None:
        self._name = name
        self._connector = connector
        self._reach = reach
        self.options = connector.options
        self.can_write = connector.can_write

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        return self._connector.streams()

    @contextmanager
    def open(self) -> Iterator[Session]:
        self._reach(f"before open {self._name}")
        with self._connector.open() as session:
            self._reach(f"after open {self._name}")
            yield WatchedSession(self._name, session, self._reach)


class WatchedSession:
    """A session of a `WatchedConnector`."""

    def __init__(self, name: str, session: Session, reach: Callable[[str], None]) -> None:
        self._name = name
        self._session = session
        self._reach = reach

    @contextmanager
    def _call(self, what: str) -> Iterator[None]:
        self._reach(f"before {what} {self._name}")
        yield
        self._reach(f"after {what} {self._name}")

    def schema(self) -> Schema:
        with self._call("schema"):
            return self._session.schema()

    def scope(self, types: Sequence[ObjectType]) -> str:
        with self._call("scope"):
            return self._session.scope(types)

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        with self._call("scan"):
            for batch in self._session.scan(types, cursor):
                self._reach(f"scanned {self._name}")
                yield batch

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        with self._call("read"):
            return self._session.read(object_type, anchor)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        with self._call("apply"):
            return self._session.apply(changes)

    def check(self) -> Sequence[Mistake]:
        with self._call("check"):
            return self._session.check()


# --- databases -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Files:
    """SQLite: the database is a file of the company's folder and is copied with it."""

    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/var/hypersync.db"

    def copy(self, origin: Path, folder: Path) -> str:
        return self.url(folder)

    def drop(self, folder: Path) -> None:
        """Do nothing: the file goes with the folder."""


@dataclass(frozen=True, slots=True)
class Server:
    """PostgreSQL: a database per folder, named as it is."""

    address: str

    def url(self, folder: Path) -> str:
        self._execute(f"CREATE DATABASE {folder.name}")
        return self._url(folder)

    def copy(self, origin: Path, folder: Path) -> str:
        self._wait_until_left(origin)
        self._execute(f"CREATE DATABASE {folder.name} TEMPLATE {origin.name}")
        return self._url(folder)

    def drop(self, folder: Path) -> None:
        self._execute(f"DROP DATABASE {folder.name} WITH (FORCE)")

    def _url(self, folder: Path) -> str:
        return f"postgresql+psycopg://{self.address}/{folder.name}"

    def _wait_until_left(self, folder: Path) -> None:
        """Let the server notice that a process which had the database open is gone."""
        self._execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
            folder.name,
        )

    def _execute(self, statement: str, *values: str) -> None:
        url = f"postgresql://{self.address}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode(), values)


def database_at(url: str) -> Files | Server:
    """Return how databases are made and copied where the URL says."""
    scheme, _, rest = url.partition("://")
    return Files() if scheme == "sqlite" else Server(rest.rpartition("/")[0])


# --- striking ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ending:
    """How a company ended, and what was in doubt when its process did."""

    state: dict[str, list[str]]
    doubt: Doubt


@dataclass(slots=True)
class Report:
    """What came out.

    ``points`` there are, by name in ``kinds``; ``struck`` of them left ``states`` that differ, each
    of which was recovered from; ``differences`` by point are what ended otherwise.
    """

    points: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    struck: int = 0
    states: int = 0
    differences: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Striker:
    """Makes companies that are all the same, and kills the run of each at another point."""

    folder: Path
    databases: Files | Server
    report: Report = field(default_factory=Report)
    _seen: dict[str, int] = field(default_factory=dict)

    def strike(self, every: int, first: int) -> Report:
        """Kill at every so many points, from the ``first``; compare with nobody killed."""
        origin = self._origin()
        names = self._count(origin)
        self.report.points = len(names)
        self.report.kinds = dict(Counter(names))
        undisturbed = self._after(origin, None)
        assert undisturbed is not None
        for number in range(first, len(names) + 1, every):
            self.report.struck += 1
            ending = self._after(origin, number)
            if ending is not None and (wrong := differences(undisturbed, ending)):
                self.report.differences[f"{number} {names[number - 1]}"] = wrong
        self.report.states = len(self._seen)
        return self.report

    def _origin(self) -> Path:
        folder = self.folder / "kill_origin"
        folder.mkdir()
        company = Company(folder, self.databases.url(folder))
        company.write()
        company.make_history()
        company.change_hr()
        return folder

    def _count(self, origin: Path) -> list[str]:
        """Return the names of all points, from a run that nobody kills."""
        with self._copied(origin, "kill_counted") as company:
            names = self.folder / "names.json"
            assert _fork(lambda: _run(company, Points(), names)) == 0
            found: list[str] = json.loads(names.read_text())
            return found

    def _after(self, origin: Path, number: int | None) -> Ending | None:
        """Return how a company ends; ``None`` when another left off in the very same state."""
        with self._copied(origin, f"kill_{number or 0}") as company:
            ended = _fork(lambda: _run(company, Points(number)))
            assert ended == (0 if number is None else -signal.SIGKILL), (number, ended)
            left = _left(company)
            if left in self._seen:
                return None
            self._seen[left] = number or 0
            doubt = doubt_of(company)
            for seed, span in enumerate(STEPS, 3):
                app = company.app(RUN + span, seed)
                commit(app)
                app.close()
            return Ending(end_state(company), doubt)

    @contextmanager
    def _copied(self, origin: Path, name: str) -> Iterator[Company]:
        folder = self.folder / name
        shutil.copytree(origin, folder)
        try:
            yield Company(folder, self.databases.copy(origin, folder))
        finally:
            self.databases.drop(folder)
            shutil.rmtree(folder)


def _run(company: Company, points: Points, names: Path | None = None) -> None:
    company.reach = points.reach
    company.watched = lambda name, each: WatchedConnector(name, each, points.reach)
    app = company.app(RUN, 2)
    DatabaseWatch(points.reach).over(app.store.engine)
    watch_renames(points.reach)
    commit(app)
    app.close()
    if names is not None:
        names.write_text(json.dumps(points.names))


def _fork(work: Callable[[], None]) -> int:
    """Do something in a process of its own; return how it ended, as `subprocess` would."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _left(company: Company) -> str:
    """Return a digest of everything that a process left behind."""
    digest = sha256()
    for path in sorted((company.folder / "data").iterdir()):
        if not path.name.startswith("."):
            digest.update(path.name.encode() + path.read_bytes())
    engine = open_engine(company.database)
    with engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            digest.update("\n".join(rows_of(connection, table)).encode())
    engine.dispose()
    return digest.hexdigest()


def differences(undisturbed: Ending, ending: Ending) -> list[str]:
    """Say what ended differently, apart from what is allowed to."""
    said = []
    for subject, before in undisturbed.state.items():
        after = ending.state[subject]
        for sign, lines in (("-", _without(before, after)), ("+", _without(after, before))):
            said += [
                f"{subject} {sign} {line}"
                for line in lines
                if not is_allowed(subject, sign, line, ending.doubt)
            ]
    return said


def _without(these: list[str], those: list[str]) -> list[str]:
    left = list(those)
    found = []
    for line in these:
        if line in left:
            left.remove(line)
        else:
            found.append(line)
    return found


def main() -> None:
    """Strike, and print what came out."""
    share_compiled_statements()
    url, folder, every, *first = sys.argv[1:]
    striker = Striker(Path(folder), database_at(url))
    report = striker.strike(int(every), int(first[0]) if first else 1)
    sys.stdout.write(json.dumps(asdict(report), indent=1) + "\n")


if __name__ == "__main__":
    main()
