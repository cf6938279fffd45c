"""Who looks at a page: somebody who signed in, whoever sits at this machine, or nobody."""

from __future__ import annotations

from typing import get_args

from flask import g, request

from hypersync.access.sessions import current_session, form_token, session_rules
from hypersync.access.visitor import AT_THIS_MACHINE, Visitor
from hypersync.app import App
from hypersync.approvals.directory import Person
from hypersync.config.people_models import Role
from hypersync.errors import DecisionRefused
from webui.cookies import session_secret
from webui.origin import is_local

_ROLES: tuple[Role, ...] = get_args(Role)


class SignInNeeded(DecisionRefused):
    """You are not signed in, or not any more. Sign in, then do it again."""

    code = "sign_in_needed"


def visitor(app: App) -> Visitor | None:
    """Return who looks, or ``None`` for somebody unknown; it is found out once a request.

    Whoever brings a token of the API is judged by that alone, elsewhere.
    """
    if "visitor" not in g:
        g.visitor = _find(app)
    found: Visitor | None = g.visitor
    return found


def _find(app: App) -> Visitor | None:
    if "Authorization" in request.headers:
        return None
    if app.configuration.sign_in is None:
        return AT_THIS_MACHINE if is_local(app) else None
    return _by_session(app)


def _by_session(app: App) -> Visitor | None:
    sign_in, secret = app.configuration.sign_in, session_secret(app)
    if sign_in is None or not secret:
        return None
    directory = app.settings.directory
    session = current_session(
        app.store,
        secret,
        now=app.clock.now(),
        rules=session_rules(sign_in),
        directory=directory,
    )
    return None if session is None else _of(directory.people[session.person], form_token(secret))


def _of(person: Person, csrf: str) -> Visitor:
    return Visitor(
        name=person.name,
        roles=frozenset(role for role in _ROLES if role in person.roles),
        proof="session",
        person=person.id,
        csrf=csrf,
    )


def needs(app: App, role: Role) -> Visitor:
    """Return who looks; raises `DecisionRefused` unless they have the role."""
    known = visitor(app)
    if known is None:
        raise stranger(app, "Until there is a sign-in, this page is shown on its machine only.")
    if not known.may(role):
        raise DecisionRefused(f"This takes the role {role}.")
    return known


def stranger(app: App, message: str) -> DecisionRefused:
    """Return what to raise about nobody: to sign in, or where that is not possible a sentence."""
    return DecisionRefused(message) if app.configuration.sign_in is None else SignInNeeded()


def zone_of(app: App) -> str:
    """Return the time zone in which whoever looks reads times."""
    known = visitor(app)
    person = "" if known is None else known.person or ""
    people = app.settings.directory.people
    return people[person].timezone if person in people else "UTC"
