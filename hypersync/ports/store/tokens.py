"""The store port for tokens of the API, and for answers to calls that may be sent again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """One token as it is stored: what its holder has is not among it, only its ``hash``."""

    id: str
    hash: str
    person: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Tell whether it is neither revoked nor over."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Tokens(Protocol):
    """Tokens of the API."""

    def add(self, token: ApiToken) -> None:
        """Store a new token."""

    def get(self, token: str) -> ApiToken | None:
        """Return a token by its id."""

    def by_hash(self, token_hash: str) -> ApiToken | None:
        """Return the token whose holder has what has this hash."""

    def all(self, people: Collection[str] | None = None) -> Sequence[ApiToken]:
        """Return the tokens of these people or of everybody, the newest first."""

    def used(self, token: str, now: datetime) -> None:
        """Note that a token was used."""

    def revoke(self, token: str, now: datetime) -> bool:
        """End a token for good; false when it was ended already."""


@dataclass(frozen=True, slots=True)
class Called:
    """A call that was sent with a key: what was asked, and its answer unless it is under way."""

    call: str
    request_hash: str
    status: int | None
    answer: str | None
    at: datetime


class Calls(Protocol):
    """Calls that may be sent again, by the hash of their key and by person."""

    def claim(
        self, key: str, person: str, *, call: str, request_hash: str, now: datetime
    ) -> Called | None:
        """Take a key for a call; of several at once one gets it, the others what stands there."""

    def finish(self, key: str, person: str, *, status: int, answer: str) -> None:
        """Keep the answer of a call that is under way."""

    def drop(self, key: str, person: str) -> None:
        """Give a key back whose call came to nothing."""

    def forget(self, *, answered: datetime, under_way: datetime) -> None:
        """Delete what was answered, or was under way, before then."""
