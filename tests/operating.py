"""Somebody who signed in before the pages of a whole world, and starts runs there."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hypersync.access.accounts import add_account
from tests.signing_in import PASSWORD, QUICK
from tests.worlds import DISABLE, World
from webui import create_app
from webui.jobs import Job, Jobs
from webui.sign_in.welcome import PASSWORDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from hypersync.model.runs import Run
    from hypersync.ports.store import Store

HOST = "https://iam.example.org"
PEOPLE = """\
sign_in: {accounts: true}
people:
  oli: {name: Oli Op, email: oli@example.org, roles: [operator, approver], delegate: del}
  ann: {name: Ann Ng, email: ann@example.org, roles: [approver]}
  del: {name: Del E, email: del@example.org, roles: [approver]}
  vic: {name: Vic View, email: vic@example.org, roles: [viewer]}
"""


@dataclass(slots=True)
class Gate:
    """Holds up the next run where it begins, until it is opened."""

    reached: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def __call__(self, store: Store, *_: object, **__: object) -> None:
        """Wait, then go on or fail."""
        self.reached.set()
        assert self.open.wait(60)
        if self.error is not None:
            raise self.error


class Desk:
    """A world, its pages, and who sits before them."""

    def __init__(self, folder: Path, rules: str = DISABLE, **more: str) -> None:
        more["more"] = PEOPLE + more.get("more", "")
        self.world = World(folder, rules, **more)  # type: ignore[arg-type]
        self._site: Flask | None = None
        self._clients: dict[str, FlaskClient] = {}
        self._known: set[str] = set()

    def close(self) -> None:
        self.world.close()

    @property
    def site(self) -> Flask:
        """The pages; made when they are first looked at."""
        if self._site is None:
            self._site = create_app(self.world.app)
            # else each sign-in hashes anew, and slowly, what was hashed quickly
            self._site.extensions[PASSWORDS] = QUICK
        return self._site

    @property
    def jobs(self) -> Jobs:
        return self.site.extensions["jobs"]  # type: ignore[no-any-return]

    def hold(self) -> Gate:
        """Hold up every run until the gate is opened."""
        gate = Gate()
        app = self.world.app
        self.world.app = replace(app, engine=replace(app.engine, note_rules=gate))
        self.anew()
        return gate

    def anew(self) -> None:
        """Make the pages anew: of the application as it is now, and everybody signs in again."""
        self._site, self._clients = None, {}

    def client(self, who: str) -> FlaskClient:
        """The browser in which somebody signed in."""
        if who not in self._clients:
            client = self.site.test_client()
            if who:
                self._account(who)
                answer = client.post(
                    "/sign-in", base_url=HOST, data={"name": who, "password": PASSWORD}
                )
                assert answer.status_code == 303
            self._clients[who] = client
        return self._clients[who]

    def _account(self, who: str) -> None:
        if who not in self._known:
            add_account(
                self.world.app.store,
                who,
                PASSWORD,
                by="cli:tester",
                now=self.world.clock.now(),
                directory=self.world.app.settings.directory,
                passwords=QUICK,
            )
            self._known.add(who)

    def get(self, address: str, who: str = "oli", **headers: str) -> TestResponse:
        return self.client(who).get(address, base_url=HOST, headers=headers)

    def text(self, address: str, who: str = "oli") -> str:
        """A page that is there, in one line, as it is read."""
        page = self.get(address, who)
        assert page.status_code == 200, page.text
        return " ".join(page.text.split())

    def csrf(self, who: str = "oli") -> str:
        """What the forms of the pages carry that they are given."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/report/runs", who).text)
        assert found is not None
        return found[1]

    def post(self, address: str, who: str = "oli", **fields: str) -> TestResponse:
        """Send a form of theirs."""
        data = {"csrf": self.csrf(who), **fields}
        return self.client(who).post(address, base_url=HOST, data=data)

    def job(self, answer: TestResponse) -> Job:
        """The job that a form started, when it is over."""
        assert answer.status_code == 303, answer.text
        return self.jobs.wait(self.jobs.get(answer.headers["Location"].rsplit("/", 1)[1]))

    def newest(self) -> Sequence[Run]:
        """The last runs, newest first."""
        with self.world.app.store.snapshot() as unit:
            return unit.runs.recent(10)

    def preview(self, who: str = "oli", **fields: str) -> Job:
        return self.job(self.post("/report/runs/preview", who, **fields))

    def commit(self, job: Job, who: str = "oli", **fields: str) -> TestResponse:
        return self.post(f"/report/runs/jobs/{job.id}/commit", who, **fields)
