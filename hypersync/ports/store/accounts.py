"""The store port for accounts with passwords and for sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who signs in with a password; ``password`` is as argon2 hashed it."""

    person: str
    password: str = field(repr=False)
    created_at: datetime
    changed_at: datetime
    disabled_at: datetime | None = None
    signed_in_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in.

    ``hash`` is of what the cookie holds, ``way`` is how they came in: account or openid.
    ``seen_at`` is when it was last used, up to a tenth of the idle time late.
    """

    hash: str = field(repr=False)
    person: str
    way: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


class Accounts(Protocol):
    """Accounts with passwords, one for each person at most."""

    def all(self) -> Sequence[Account]:
        """Return every account by the names of the people."""

    def get(self, person: str) -> Account | None:
        """Return the account of a person."""

    def add(self, account: Account) -> bool:
        """Keep an account; false when that person has one, and then nothing is changed."""

    def set_password(self, person: str, password: str, now: datetime) -> bool:
        """Put a new password in place of the old; false for nobody's."""

    def hash_again(self, person: str, old: str, new: str) -> bool:
        """Put another hash of the same password in place of ``old``; false when that is gone."""

    def disable(self, person: str, now: datetime | None) -> bool:
        """Disable an account, or with ``None`` enable it; false when nothing changed."""

    def remove(self, person: str) -> bool:
        """Forget an account; false for nobody's."""

    def signed_in(self, person: str, now: datetime) -> None:
        """Note that somebody came in."""


class Sessions(Protocol):
    """Sessions; those that ended are forgotten."""

    def start(self, session: Session) -> None:
        """Keep a session, and forget those that ended before it began."""

    def get(self, hash_: str) -> Session | None:
        """Return a session."""

    def of(self, person: str) -> Sequence[Session]:
        """Return the sessions of a person, the latest first."""

    def seen(self, hash_: str, now: datetime) -> None:
        """Note that a session was used."""

    def end(self, hash_: str) -> bool:
        """Forget a session; false when there is none."""

    def end_all(self, person: str) -> int:
        """Forget every session of a person; return how many there were."""
