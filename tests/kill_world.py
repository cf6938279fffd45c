"""The company that is killed again and again: files, a directory, a history, one committing run.

The run creates, updates, disables, deletes, changes memberships and fires events; it trips a
threshold, meets a VIP, a Count, a Quota and a rejection that holds, and releases what was approved.
Silos, the events fired and the mails sent are files, so that what a killed process did stays done.
Ids come from a seed: two processes killed in the same state leave the same rows.
"""

from __future__ import annotations

import csv
import json
import random
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypersync.app import App, build
from hypersync.approvals.decide import Ballot, OfActions, decide
from hypersync.config.load import load_configuration
from hypersync.connectors.memory import MemoryConnector, MemorySilo
from hypersync.connectors.registry import connector
from hypersync.model.objects import DeletionKind, Outcome, Succeeded
from hypersync.model.requests import Answer
from hypersync.model.scans import ScanState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hypersync.connectors.settings import SiloSettings
    from hypersync.model.actions import Action
    from hypersync.model.objects import Attributes
    from hypersync.ports.channel import Message
    from hypersync.ports.connector import Connector

HISTORY = datetime(2026, 3, 2, 8, tzinfo=UTC)
RUN = HISTORY + timedelta(hours=2)
STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 13, 25))
"""When somebody runs the next syncs: after the leases of a killed process ran out."""

CONFIGURATION = """\
public_url: https://iam.example.org
secret_keys: ["a-key-for-tests-only"]
database: "${KILL_DATABASE}"
silos:
  hr:
    connector: csv
    types: {person: {path: data/hr.csv, anchor: id}}
  app:
    connector: csv
    write: true
    types: {user: {path: data/users.csv, anchor: uid, enabled: {attribute: active, when_on: "yes", when_off: "no"}}}
  dir:
    connector: journal
    write: true
    types:
      account:
        anchor: uid
        attributes: [uid, number, title, mail]
        enabled: {attribute: active, when_on: "yes", when_off: "no"}
      group: {anchor: cn, attributes: [cn], members: member}
joins:
  - {slot: hr, silo: hr, type: person, value: "lower(id)"}
  - {slot: user, silo: app, type: user, value: "lower(number)"}
  - {slot: account, silo: dir, type: account, value: "lower(number)"}
  - {slot: team, silo: dir, type: group, join: none}
vip: [{name: executives, when: "hr.level == 'C'", expires: 72h}]
people: {ann: {email: ann@example.org, roles: [approver]}}
"""  # noqa: E501
RULES = """\
ruleset: company
defaults: {throttle: 1s, threshold: {limit: 1000}}
scopes: {employed: "hr.status == 'active'"}
rules:
  - id: provision-account
    kind: provision
    target: account
    scopes: [employed]
    when: "Count(True, 'joiners', '1h') <= 2"
    once: {uid: "unique(('account.uid',), lower(hr.name))"}
    set: {number: hr.id, title: hr.title, active: {text: "yes"}}
  - id: provision-user
    kind: provision
    target: user
    scopes: [employed]
    set: {uid: "'u' + hr.id", number: hr.id, title: hr.title, active: {text: "yes"}}
  - {id: flow-title, kind: update, target: account, scopes: [employed], set: {title: hr.title}}
  - {id: flow-user-title, kind: update, target: user, scopes: [employed], set: {title: hr.title}}
  - {id: flow-mail, kind: update, target: account, set: {mail: hr.mail}, threshold: {limit: 0}}
  - id: flow-badge
    kind: update
    target: user
    set: {badge: hr.badge}
    when: "Quota(True, 'badges', '1d') <= 2"
  - id: disable-account
    kind: deprovision
    target: account
    when: "hr.status == 'left' and account.enabled"
    do: disable
    threshold: {limit: 2}
  - id: disable-user
    kind: deprovision
    target: user
    when: "hr.status == 'left' and user.enabled"
    do: disable
  - {id: delete-account, kind: deprovision, target: account, when: "hr.status == 'gone'", do: delete}
  - id: sales
    kind: membership
    group: {slot: team, where: "cn == 'sales'"}
    member: account
    when: "hr.team == 'sales'"
    mode: authoritative
  - {id: welcome, kind: event, when: "hr.team == 'sales'", do: {webhook: "https://hooks.example.org/welcome"}}
  - {id: greet, kind: event, when: "hr.status == 'left'", do: {webhook: "https://hooks.example.org/greet"}, repeatable: true}
"""  # noqa: E501
PERSON = ("id", "name", "status", "title", "level", "team", "mail", "badge")
USER = ("uid", "number", "title", "active", "badge")


