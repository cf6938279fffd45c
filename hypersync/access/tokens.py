"""Tokens of the API: made on the command line, shown once, and good for what they say.

A token is 256 random bits with a name in front by which scanners of source code know it; only its
hash is stored. It belongs to a person, and each call is judged by the roles which the configuration
gives that person then: a token does no more than they may, and no more than its scopes.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, get_args

from hypersync.access.sessions import secret_hash
from hypersync.access.visitor import ROLES, Scope, Visitor
from hypersync.approvals.directory import Directory
from hypersync.errors import NotFound, UsageError
from hypersync.model.ids import new_public_id
from hypersync.ports.store import Store
from hypersync.ports.store.events import Event
from hypersync.ports.store.tokens import ApiToken

PREFIX: Final = "hypersync_"
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
LONGEST: Final = timedelta(days=366)
_MOST_CHARACTERS = 100
_NOTED_EVERY = timedelta(minutes=1)


def create_token(
    store: Store,
    person: str,
    name: str,
    scopes: Collection[str],
    *,
    ends: datetime,
    by: str,
    now: datetime,
    directory: Directory,
) -> tuple[str, ApiToken]:
    """Make a token; return what its holder gets to see this once, and what is stored of it.

    Raises `UsageError` for a person or a scope that there is not, and for an end that is too late.
    """
    if person not in directory.people:
        known = ", ".join(sorted(directory.people)) or "nobody yet"
        raise UsageError(f"there is nobody called {person!r} under `people`; there is {known}")
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise UsageError(f"there is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
    if not now < ends <= now + LONGEST:
        raise UsageError("a token ends within a year; make a new one before it does")
    if not name.strip() or len(name) > _MOST_CHARACTERS:
        raise UsageError(f"a token has a name of up to {_MOST_CHARACTERS} characters")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        id=new_public_id(),
        hash=secret_hash(secret),
        person=person,
        name=name.strip(),
        scopes=frozenset(scopes),
        created_at=now,
        expires_at=ends,
    )
    data = {"token": token.id, "person": person, "scopes": sorted(scopes)}
    with store.begin() as unit:
        unit.tokens.add(token)
        unit.events.record(Event(kind="token_created", at=now, by=by, data=data))
    return secret, token


def revoke_token(store: Store, token: str, *, by: str, now: datetime) -> tuple[ApiToken, bool]:
    """End a token; return it, and whether it was not ended before. Raises `NotFound`."""
    with store.begin() as unit:
        is_new = unit.tokens.revoke(token, now)
        found = unit.tokens.get(token)
        if found is None:
            raise NotFound(f"there is no token {token!r}; `hypersync token list` shows them")
        if is_new:
            data = {"token": token, "person": found.person}
            unit.events.record(Event(kind="token_revoked", at=now, by=by, data=data))
    return found, is_new


def token_visitor(
    store: Store, secret: str, *, now: datetime, directory: Directory
) -> Visitor | None:
    """Return who calls with this token, with the roles they have now; ``None`` for nobody.

    A token ends with its time, when it is revoked, when its person leaves the configuration, and
    does nothing while their account is disabled.
    """
    if not secret.startswith(PREFIX) or len(secret) > _MOST_CHARACTERS:
        return None
    with store.snapshot() as unit:
        token = unit.tokens.by_hash(secret_hash(secret))
        if token is None or not token.is_good(now):
            return None
        account = unit.accounts.get(token.person)
    person = directory.people.get(token.person)
    if person is None or (account is not None and account.disabled_at is not None):
        return None
    if token.last_used_at is None or now - token.last_used_at >= _NOTED_EVERY:
        with store.begin() as unit:
            unit.tokens.used(token.id, now)
    return Visitor(
        name=person.name,
        roles=frozenset(role for role in ROLES if role in person.roles),
        proof="token",
        person=person.id,
        scopes=frozenset(scope for scope in SCOPES if scope in token.scopes),
        token=token.id,
    )
