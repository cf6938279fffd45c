"""A small company around the real pipeline and the real store, whose process can die.

Everything that reaches a silo or a webhook goes by `Company.calls`, one change at a time. A process
that dies does so at a chosen commit or call; after that nothing works until another is started, as
after SIGKILL: leases stay held, transactions are rolled back, no cleanup of ours reaches the store.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import event

from hypersync.app import App
from hypersync.connectors.memory import MemoryConnector
from hypersync.errors import DeliveryFailed
from hypersync.model.actions import Action
from hypersync.model.objects import Change, Outcome, Succeeded
from hypersync.ports.channel import Letter, Message
from hypersync.store.engine import open_engine
from hypersync.store.unit import Store
from tests.databases import lay_tables
from tests.worlds import Meanwhile, MovedClock, World

PEOPLE = range(6)
GROUP = "staff"

RULES: dict[str, str] = {
    "leave": "kind: deprovision, target: account, do: disable, "
    "when: \"hr.status == 'left' and account.enabled\"",
    "back": "kind: update, target: account, do: enable, "
    "when: \"hr.status == 'active' and not account.enabled\"",
    "title": 'kind: update, target: account, set: {{title: hr.title}}, when: "{wording}{count}"',
    "make": "kind: provision, target: account, when: \"hr.status == 'active'\", "
    "set: {{uid: hr.name, number: hr.id, active: \"'true'\"}}",
    "purge": "kind: deprovision, target: account, do: delete, when: \"hr.status == 'purged'\"",
    "staff": "kind: membership, group: {{slot: team, where: \"cn == 'staff'\"}}, "
    "member: account, when: \"hr.status == 'active'\", mode: authoritative",
    "hail": "kind: event, when: \"hr.title == 'boss'\", "
    "do: {{webhook: 'https://hooks.example.org/hail'}}",
}
"""What the rules of the company say, by id."""

PLACES = """\
people:
  ann: {email: ann@example.org, roles: [approver]}
  bob: {email: bob@example.org, roles: [approver], identity: "e5"}
  cy: {email: cy@example.org, roles: [approver], os_user: tester}
  dan: {email: dan@example.org, roles: [viewer]}
plans:
  pair: {steps: [{to: "person:ann", until: 6h}, {to: "person:bob"}], need: 2}
"""
CHIEFS = "vip: [{name: chiefs, when: \"hr.level == 'C'\", expires: 72h, plan: pair}]\n"


LOOSE = "source_guard: {drop: 100%, rekeyed: 100%}"
STRICT = "source_guard: {drop: 1, min_population: 2, rekeyed: 100%, canaries: [e0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the configuration says at a time; ``gone`` is a rule that is left out of it."""

    limit: str = "2"
    on_expiry: str = "clear"
    wording: int = 0
    has_vips: bool = True
    counts: bool = False
    simulate: bool = False
    blackout: bool = False
    deletes: int = 2
    gone: str = ""

    def rules(self) -> str:
        """Return the rulebook."""
        parts = {
            "wording": ("hr.exists", "hr.exists and hr.id != ''")[self.wording],
            "count": " and Count(True, 'titles', '1h') <= 1" if self.counts else "",
        }
        lines = [
            f"  - {{id: {name}, {text.format(**parts)}, throttle: 1m, "
            f"threshold: {{limit: {self.limit_of(name)}, on_expiry: {self.on_expiry}}}}}"
            for name, text in RULES.items()
            if name != self.gone
        ]
        return "\n".join(["ruleset: company", "rules:", *lines, ""])

    def limit_of(self, rule: str) -> str:
        """Return the limit of a rule; event rules take numbers only."""
        return "2" if rule == "hail" and self.limit.endswith("%") else self.limit

    def more(self) -> str:
        """Return the rest of the configuration."""
        guards = f"guards: {{simulate: {str(self.simulate).lower()}}}\n"
        blackout = (
            'blackout: {windows: ["mon 00:00 - thu 00:00", "thu 00:00 - mon 00:00"]}\n'
            if self.blackout
            else ""
        )
        return PLACES + (CHIEFS if self.has_vips else "") + guards + blackout

    def limits(self) -> str:
        """Return the limits of the directory."""
        return f"    limits: {{delete: {self.deletes}, per: 1d}}"


_COMPILED: dict[Any, Any] = {}
"""Statements that were compiled, for every engine: each process of the company has one."""


