"""Who looks at a page: somebody who signed in, whoever sits at this machine, or nobody."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from flask import g, request

from hypersync.access.people import person_named
from hypersync.access.sessions import (
    current_session,
    form_token,
    header_form_tokens,
    session_rules,
)
from hypersync.access.visitor import AT_THIS_MACHINE, Visitor
from hypersync.app import App
from hypersync.approvals.directory import Person
from hypersync.config.people_models import Role
from hypersync.config.sign_in_models import SignInConfig, is_among
from hypersync.errors import DecisionRefused
from webui.cookies import session_secret
from webui.origin import is_local, peer

POLLED = frozenset({"pending.whats_new", "dashboard.now", "runs.progress"})
"""What pages ask for again and again by themselves; it keeps no session from ending unused."""

_ROLES: tuple[Role, ...] = get_args(Role)


class SignInNeeded(DecisionRefused):
    """You are not signed in, or not any more. Sign in, then do it again."""

    code = "sign_in_needed"


@dataclass(frozen=True, slots=True)
class _Known:
    """Who looks, and what the forms of their pages may carry."""

    visitor: Visitor | None
    forms: Sequence[str] = ()
    has_cookie: bool = False


def visitor(app: App) -> Visitor | None:
    """Return who looks, or ``None`` for somebody unknown; it is found out once a request.

    Whoever brings a token of the API is judged by that alone, elsewhere.
    """
    return _known(app).visitor


def known_by_token(found: Visitor) -> None:
    """Let somebody be who looks for this request: the token of the API that they sent is good."""
    g.known = _Known(found)


def can_sign_out(app: App) -> bool:
    """Tell whether whoever looks is known by a session of ours."""
    return _known(app).has_cookie


def is_own_form(app: App, given: str) -> bool:
    """Tell whether a form carries what the pages of whoever is signed in were given.

    Whoever is known by nothing that a browser sends by itself cannot be made to send something by
    another site.
    """
    known = _known(app)
    if known.visitor is None or known.visitor.proof != "session":
        return True
    typed = given.encode("utf-8", "replace")
    return any(hmac.compare_digest(typed, each.encode()) for each in known.forms)


def named_by_proxy(app: App) -> str | None:
    """Return whom the header of a proxy names; ``None`` without such a header."""
    sign_in = app.configuration.sign_in
    if sign_in is None or sign_in.proxy is None:
        return None
    given = request.headers.get(sign_in.proxy.header)
    return None if given is None else given.encode("latin-1").decode("utf-8", "replace").strip()


def _known(app: App) -> _Known:
    if "known" not in g:
        g.known = _find(app)
    found: _Known = g.known
    return found


def _find(app: App) -> _Known:
    sign_in = app.configuration.sign_in
    if request.headers.get("Authorization", "").casefold().startswith("bearer "):
        return _Known(None)
    if sign_in is None:
        return _Known(AT_THIS_MACHINE if is_local(app) else None)
    named = named_by_proxy(app)
    return _by_session(app, sign_in) if named is None else _by_header(app, sign_in, named)


def _by_header(app: App, sign_in: SignInConfig, named: str) -> _Known:
    """Find somebody whom a proxy names; of anybody else but the named proxies it says nothing."""
    if sign_in.proxy is None or not is_among(peer(), sign_in.proxy.addresses):
        return _Known(None)
    person = person_named(named, sign_in.proxy.names, app.settings.directory)
    if person is None:
        return _Known(None)
    forms = header_form_tokens(app.settings.signer, person.id, app.clock.now())
    return _Known(_of(person, forms[0]), forms)


def _by_session(app: App, sign_in: SignInConfig) -> _Known:
    secret, directory = session_secret(app), app.settings.directory
    if not secret:
        return _Known(None)
    session = current_session(
        app.store,
        secret,
        now=app.clock.now(),
        rules=session_rules(sign_in),
        directory=directory,
        is_use=request.endpoint not in POLLED,
    )
    if session is None:
        return _Known(None)
    form = form_token(secret)
    return _Known(_of(directory.people[session.person], form), (form,), has_cookie=True)


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
