"""The page of whoever is signed in: where else they are, and their password."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from hypersync.access.accounts import change_password, check_password, has_account
from hypersync.access.sessions import ACCOUNT, secret_hash, session_rules, sessions_of
from hypersync.app import App
from hypersync.approvals.directory import Person
from hypersync.config.sign_in_models import SignInConfig
from hypersync.errors import HyperSyncError, NotFound, SignInRefused, UsageError
from webui.cookies import session_secret
from webui.frame import show
from webui.sign_in.build import you_page
from webui.sign_in.welcome import PASSWORDS, welcome
from webui.visitors import can_sign_out, stranger, visitor

View = Callable[[], AnyResponse]


def add_pages(
    pages: Blueprint, app: App, sign_in: SignInConfig, limit: Callable[[View], View]
) -> None:
    """Add the page and the form that changes a password."""

    @pages.get("/you")
    def you() -> AnyResponse:
        return _show(app, sign_in, "Your password is changed." if "changed" in request.args else "")

    def change() -> AnyResponse:
        try:
            return _change(app, sign_in)
        except (SignInRefused, UsageError) as refused:
            return _show(app, sign_in, error=_sentence(refused), status=403)

    pages.add_url_rule("/you/password", view_func=limit(change), methods=["POST"])


def _person(app: App) -> Person:
    known = visitor(app)
    if known is None or known.person is None:
        raise stranger(app, "Nobody is signed in.")
    return app.settings.directory.people[known.person]


def _show(
    app: App, sign_in: SignInConfig, done: str = "", *, error: str = "", status: int = 200
) -> AnyResponse:
    person = _person(app)
    sessions = sessions_of(
        app.store,
        person.id,
        now=app.clock.now(),
        rules=session_rules(sign_in),
        directory=app.settings.directory,
    )
    this = secret_hash(session_secret(app)) if can_sign_out(app) else ""
    page = you_page(
        person,
        sessions,
        this,
        has_password=_has_password(app, sign_in, person),
        error=error,
        done=done,
    )
    return show(app, "web/you.html", page, status)


def _has_password(app: App, sign_in: SignInConfig, person: Person) -> bool:
    """Tell whether there is a password to change, by somebody in a session of theirs."""
    return sign_in.accounts and can_sign_out(app) and has_account(app.store, person.id)


def _change(app: App, sign_in: SignInConfig) -> AnyResponse:
    """Change the password, which ends every session, and begin one for this browser."""
    person, form = _person(app), request.form
    if not _has_password(app, sign_in, person):
        raise NotFound
    passwords, directory = current_app.extensions[PASSWORDS], app.settings.directory
    check_password(
        app.store, person.id, form.get("old", ""), directory=directory, passwords=passwords
    )
    if form.get("new", "") != form.get("again", ""):
        raise UsageError("the two new passwords differ; type the same twice")
    change_password(
        app.store,
        person.id,
        form.get("new", ""),
        by=f"person:{person.id}",
        now=app.clock.now(),
        directory=directory,
        passwords=passwords,
    )
    return welcome(app, sign_in, person.id, ACCOUNT, "/you?changed=1")


def _sentence(refused: HyperSyncError) -> str:
    if isinstance(refused, SignInRefused):
        return "The password you have now is another one."
    return f"{refused.message[:1].upper()}{refused.message[1:]}."
