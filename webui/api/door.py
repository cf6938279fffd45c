"""Who calls, whether they may, and how often: looked at before any call of the API is answered.

A bearer token says who calls. Whoever brings none is known by their session, and what they send
then carries the session's form token in ``X-CSRF-Token``: another site could send their cookie, and
cannot know that. What a call takes (a scope of the token, a role of the person) is declared where
the call is; nothing is answered to somebody unknown but the document that describes the API.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import request

from hypersync.access.tokens import token_visitor
from hypersync.access.visitor import Scope, Visitor
from hypersync.app import App
from hypersync.config.people_models import Role
from webui.api.problems import ProblemError
from webui.origin import host_of
from webui.visitors import is_own_form, known_by_token, visitor

MOST_CALLS = 600
MOST_WRONG_TOKENS = 30
SPAN = timedelta(minutes=1)
MOST_BYTES = 256 * 1024
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_REALM = 'Bearer realm="hypersync"'
_MOST_CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class Takes:
    """What a call takes: a scope of the token that is used, and a role of its person."""

    scope: Scope
    role: Role


class Door:
    """Looks at every call before it is answered."""

    def __init__(self, app: App) -> None:
        public = urlsplit(app.settings.links.public_url)
        self._app = app
        names = {"localhost", "127.0.0.1", "[::1]", (public.hostname or "").casefold()}
        self._hosts = names - {""}
        self._calls = Often(MOST_CALLS)
        self._wrong = Often(MOST_WRONG_TOKENS)
        self.takes: dict[str, Takes | None] = {}

    def check(self) -> None:
        """Raise `ProblemError` for a call that is not to be answered."""
        if host_of(request.host) not in self._hosts:
            raise ProblemError(400, "host", "This server is not known by that name.")
        if request.endpoint is not None and self.takes.get(request.endpoint, True) is None:
            return
        known = self._known()
        self._slow_down(known)
        takes = self.takes.get(request.endpoint or "")
        if takes is None:
            return
        _check(known, takes)
        if request.method not in _HARMLESS:
            self._check_session(known)
            _check_body()

    def _known(self) -> Visitor:
        """Return who calls; raises `ProblemError` for nobody."""
        kind, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
        is_token = kind.casefold() == "bearer"
        known = self._by_token(secret.strip()) if is_token else visitor(self._app)
        if known is None:
            raise ProblemError(
                401,
                "unknown",
                "Send a token of the API: Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": _REALM},
            )
        return known

    def _by_token(self, secret: str) -> Visitor:
        """Return whose token this is; whoever tries many learns nothing more for a while."""
        app, address = self._app, request.remote_addr or ""
        now, directory = app.clock.now(), app.settings.directory
        known = token_visitor(app.store, secret, now=now, directory=directory)
        if known is not None:
            known_by_token(known)
            return known
        if not self._wrong.allows(address, now):
            raise _too_often()
        raise ProblemError(
            401,
            "token",
            "This token opens nothing: it was never made, it ended, or it was revoked.",
            headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
        )

    def _slow_down(self, known: Visitor) -> None:
        caller = known.token or known.person or request.remote_addr or ""
        if not self._calls.allows(caller, self._app.clock.now()):
            raise _too_often()

    def _check_session(self, known: Visitor) -> None:
        given = request.headers.get("X-CSRF-Token", "")
        if known.proof == "session" and not is_own_form(self._app, given):
            text = "In a session this takes the header X-CSRF-Token, as the forms of its pages."
            raise ProblemError(403, "csrf", text)


def _check(known: Visitor, takes: Takes) -> None:
    """Raise `ProblemError` unless somebody may do what takes this."""
    if not known.has(takes.scope):
        said = f'{_REALM}, error="insufficient_scope", scope="{takes.scope}"'
        text = f"This takes a token with the scope {takes.scope}."
        raise ProblemError(403, "scope", text, headers={"WWW-Authenticate": said})
    if not known.may(takes.role):
        raise ProblemError(403, "role", f"This takes the role {takes.role}.")
    if takes.scope != "read" and known.person is None:
        text = "Who sits at this machine only looks; send the token of a person."
        raise ProblemError(403, "role", text)


def _check_body() -> None:
    """Raise `ProblemError` unless JSON was sent, and HTTP's own for what is none or too much."""
    if request.mimetype != "application/json":
        raise ProblemError(415, "unsupported_media_type", "Send JSON: application/json.")
    try:
        found = request.get_json()
    except RecursionError as error:
        raise ProblemError(400, "bad_request", "This JSON is nested too deeply.") from error
    if not isinstance(found, dict):
        raise ProblemError(422, "invalid", "Send a JSON object: {...}.")


def _too_often() -> ProblemError:
    seconds = str(int(SPAN.total_seconds()))
    text = "Too many calls within a minute; wait, then go on more slowly."
    return ProblemError(429, "too_many", text, headers={"Retry-After": seconds})


class Often:
    """Counts what callers did within the last minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_caller: OrderedDict[str, deque[datetime]] = OrderedDict()

    def allows(self, caller: str, now: datetime) -> bool:
        """Count one more, if it is not too much; whoever has not called longest is forgotten."""
        known = self._by_caller.setdefault(caller, deque())
        self._by_caller.move_to_end(caller)
        while len(self._by_caller) > _MOST_CALLERS:
            self._by_caller.popitem(last=False)
        while known and now - known[0] >= SPAN:
            known.popleft()
        if len(known) >= self._most:
            return False
        known.append(now)
        return True
