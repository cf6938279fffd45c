"""A whole world in a folder: HR, a directory and its groups in memory, rules as text, a clock.

HR people are ``{id, name, status, title, ...}``, accounts ``{uid, number, active, ...}``; they join
by number. The silos survive `World.rules`, which starts the application anew with other rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from hypersync.app import App, build
from hypersync.approvals.decide import Ballot, Decided, OfActions, decide
from hypersync.config.load import load_configuration
from hypersync.connectors.memory import MemorySilo
from hypersync.model.actions import Action, ActionState
from hypersync.model.objects import Outcome, Succeeded
from hypersync.model.requests import Answer
from hypersync.model.runs import Run, RunError
from hypersync.model.scans import ScanState
from hypersync.store import bulk
from tests.compiled import share_compiled_addresses, share_compiled_statements
from tests.databases import lay_tables

share_compiled_statements()
share_compiled_addresses()
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

CONFIGURATION = """\
public_url: https://iam.example.org
secret_keys: ["a-key-for-tests-only"]
database: {database}
silos:
  hr:
    connector: memory
    types:
      person: {{anchor: id, attributes: [id, name, status, title, level, company, country]}}
    source_guard: {{drop: 100%, rekeyed: 100%}}
  dir:
    connector: memory
    write: true
    types:
      account:
        anchor: uid
        attributes: [uid, number, title, office, dn]
        enabled: {{attribute: active, when_on: "true", when_off: "false"}}
      group: {{anchor: cn, attributes: [cn], members: member}}
    source_guard: {{drop: 100%, rekeyed: 100%}}
{limits}
joins:
  - {{slot: hr, silo: hr, type: person, value: "lower(id)"}}
  - {{slot: account, silo: dir, type: account, value: "lower(number)"}}
  - {{slot: team, silo: dir, type: group, join: none}}
{more}
"""

DISABLE = """\
ruleset: leavers
rules:
  - {id: disable-leaver, kind: deprovision, target: account, throttle: 1s,
     when: "hr.status == 'left' and account.enabled", do: disable, threshold: {limit: 2}}
"""
TITLES = """\
ruleset: titles
rules:
  - {id: flow-title, kind: update, target: account, throttle: 1s, set: {title: hr.title},
     threshold: {limit: 2}}
