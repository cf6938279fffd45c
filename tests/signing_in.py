"""Somebody who signs in to the pages: accounts with quick hashes, and what a browser keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argon2 import PasswordHasher

from hypersync.access.accounts import add_account
from hypersync.access.passwords import Passwords
from hypersync.access.sessions import ACCOUNT, begin_session, session_rules
from hypersync.config.sign_in_models import SignInConfig
from tests.asking import NOON, Stopped, person, stopped
from tests.pages import Browser
from webui.sign_in.welcome import PASSWORDS

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from hypersync.approvals.directory import Person

PASSWORD = "correct horse battery"  # noqa: S105 - of nobody
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
COOKIE = "__Host-hypersync"
RULES = session_rules(SignInConfig(accounts=True))

ROLES = ("viewer", "approver", "operator", "admin")
EVERYBODY = tuple(
    person(who, roles=frozenset({role}))
    for who, role in zip(("vic", "ann", "oli", "ada"), ROLES, strict=True)
)


class QuickBrowser(Browser):
    """A browser before pages that hash quickly."""

    __slots__ = ()

    def client(self) -> FlaskClient:
        """A test client of the pages."""
        is_new = self._client is None
        client = Browser.client(self)
        if is_new and PASSWORDS in client.application.extensions:
            client.application.extensions[PASSWORDS] = QUICK
        return client


def account(world: Stopped, who: str, password: str = PASSWORD, passwords=QUICK) -> None:
    """Give somebody an account."""
    add_account(
        world.store,
        who,
        password,
        by="cli:tester",
        now=NOON,
        directory=world.settings.directory,
        passwords=passwords,
    )


def browser(
    folder: Path, *people: Person, sign_in: dict | None = None, **configured: object
) -> Browser:
    """A browser before pages with a sign-in, elsewhere than the server; accounts by default."""
    world = stopped(folder, *(people or EVERYBODY))
    known = SignInConfig.model_validate(sign_in or {"accounts": "true"})
    return QuickBrowser(
        world,
        remote="192.0.2.7",
        headers={"Host": "iam.example.org"},
        configured={"sign_in": known, **configured},
    )


def enter(
    browser: Browser, who: str, password: str = PASSWORD, *, following: str = "", **fields: str
) -> TestResponse:
    """Send the form of the page to sign in."""
    return browser.post(
        "/sign-in", {"name": who, "password": password, "next": following, **fields}
    )


def signed_in(folder: Path, who: str = "ann", *people: Person, **more: object) -> Browser:
    """A browser in which somebody signed in."""
    made = browser(folder, *people, **more)  # type: ignore[arg-type]
    account(made.world, who)
    hold(made, begin_session(made.world.store, who, ACCOUNT, now=made.time, rules=RULES))
    return made


def hold(browser: Browser, secret: str) -> None:
    """Let a browser keep the secret of a session."""
    browser.client().set_cookie(COOKIE, secret, domain="iam.example.org", secure=True)


def secret_of(browser: Browser) -> str:
    """What the browser keeps."""
    cookie = browser.client().get_cookie(COOKIE, domain="iam.example.org")
    return "" if cookie is None else cookie.value


def csrf_of(browser: Browser) -> str:
    """What the forms of the pages carry."""
    return browser.form("/report/runs")["csrf"]