class Died(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class Life:
    """How many points a process passes before it dies; ``None`` lives on."""

    left: int | None = None
    is_over: bool = False

    def go_on(self, *_: object) -> None:
        """Raise when the process is dead."""
        if self.is_over:
            raise Died

    def pass_point(self, *_: object) -> None:
        """Pass one point, or die at it."""
        self.go_on()
        if self.left is not None:
            self.left -= 1
            self.is_over = self.left <= 0
            self.go_on()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One change as it reached a silo; ``silo`` and ``anchor`` are empty for a webhook.

    ``was`` and ``became`` are the object before and after, ``None`` when it is not there.
    """

    key: str
    at: datetime
    operation: str
    silo: str
    anchor: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    was: dict[str, Any] | None = None
    became: dict[str, Any] | None = None
    happened: bool = True
    is_over: bool = True


class Watched:
    """A connector whose sessions tell of every change."""

    def __init__(self, connector: Any, company: Company, life: Life) -> None:
        self._connector = connector
        self._company = company
        self._life = life
        self.options = connector.options
        self.can_write = connector.can_write

    def streams(self) -> Any:
        return self._connector.streams()

    @contextmanager
    def open(self) -> Iterator[Any]:
        self._life.pass_point()
        with self._connector.open() as session:
            yield WatchedSession(session, self._connector.silo, self._company, self._life)


class WatchedSession:
    """A session that carries out one change after the other, and may die between any two."""

    def __init__(self, session: Any, silo: Any, company: Company, life: Life) -> None:
        self._session = session
        self._silo = silo
        self._company = company
        self._life = life
        self.schema, self.scope, self.check = session.schema, session.scope, session.check

    def scan(self, types: Any, cursor: str | None) -> Iterator[Any]:
        for batch in self._session.scan(types, cursor):
            self._life.pass_point()
            yield batch

    def read(self, kind: Any, anchor: str) -> Any:
        self._life.go_on()
        return self._session.read(kind, anchor)

    def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        self._company.reach("claimed")
        outcomes = [self._apply(change) for change in changes]
        self._company.reach("written")
        return outcomes

    def _apply(self, change: Change) -> Outcome:
        self._life.pass_point()
        self._company.interrupt()
        writes = self._silo.writes
        anchor = change.anchor or str((change.after or {}).get("uid"))
        was = self._silo.get(change.type.name, anchor)
        (outcome,) = self._session.apply([change])
        became = self._silo.get(change.type.name, anchor)
        self._company.calls.append(
            Call(
                key=change.key,
                at=self._company.clock.time,
                operation=change.operation.value,
                silo=change.type.silo,
                anchor=anchor,
                before=_plain(change.before),
                after=_plain(change.after),
                was=_plain(was),
                became=_plain(became),
                happened=self._silo.writes > writes,
                is_over=type(outcome).__name__ in ("Succeeded", "Conflict", "Refused"),
            )
        )
        self._life.pass_point()
        return outcome


def _plain(attributes: Any) -> dict[str, Any] | None:
    return None if attributes is None else dict(attributes)


class Hooks:
    """Where webhooks go: each is told, and happens unless it is refused."""

    def __init__(self, company: Company, life: Life) -> None:
        self._company = company
        self._life = life

    def fire(self, action: Action) -> Outcome:
        self._life.pass_point()
        self._company.interrupt()
        outcome: Outcome = Succeeded(None)
        happened = True
        if self._company.answers:
            outcome, happened = self._company.answers.pop(0)
        self._company.calls.append(
            Call(
                key=action.id,
                at=self._company.clock.time,
                operation="event",
                silo="",
                anchor="",
                before=_plain(action.before),
                after=_plain(action.after),
                happened=happened,
                is_over=type(outcome).__name__ in ("Succeeded", "Refused"),
            )
        )
        self._life.pass_point()
        return outcome


@dataclass(slots=True)
class Post:
    """Writes and delivers mails; remembers which request reached which address when."""

    clock: MovedClock
    refuses: set[str] = field(default_factory=set)
    told: list[tuple[str, str, Any]] = field(default_factory=list)

    def write(self, letter: Letter, others: Sequence[Letter] = ()) -> Message:
        about = [each.request.id for each in (letter, *others) if each.kind == "request"]
        return Message(
            address=letter.address,
            recipient=letter.recipient,
            subject=" ".join(about),
            text="",
            html="",
            message_id=letter.message_id,
            at=letter.at,
        )

    def send(self, message: Message) -> None:
        if message.address in self.refuses:
            raise DeliveryFailed("no such user", permanent=True)
        self.told += [
            (request, message.address, self.clock.time) for request in message.subject.split()
        ]


class Moments(Meanwhile):
    """Progress that tells the company how far a run is."""

    def __init__(self, company: Company) -> None:
        super().__init__(company.meanwhile.done)
        self._company = company

    def start(self, what: str, total: int | None = None) -> None:
        self._company.show()
        super().start(what, total)
        self._company.reach({"evaluating": "planning", "executing": "planned"}.get(what, what))


class Company(World):
    """Six people with accounts in one group, and a process that may die."""

    def __init__(self, folder: Path, terms: Terms) -> None:
        self.terms = terms
        self.calls: list[Call] = []
        self.answers: list[tuple[Outcome, bool]] = []
        self.meantime: list[Callable[[], None]] = []
        self.watchers: list[Callable[[], None]] = []
        self.life = Life()
        self.doom = ""
        self.post: Post | None = None
        super().__init__(folder, terms.rules(), more=terms.more(), limits=terms.limits())

    def rules(self, text: str, *, more: str | None = None) -> None:
        """Start a process; what its configuration says is read once per process of the test."""
        self.app = self._started()

    def _started(self) -> App:
        life = self.life = Life()
        self.post = self.post or Post(self.clock)
        known = _built(self.terms)
        store = Store(open_engine(f"sqlite:///{self.folder}/hypersync.db"))
        store.engine.update_execution_options(compiled_cache=_COMPILED)
        event.listen(store.engine, "commit", life.pass_point)
        event.listen(store.engine, "begin", life.go_on)
        event.listen(store.engine, "before_cursor_execute", life.go_on)
        made = {
            name: MemoryConnector(each._settings, getattr(self, name))  # type: ignore[attr-defined]
            for name, each in known.connectors.items()
        }
        connectors = {name: Watched(each, self, life) for name, each in made.items()}
        silos = replace(known.engine.silos, connectors=connectors, events=Hooks(self, life))
        clock = self.clock.now
        app = replace(
            known,
            store=store,
            connectors=connectors,
            engine=replace(known.engine, store=store, silos=silos, clock=clock),
            channels={"email": self.post},
            renderer=self.post,
            clock=self.clock,
            progress=Moments(self),
        )
        self._apps.append(app)
        return app

    def restart(self, terms: Terms | None = None) -> None:
        """Start another process, under other terms when they are given."""
        self.close()
        self._apps.clear()
        self.terms = terms or self.terms
        self.rules("")

    def reach(self, point: str) -> None:
        """Die here when that was the point to die at."""
        if self.doom == point:
            self.life.is_over = True
        self.life.go_on()

    def show(self) -> None:
        """Let the watchers look, as a scan begins to read, a run to evaluate or to write.

        No point is passed by that.
        """
        life, left = self.life, self.life.left
        life.left = None
        for look in self.watchers:
            look()
        life.left = left

    def interrupt(self) -> None:
        """Do what was to be done in the middle of the next call."""
        if self.meantime:
            self.meantime.pop(0)()

    def find(self, number: int) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return what the personnel department and the directory say of somebody."""
        person, account = self.hr.get("person", f"e{number}"), self.get(number)
        return _plain(person), _plain(account)

    def select(self, query: str) -> list[Any]:
        """Read rows as they are stored."""
        with self.app.store.engine.connect() as connection:
            return list(connection.exec_driver_sql(query).all())


class StrictWorld(World):
    """A world whose personnel department loses nobody, and its head least, without a question."""

    def _started(self) -> App:
        file = self.folder / "config" / "hypersync.yaml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(LOOSE, STRICT, 1), encoding="utf-8")
        return super()._started()


def _fill(company: Company) -> None:
    for number in PEOPLE:
        level = "C" if number == 0 else "E"
        company.person(number, name=f"u{number}", level=level, title="clerk")
        company.account(number, title="clerk")
    company.group(GROUP, *(f"u{number}" for number in PEOPLE))


def _folder() -> Path:
    memory = Path("/dev/shm")  # noqa: S108 - a database that is never flushed to a disk
    return Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))


