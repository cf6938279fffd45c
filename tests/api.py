"""Somebody who calls the API with a token, over a stopped run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hypersync.access.tokens import create_token
from hypersync.access.visitor import ROLES
from tests.asking import DAY, NOON, person, stopped
from tests.pages import Browser

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from werkzeug.test import TestResponse

    from hypersync.approvals.directory import Person

PEOPLE = (
    person("ann"),
    person("bob"),
    person("vic", roles=frozenset({"viewer"})),
    person("oli", roles=frozenset({"operator"})),
    person("ada", roles=frozenset({"admin"})),
    person("all", roles=frozenset(ROLES)),
)
EVERY = ("read", "decide", "run", "admin")


@dataclass(slots=True)
class Caller:
    """A program with a token in front of the API, elsewhere than the server."""

    browser: Browser
    secret: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def world(self) -> Any:
        """What it calls about."""
        return self.browser.world

    def as_(self, who: str, *scopes: str) -> Caller:
        """The same as somebody else, with a new token."""
        world = self.browser.world
        secret, _ = create_token(
            world.store,
            who,
            "tests",
            scopes or EVERY,
            ends=NOON + 30 * DAY,
            by="cli:tester",
            now=NOON,
            directory=world.settings.directory,
        )
        return replace(self, secret=secret, headers={})

    def call(self, method: str, path: str, **more: Any) -> TestResponse:
        """Call an address below ``/api/v1``."""
        headers = {**({"Authorization": f"Bearer {self.secret}"} if self.secret else {})}
        address = path if path.startswith("/api") else f"/api/v1{path}"
        return self.browser.client().open(
            address,
            method=method,
            headers={"Host": "iam.example.org", **headers, **self.headers},
            environ_base={"REMOTE_ADDR": self.browser.remote},
            **more,
        )

    def get(self, path: str, **query: Any) -> TestResponse:
        """Look."""
        return self.call("GET", path, query_string=query)

    def post(self, path: str, body: Any = None, *, key: str = "") -> TestResponse:
        """Send JSON, with a key by which it may be sent again."""
        once = {"Idempotency-Key": key} if key else {}
        sender = replace(self, headers={**self.headers, **once})
        return sender.call("POST", path, json={} if body is None else body)

    def every(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page after page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **query, **cursor)
            assert page.status_code == 200, page.text
            found += page.json["items"]
            if page.json["next"] is None:
                return found
            cursor = {"cursor": page.json["next"]}


def caller(
    folder: Path | str, who: str = "ann", *scopes: str, people: Sequence[Person] = PEOPLE
) -> Caller:
    """Somebody with a token, all scopes by default."""
    world = stopped(folder, *people)
    browser = Browser(world, remote="192.0.2.7")
    return Caller(browser).as_(who, *scopes)


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Insist on a problem of this kind, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json if answer.is_json else {}
    assert found["type"] == f"urn:hypersync:problem:{code}", found
    assert found["status"] == status
    return found