"""
EXECUTIVES = "vip: [{name: executives, when: \"hr.level == 'C'\", expires: 72h}]"


@dataclass
class MovedClock:
    """Stands still until it is moved."""

    time: datetime = START

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


@dataclass
class Sink:
    """Remembers the events that were fired; ``outcomes`` answer the next ones."""

    fired: list[Action] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def fire(self, action: Action) -> Outcome:
        self.fired.append(action)
        return self.outcomes.pop(0) if self.outcomes else Succeeded(None)


@dataclass
class Meanwhile:
    """Progress that nobody watches; ``done`` is done when the next evaluation begins."""

    done: list[Callable[[], None]] = field(default_factory=list)

    def start(self, what: str, total: int | None = None) -> None:
        if what == "evaluating" and self.done:
            self.done.pop(0)()

    def advance(self, count: int = 1) -> None:
        pass


class World:
    """Silos, rules and a clock, and what can be done and seen."""

    started_by = "cli:tester"
    """Whose process the next start is."""

    def __init__(
        self,
        folder: Path,
        rules: str = DISABLE,
        *,
        more: str = "",
        limits: str = "",
        environment: str = "",
        database: str = "sqlite:///var/hypersync.db",
    ) -> None:
        self.folder = folder
        self.clock = MovedClock()
        self.sink = Sink()
        self.meanwhile = Meanwhile()
        self.hr = MemorySilo()
        self.dir = MemorySilo()
        self.more = more
        self.limits = limits
        self.environment = environment
        self.database = database
        self._lay_tables()
        self._apps: list[App] = []
        self.rules(rules)

    # --- making it -----------------------------------------------------------------------------

    def rules(self, text: str, *, more: str | None = None) -> None:
        """Start anew with these rules; the database and the silos stay."""
        self.more = self.more if more is None else more
        main = CONFIGURATION.format(more=self.more, limits=self.limits, database=self.database)
        files = {"config/hypersync.yaml": main, "rules/rules.yaml": text}
        if self.environment:
            files["config/env/dev.yaml"] = self.environment
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        self.app = self._started()

    def _lay_tables(self) -> None:
        """Begin with a copy of a database that has the tables: migrating takes long."""
        scheme, _, path = self.database.partition(":///")
        place = self.folder / path
        if scheme == "sqlite":
            lay_tables(place)

    def _started(self) -> App:
        file = self.folder / "config" / "hypersync.yaml"
        app = build(
            load_configuration(file, None, process_environment={}),
            started_by=self.started_by,
            clock=self.clock,
            progress=self.meanwhile,
        )
        connectors = {name: each._connector for name, each in app.connectors.items()}  # type: ignore[attr-defined]
        for name, silo in (("hr", self.hr), ("dir", self.dir)):
            connectors[name].silo = silo
        silos = replace(app.engine.silos, connectors=connectors, events=self.sink)
        started = replace(app, connectors=connectors, engine=replace(app.engine, silos=silos))
        self._apps.append(started)
        return started

    def set_guards(self, **values: Any) -> None:
        """Change what holds for every rule."""
        guards = replace(self.app.engine.guards, **values)
        self.app = replace(self.app, engine=replace(self.app.engine, guards=guards))

    def close(self) -> None:
        for app in self._apps:
            app.close()

    # --- what others do ------------------------------------------------------------------------

    def person(self, number: int | str, **attributes: Any) -> None:
        """HR writes somebody down."""
        known = {"id": f"e{number}", "name": f"Person {number}", "status": "active"}
        self.hr.put("person", f"e{number}", {**known, **attributes})

    def account(self, number: int | str, **attributes: Any) -> None:
        """Somebody has an account."""
        known = {"uid": f"u{number}", "number": f"e{number}", "active": "true"}
        self.dir.put("account", f"u{number}", {**known, **attributes})

    def people(self, numbers: range, **attributes: Any) -> None:
        """Write people down who have accounts."""
        for number in numbers:
            self.person(number, **attributes)
            self.account(number)

    def leave(self, *numbers: int) -> None:
        """HR says that they left."""
        for number in numbers:
            self.change(number, status="left")

    def change(self, number: int | str, **attributes: Any) -> None:
        """HR changes somebody."""
        known = self.hr.get("person", f"e{number}") or {}
        self.hr.put("person", f"e{number}", {**known, **attributes})

    def group(self, name: str, *members: str) -> None:
        self.dir.put("group", name, {"cn": name, "member": tuple(members)})

    def get(self, number: int | str) -> Mapping[str, Any] | None:
        """An account as it is in the directory."""
        return self.dir.get("account", f"u{number}")

    def members(self, name: str) -> tuple[str, ...]:
        found = (self.dir.get("group", name) or {}).get("member", ())
        return found if isinstance(found, tuple) else (found,)  # type: ignore[return-value]

    def disabled(self) -> set[str]:
        """The accounts that are switched off."""
        return {
            anchor
            for (kind, anchor), version in self.dir._versions.items()
            if kind == "account" and (version.attributes or {}).get("active") == "false"
        }

    # --- what we do ----------------------------------------------------------------------------

    def later(self, **span: float) -> None:
        self.clock.time += timedelta(**span)

    def scan(self, *silos: str, full: bool = False) -> None:
        """Scan, and insist that it is believed."""
        for report in self.app.scan(silos, full=full):
            assert report.state is ScanState.APPLIED, report.reason

    def sync(self, kind: str | None = None, *, commit: bool = True, **more: Any) -> Run:
        return self.app.sync(kind, commit=commit, **more)

    def run(self, kind: str | None = None, *, commit: bool = True) -> Run:
        """Scan everything and sync, a minute later."""
        self.later(minutes=1)
        self.scan()
        return self.sync(kind, commit=commit)

    def decide(self, answer: Answer, *actions: Action, by: str = "cli:tester") -> Decided:
        app = self.app
        ids = tuple(action.id for action in actions)
        settings = replace(app.settings, owner=by.removeprefix("cli:"))
        ballot = Ballot(answer=answer, by=by, proof="shell", comment="a test")
        return decide(app.store, OfActions(ids), ballot, now=self.clock.now(), settings=settings)

    def approve(self, *actions: Action) -> None:
        decided = self.decide(Answer.APPROVE, *actions)
        assert len(decided.decided) == len(actions), decided

    def reject(self, *actions: Action) -> None:
        decided = self.decide(Answer.REJECT, *actions)
        assert len(decided.decided) == len(actions), decided

    def tick(self) -> None:
        self.app.tick()

    # --- looking -------------------------------------------------------------------------------

    def actions(self, run: Run, rule: str | None = None) -> Sequence[Action]:
        with self.app.store.snapshot() as unit:
            return unit.actions.of_run(run.id, rule)

    def suspended(self) -> Sequence[Action]:
        with self.app.store.snapshot() as unit:
            return unit.actions.suspended()

    def again(self, action: Action) -> Action:
        """An action as it is now."""
        with self.app.store.snapshot() as unit:
            return unit.actions.get([action.id])[0]

    def states(self, actions: Sequence[Action]) -> list[ActionState]:
        return [self.again(action).state for action in actions]

    def errors(self, run: Run) -> Sequence[RunError]:
        with self.app.store.snapshot() as unit:
            return unit.runs.errors(run.id)

    def codes(self, run: Run) -> list[tuple[str | None, str]]:
        return [(error.rule, error.code) for error in self.errors(run)]

    def pending(self) -> list[int]:
        with self.app.store.snapshot() as unit:
            return list(unit.identities.pending(self.clock.time))

    def identity(self, number: int | str) -> int:
        with self.app.store.snapshot() as unit:
            for silo, kind, anchor in (
                ("hr", "person", f"e{number}"),
                ("dir", "account", f"u{number}"),
            ):
                found = unit.objects.get(silo, kind, anchor)
                if found is not None:
                    return found.identity
        raise AssertionError(f"nobody is number {number}")

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        with self.app.store.engine.connect() as connection:
            found = connection.exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608
            return sorted((tuple(row) for row in found), key=repr)

    def execute(self, statement: str, *values: Any) -> None:
        """Write behind everybody's back, as a crash would leave it."""
        with self.app.store.engine.connect() as connection:
            connection.execution_options(hypersync_write=True)
            with connection.begin():
                bulk.run(connection, statement, values)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is stored, by table."""
        return {name: self.rows(name) for name in inspect(self.app.store.engine).get_table_names()}


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A world where leavers are disabled, at most two in a run."""
    made = World(tmp_path, database=database_url)
    yield made
    made.close()
