"""A world whose directory is not always reached, and what people hear of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest

from hypersync.app import App
from hypersync.model.requests import RequestKind
from tests.asking import Stopped
from tests.pages import Browser
from tests.worlds import TITLES, World

PEOPLE = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"
MANY = TITLES.replace("limit: 2", "limit: 90")
CIRCUIT = "    circuit: {failures: 3, pause: 10m, longest: 30m}\n"


def with_door(app: App, silo: str, door: object) -> App:
    """Return the application with another connector in the place of a silo's."""
    connectors = {**app.connectors, silo: door}
    silos = replace(app.engine.silos, connectors=connectors)
    return replace(app, connectors=connectors, engine=replace(app.engine, silos=silos))


class Counted:
    """A connector that counts how often somebody opens a session."""

    def __init__(self, inner) -> None:
        self._inner = inner
        self.opened = 0
        self.can_write = True

    def __getattr__(self, name):
        return getattr(self._inner, name)

    @contextmanager
    def open(self):
        self.opened += 1
        with self._inner.open() as session:
            yield session


class Watched(World):
    """A world that counts how often its directory is opened."""

    def _started(self):
        started = super()._started()
        self.door = Counted(started.connectors["dir"])
        return with_door(started, "dir", self.door)

    @property
    def state(self):
        with self.app.store.snapshot() as unit:
            return unit.silos.circuit("dir")

    @property
    def paused(self):
        with self.app.store.snapshot() as unit:
            return unit.silos.paused()

    def incidents(self, state=None):
        with self.app.store.snapshot() as unit:
            found = [unit.requests.get(row[0]) for row in self.rows("request")]
        return [
            each
            for each in found
            if each.kind is RequestKind.INCIDENT and (state is None or each.state is state)
        ]

    def events(self):
        with self.app.store.snapshot() as unit:
            found = reversed(unit.events.recent(200))
        return [each.kind for each in found if each.kind.startswith("circuit")]

    def retitle(self, title: str) -> None:
        for number in range(6):
            self.change(number, title=title)
        self.scan("hr")

    def titles(self) -> list[str]:
        return [self.get(number).get("title") for number in range(6)]

    def try_to_write(self, times: int) -> None:
        """Sync so many times, far enough apart for what was put off to be due."""
        for _ in range(times):
            self.later(minutes=2)
            self.sync()

    def fail_to_write(self, times: int) -> None:
        """Try to write so many times while the directory is not reached, which then ends."""
        self.dir.faults.unreachable = "no route to host"
        self.try_to_write(times)
        self.dir.faults.unreachable = ""


def watched_actions(world):
    with world.app.store.snapshot() as unit:
        return unit.actions.get([row[1] for row in world.rows("action")])


def mails(world):
    stopped = Stopped(store=world.app.store, settings=world.app.settings)
    browser = Browser(stopped, time=world.clock.time)
    browser.post_office()
    return browser.bag.messages


@pytest.fixture
def watched(tmp_path, database_url):
    made = Watched(tmp_path, MANY, more=PEOPLE, limits=CIRCUIT, database=database_url)
    made.people(range(6), title="old")
    for number in range(6):
        made.account(number, title="old")
    made.run()
    yield made
    made.close()
