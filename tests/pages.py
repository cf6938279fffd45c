"""The web pages over a stopped run, and the mail whose links open them."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hypersync.app import App, build
from hypersync.approvals.deliver import deliver
from hypersync.messages.render import Renderer
from hypersync.model.unlock import Lock
from tests.asking import NOON, Stopped
from tests.projects import load_project, write_project
from tests.unlocking import HERE, PUBLIC
from tests.worlds import CONFIGURATION, DISABLE
from webui import create_app

if TYPE_CHECKING:
    from datetime import datetime

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from hypersync.ports.channel import Message


@dataclass(slots=True)
class Postbag:
    """A channel that keeps what it is given."""

    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        """Keep a message."""
        self.messages.append(message)


@cache
def _any_app() -> App:
    """An application whose store and settings are to be replaced; its silos are in memory."""
    folder = Path(tempfile.mkdtemp(prefix="pages-"))
    main = CONFIGURATION.format(database="sqlite://", limits="", more="")
    return build(load_project(write_project(folder, main, rules=DISABLE)), started_by="cli:tester")


@dataclass(slots=True)
class Browser:
    """Somebody with a mail in front of the pages; ``time`` is what their clock shows.

    ``configured`` replaces parts of the configuration.
    """

    world: Stopped
    time: datetime = NOON
    bag: Postbag = field(default_factory=Postbag)
    remote: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)
    configured: dict[str, object] = field(default_factory=dict)
    _client: FlaskClient | None = None

    def now(self) -> datetime:
        """The time."""
        return self.time

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return self.time.timestamp()

    def post_office(self) -> None:
        """Send what waits in the outbox."""
        deliver(
            self.world.store,
            channels={"email": self.bag},
            writer=Renderer(),
            worker="w1",
            clock=self.now,
            settings=self.world.settings,
        )

    def client(self) -> FlaskClient:
        """A test client of the pages."""
        if self._client is None:
            self._client = create_app(self._app()).test_client()
        return self._client

    def _app(self) -> App:
        """The application over this world's store and settings, on this browser's clock."""
        app = _any_app()
        lock = Lock(installation=HERE, silos=frozenset({"directory"}), public_key=PUBLIC)
        return replace(
            app,
            configuration=app.configuration.model_copy(update=self.configured),
            store=self.world.store,
            settings=self.world.settings,
            clock=self,
            engine=replace(app.engine, store=self.world.store, lock=lock),
        )

    def use(self, **values: object) -> None:
        """Go on with other settings; the pages are made anew."""
        self.world.settings = replace(self.world.settings, **values)  # type: ignore[arg-type]
        self._client = None

    def links(self, number: int = -1) -> list[str]:
        """Paths and queries of the links of a mail."""
        found = re.findall(r"https://iam\.example\.org(/\S+)", self.bag.messages[number].text)
        return list(dict.fromkeys(found))

    def link(self, what: str, number: int = -1) -> str:
        """The first link of a mail that contains this."""
        return next(link for link in self.links(number) if what in link)

    def token(self, number: int = -1) -> str:
        """The token of a mail's links."""
        return self.link("token=", number).split("token=")[1]

    def code(self, number: int = -1) -> str:
        """The code of a mail."""
        found = re.search(r"CONFIRMATION CODE  (\d{6})", self.bag.messages[number].text)
        assert found is not None
        return found[1]

    def open(self, link: str, method: str = "GET") -> TestResponse:
        """Request a page."""
        return self.client().open(
            link,
            method=method,
            buffered=True,
            headers=self.headers,
            environ_base={"REMOTE_ADDR": self.remote},
        )

    def form(self, link: str) -> dict[str, str]:
        """The fields of a page's form as they are filled in when it opens."""
        page = self.open(link).get_data(as_text=True)
        fields = re.findall(r'<input[^>]*name="([^"]+)"[^>]*?(?:value="([^"]*)")?>', page)
        return dict(fields)

    def submit(self, link: str, **fields: str) -> TestResponse:
        """Send a page's form with these fields besides those that are filled in."""
        return self.post(link, {**self.form(link), **fields})

    def post(self, link: str, fields: dict[str, str]) -> TestResponse:
        """Send fields."""
        parts = urlsplit(link)
        return self.client().post(
            f"{parts.path}?{parts.query}",
            data=fields,
            headers=self.headers,
            environ_base={"REMOTE_ADDR": self.remote},
        )

    def answer(self, link: str, **fields: str) -> TestResponse:
        """Send a page's form with the code of the last mail."""
        return self.submit(link, code=self.code(), **fields)
