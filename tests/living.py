"""A small living project in a folder, and the real program run in it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypersync.app import App, build
from hypersync.config.load import load_configuration
from tests.projects import write_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEY = {"HYPERSYNC_SECRET_KEY": "a-key-for-tests-only-0123456789"}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

MAIN = """\
public_url: http://127.0.0.1:8080
database: sqlite:///var/hypersync.db
secret_keys: ["${HYPERSYNC_SECRET_KEY}"]
mail: {host: 127.0.0.1, port: "${TEST_SMTP_PORT:9}", timeout: 5s}
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: employeeId}}
  app:
    connector: csv
    write: true
    types: {user: {path: data/users.csv, anchor: uid, enabled: {attribute: active, when_on: "yes", when_off: "no"}}}
joins:
  - {slot: hr, silo: hr, type: person, value: "lower(employeeId)"}
  - {slot: user, silo: app, type: user, value: "lower(number)"}
people:
  ann: {email: ann@example.org, roles: [approver]}
"""  # noqa: E501
RULES = """\
ruleset: users
defaults: {throttle: 1s, threshold: {limit: 1000}}
rules:
  - id: provision
    kind: provision
    target: user
    when: "hr.status == 'active'"
    set: {uid: "'u' + hr.employeeId", number: hr.employeeId, title: hr.title, active: "'yes'"}
  - {id: flow-title, kind: update, target: user, set: {title: hr.title}}
  - id: disable
    kind: deprovision
    target: user
    when: "hr.status == 'left' and user.enabled"
    do: disable
    threshold: {limit: 2}
"""


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is moved."""

    moment: datetime = NOON

    def now(self) -> datetime:
        """Return the moment it stands at."""
        return self.moment

    def monotonic(self) -> float:
        """Return its seconds."""
        return self.moment.timestamp()

    def forward(self, **span: float) -> None:
        """Move it."""
        self.moment += timedelta(**span)


@dataclass(slots=True)
class Project:
    """A project in a folder."""

    folder: Path
    process: dict[str, str] = field(default_factory=lambda: dict(KEY))

    @property
    def users(self) -> Path:
        """The file that is written."""
        return self.folder / "data" / "users.csv"

    def write_hr(self, people: Sequence[tuple[str, str, str]]) -> None:
        """Write HR's file: (employee id, title, status) each."""
        _write(self.folder / "data" / "hr.csv", ("employeeId", "title", "status"), people)

    def write_users(self, users: Sequence[tuple[str, str, str, str]]) -> None:
        """Write the users' file: (uid, number, title, active) each."""
        _write(self.users, ("uid", "number", "title", "active"), users)

    def rows(self) -> dict[str, dict[str, str]]:
        """Return the users by uid; one that is there twice fails."""
        with self.users.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found = {row["uid"]: row for row in rows}
        assert len(found) == len(rows), "a user is there twice"
        return found

    @contextmanager
    def app(self, clock: Clock | None = None) -> Iterator[App]:
        """Give the application of this project in this process."""
        file = self.folder / "config" / "hypersync.yaml"
        configuration = load_configuration(file, None, process_environment=self.process)
        app = build(configuration, started_by="cli:test", clock=clock)
        try:
            yield app
        finally:
            app.close()

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """Start the program in the project's folder."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "hypersync", *arguments],
            cwd=self.folder,
            env=environment | self.process,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **{"stdin": subprocess.DEVNULL, **more},
        )

    def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Run the program to its end; return exit code, its document, and what it complained."""
        process = self.start(*arguments, "--json")
        answer, complaint = process.communicate(timeout=60)
        return process.returncode, json.loads(answer) if answer else None, complaint


def make_project(folder: Path, *, more: str = "", rules: str = RULES, main: str = MAIN) -> Project:
    """Write a small project: HR and users as files; ``more`` is added to the configuration."""
    write_project(folder, main + more, rules=rules)
    project = Project(folder)
    project.write_hr([])
    project.write_users([])
    return project


def people(count: int, *, title: str = "Clerk", status: str = "active") -> list[tuple[str, ...]]:
    """Return rows of HR: E000 and so on."""
    return [(f"E{number:03}", title, status) for number in range(count)]


def users(count: int, *, title: str = "Clerk", active: str = "yes") -> list[tuple[str, ...]]:
    """Return the rows of users that HR's people have."""
    return [(f"uE{number:03}", f"E{number:03}", title, active) for number in range(count)]


def wait_for_line(process: subprocess.Popen[str], words: str, *, seconds: float = 30) -> str:
    """Read standard error until a line has these words; fails when it ends or takes too long."""
    assert process.stderr is not None
    read = []
    too_late = threading.Timer(seconds, process.kill)
    too_late.start()
    try:
        for line in process.stderr:
            read.append(line)
            if words in line:
                return line
    finally:
        too_late.cancel()
    raise AssertionError(f"no line with {words!r} in {''.join(read)!r}")


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    """Send a signal and wait for the end; return exit code and what was left to read."""
    process.send_signal(number)
    _, complaint = process.communicate(timeout=30)
    return process.returncode, complaint


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