@cache
def _built(terms: Terms) -> App:
    """Return what a process knows of its configuration, with a store that nobody uses."""
    folder = _folder()
    world = StrictWorld(folder, terms.rules(), more=terms.more(), limits=terms.limits())
    world.close()
    shutil.rmtree(folder)
    return world.app


@cache
def _founded() -> bytes:
    """Return the database of a company that was scanned and synced once."""
    with numbered_ids("first"):
        company = new_company(Terms())
        _fill(company)
        company.run("full")
    company.close()
    content = (company.folder / "hypersync.db").read_bytes()
    shutil.rmtree(company.folder)
    return content


@contextmanager
def numbered_ids(prefix: str = "n") -> Iterator[None]:
    """Count ids up instead of drawing them, so that the same seed does the same."""
    drawn, numbers = secrets.token_urlsafe, count(1)
    secrets.token_urlsafe = lambda _=None: f"{prefix}{next(numbers):021}"
    try:
        yield
    finally:
        secrets.token_urlsafe = drawn


def new_company(terms: Terms) -> Company:
    """Return a company that was never scanned."""
    folder = _folder()
    lay_tables(folder / "hypersync.db")
    return Company(folder, terms)


def found_company() -> Company:
    """Return a new company as it is after its first sync."""
    content, folder = _founded(), _folder()
    (folder / "hypersync.db").write_bytes(content)
    company = Company(folder, Terms())
    _fill(company)
    company.later(minutes=1)
    return company


def dissolve(company: Company) -> None:
    """Remove what a company left behind."""
    company.close()
    shutil.rmtree(company.folder)