class JournalSilo(MemorySilo):
    """A silo whose every write is a line of a file before anybody hears of it."""

    def __init__(self, file: Path, reach: Callable[[str], None]) -> None:
        super().__init__()
        self._file = file
        self._reach = reach
        for line in lines(file):
            kind, anchor, attributes, deletion = json.loads(line)
            known = _as_stored(attributes)
            super()._record((kind, anchor), known, DeletionKind(deletion))

    def _record(
        self, key: tuple[str, str], attributes: Attributes | None, kind: DeletionKind
    ) -> None:
        append(self._file, json.dumps([*key, attributes, kind.value], sort_keys=True))
        super()._record(key, attributes, kind)
        self._reach("written: dir")

    def objects(self) -> dict[str, Attributes]:
        """Return what is there, by type and anchor."""
        found = {
            f"{kind}/{anchor}": version.attributes
            for (kind, anchor), version in self._versions.items()
        }
        return {name: each for name, each in found.items() if each is not None}


def _as_stored(attributes: dict[str, Any] | None) -> Attributes | None:
    """Turn the lists of a journal back into the tuples that a silo holds."""
    if attributes is None:
        return None
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in attributes.items()
    }


@connector("journal")
class JournalConnector(MemoryConnector):
    """The connector of a `JournalSilo` beside the other files of the project."""

    def __init__(self, settings: SiloSettings) -> None:
        super().__init__(
            settings, JournalSilo(settings.root / "data" / "dir.jsonl", lambda _: None)
        )


