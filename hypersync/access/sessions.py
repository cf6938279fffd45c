"""Sessions: they begin at a sign-in and end by themselves.

What the browser holds is 256 random bits; only their hash is stored. A session ends when it was not
used for a while, after its longest time, when its person leaves the configuration, when the way
they came in is no longer offered, and when their account is disabled. Roles are those that the
configuration says now, whatever it said when the session began.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hypersync.approvals.directory import Directory
from hypersync.approvals.links import Signer
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.accounts import Session
from hypersync.ports.store.events import Event

if TYPE_CHECKING:
    from hypersync.config.sign_in_models import SignInConfig

ACCOUNT, OPENID = "account", "openid"
_PART_OF_IDLE = 10
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SessionRules:
    """Which sessions there may be, and how long: ``idle`` unused, ``longest`` in all."""

    ways: frozenset[str]
    idle: timedelta
    longest: timedelta


def session_rules(sign_in: SignInConfig) -> SessionRules:
    """Return what the configuration says about sessions."""
    offered = {ACCOUNT: sign_in.accounts, OPENID: sign_in.openid is not None}
    ways = frozenset(way for way, is_offered in offered.items() if is_offered)
    return SessionRules(ways=ways, idle=sign_in.idle, longest=sign_in.longest)


def secret_hash(secret: str) -> str:
    """Return what is stored of the secret of a session or of a token of the API."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def begin_session(
    store: Store, person: str, way: str, *, now: datetime, rules: SessionRules, before: str = ""
) -> str:
    """Begin a session and return its secret; the one that the browser had ``before`` ends."""
    secret = secrets.token_urlsafe(32)
    session = Session(
        hash=secret_hash(secret),
        person=person,
        way=way,
        created_at=now,
        seen_at=now,
        ends_at=now + rules.longest,
    )
    with store.begin() as unit:
        if before:
            unit.sessions.end(secret_hash(before))
        unit.sessions.start(session)
        if way == ACCOUNT:
            unit.accounts.signed_in(person, now)
        by = f"person:{person}"
        unit.events.record(Event(kind="sign_in", at=now, by=by, data={"way": way}))
    return secret


def current_session(
    store: Store,
    secret: str,
    *,
    now: datetime,
    rules: SessionRules,
    directory: Directory,
    is_use: bool = True,
) -> Session | None:
    """Return the session of a secret, if it has not ended, and note that it was used.

    What a page asks for by itself is no use: nobody may be there.
    """
    with store.snapshot() as unit:
        session = unit.sessions.get(secret_hash(secret))
        if session is None or not _is_good(unit, session, now, rules, directory):
            return None
    if is_use and now - session.seen_at >= rules.idle / _PART_OF_IDLE:
        with store.begin() as unit:
            unit.sessions.seen(session.hash, now)
    return session


def _is_good(
    unit: UnitOfWork, session: Session, now: datetime, rules: SessionRules, directory: Directory
) -> bool:
    longest = min(session.ends_at, session.created_at + rules.longest)
    if now >= longest or now - session.seen_at >= rules.idle:
        return False
    if session.way not in rules.ways or session.person not in directory.people:
        return False
    if session.way != ACCOUNT:
        return True
    account = unit.accounts.get(session.person)
    return account is not None and account.disabled_at is None


def sessions_of(
    store: Store, person: str, *, now: datetime, rules: SessionRules, directory: Directory
) -> Sequence[Session]:
    """Return the sessions of a person that have not ended, the latest first."""
    with store.snapshot() as unit:
        found = unit.sessions.of(person)
        return [each for each in found if _is_good(unit, each, now, rules, directory)]


def end_session(store: Store, secret: str, *, now: datetime) -> None:
    """End a session; one that has ended stays so."""
    with store.begin() as unit:
        session = unit.sessions.get(secret_hash(secret))
        if session is not None and unit.sessions.end(session.hash):
            unit.events.record(Event(kind="sign_out", at=now, by=f"person:{session.person}"))


def end_sessions(store: Store, person: str, *, now: datetime) -> int:
    """End every session of a person; return how many there were."""
    with store.begin() as unit:
        count = unit.sessions.end_all(person)
        data = {"everywhere": True, "sessions": count}
        unit.events.record(Event(kind="sign_out", at=now, by=f"person:{person}", data=data))
    return count


def form_token(secret: str) -> str:
    """Return what the forms of a session carry, which no other site can know."""
    return _text(hmac.digest(secret.encode("utf-8", "replace"), b"hypersync form", hashlib.sha256))


def header_form_tokens(signer: Signer, person: str, now: datetime) -> Sequence[str]:
    """Return what the forms of somebody may carry whom a proxy names with each request.

    The first is for new forms; those of yesterday and of older keys are good as well.
    """
    days = (now, now - _DAY)
    return [
        _text(hmac.digest(key, _signed(signer, person, day), hashlib.sha256))
        for key in signer.keys
        for day in days
    ]


def _signed(signer: Signer, person: str, day: datetime) -> bytes:
    parts = ("form", signer.environment, person, f"{day:%Y-%m-%d}")
    return b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