@dataclass(slots=True)
class StandingClock:
    """A clock that stands at one moment."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where events go: a file of what was fired."""

    file: Path
    reach: Callable[[str], None]

    def fire(self, action: Action) -> Outcome:
        """Write the event down, as the other side does."""
        self.reach("before fire")
        append(self.file, json.dumps([action.rule, action.title, action.after], sort_keys=True))
        self.reach("fired")
        return Succeeded(None)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where mails go: a file of what was sent."""

    file: Path
    reach: Callable[[str], None]

    def send(self, message: Message) -> None:
        """Write the mail down, as the other side does."""
        self.reach("before send")
        append(self.file, json.dumps([message.message_id, message.address, message.subject]))
        self.reach("sent")


@dataclass(slots=True)
class Company:
    """The folder and the database of one company."""

    folder: Path
    database: str
    reach: Callable[[str], None] = field(default=lambda _: None)
    watched: Callable[[str, Connector], Connector] = field(default=lambda _, each: each)

    # --- the files -----------------------------------------------------------------------------

    def write(self) -> None:
        """Write the project, a company as it was yesterday."""
        for name, text in (
            ("config/hypersync.yaml", CONFIGURATION),
            ("rules/rules.yaml", RULES),
        ):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / "data").mkdir(exist_ok=True)
        self._write_hr(_person(number) for number in range(14))
        users = [(f"ue{n}", f"e{n}", "clerk", "yes", "") for n in range(14)]
        write_csv(self.folder / "data" / "users.csv", USER, users)
        silo = JournalSilo(self.folder / "data" / "dir.jsonl", lambda _: None)
        for number in range(14):
            silo.put("account", f"a{number}", _account(number))
        silo.put("group", "sales", {"cn": "sales", "member": ("a7", "a8", "a9")})

    def _write_hr(self, people: Iterable[Mapping[str, str]]) -> None:
        rows = [[person[column] for column in PERSON] for person in people]
        write_csv(self.folder / "data" / "hr.csv", PERSON, rows)

    def change_hr(self) -> None:
        """Let a night pass in HR: everything that the run is to find."""
        people = [_person(number) for number in range(17)]
        for number in (0, 1, 2):
            people[number]["title"] = "baker"
        for number in (3, 4, 5):
            people[number]["status"] = "left"
        people[6]["status"] = "gone"
        people[7]["team"] = "support"
        people[10]["team"] = "sales"
        people[11] |= {"title": "chief"}
        for number in (0, 1, 2, 8):
            people[number]["badge"] = f"b{number}"
        people[8]["mail"] = "e8@example.org"
        for number in (10, 12, 13):
            people[number]["mail"] = f"e{number}@example.org"
        self._write_hr(people)

    # --- the program ---------------------------------------------------------------------------

    def app(self, now: datetime, seed: int) -> App:
        """Start the program at a moment; its random ids come from the seed."""
        source = random.Random(seed)  # noqa: S311 - to be the same each time is the point
        secrets.token_urlsafe = lambda length=16: source.randbytes(length).hex()[:22]  # type: ignore[assignment]
        file = self.folder / "config" / "hypersync.yaml"
        configuration = load_configuration(
            file, None, process_environment={"KILL_DATABASE": self.database}
        )
        app = build(configuration, started_by="cli:tester", clock=StandingClock(now))
        connectors = {name: self._watched(name, each) for name, each in app.connectors.items()}
        hooks = Hooks(self.folder / "data" / "fired.jsonl", self.reach)
        silos = replace(app.engine.silos, connectors=connectors, events=hooks)
        letterbox = Letterbox(self.folder / "data" / "mails.jsonl", self.reach)
        return replace(
            app,
            connectors=connectors,
            engine=replace(app.engine, silos=silos),
            channels={"email": letterbox},
        )

    def _watched(self, name: str, each: Connector) -> Connector:
        if name == "dir":
            each._connector.silo._reach = self.reach  # type: ignore[attr-defined]
        return self.watched(name, each)

    def make_history(self) -> None:
        """Run once and let Ann decide about the new mail addresses, one of which HR takes back."""
        self.change_mails()
        app = self.app(HISTORY, 1)
        commit(app)
        with app.store.snapshot() as unit:
            waiting = {action.title: action for action in unit.actions.suspended()}
        for name, answer in (
            ("person 9", Answer.APPROVE),
            ("person 10", Answer.APPROVE),
            ("person 12", Answer.APPROVE),
            ("person 13", Answer.REJECT),
        ):
            _decide(app, waiting[name], answer)
        app.close()

    def change_mails(self) -> None:
        """Let HR give four people an address."""
        people = [_person(number) for number in range(14)]
        for number in (9, 10, 12, 13):
            people[number]["mail"] = f"e{number}@example.org"
        self._write_hr(people)


def commit(app: App) -> None:
    """Do what ``sync --scan --commit`` does."""
    for report in app.scan_for_rules():
        assert report.state is ScanState.APPLIED, report
    app.sync(commit=True)
    app.tick()


def _decide(app: App, action: Action, answer: Answer) -> None:
    ballot = Ballot(answer=answer, by="person:ann", proof="shell", comment="a test")
    done = decide(
        app.store, OfActions((action.id,)), ballot, now=app.clock.now(), settings=app.settings
    )
    assert len(done.decided) == 1, done


def _person(number: int) -> dict[str, str]:
    return {
        "id": f"e{number}",
        "name": f"person {number}",
        "status": "active",
        "title": "clerk",
        "level": "C" if number == 11 else "B",
        "team": "sales" if number in (7, 8, 9) else "",
        "mail": "",
        "badge": "",
    }


def _account(number: int) -> dict[str, str]:
    return {"uid": f"a{number}", "number": f"e{number}", "title": "clerk", "active": "yes"}


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def lines(file: Path) -> list[str]:
    """Return the lines of a file, none when it is not there."""
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def append(file: Path, line: str) -> None:
    """Add a line that outlives the process."""
    with file.open("a", encoding="utf-8") as opened:
        opened.write(line + "\n")
