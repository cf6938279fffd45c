"""Stores tokens of the API, and answers to calls that may be sent again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection, Row

from hypersync.ports.store.tokens import ApiToken, Called
from hypersync.store import tables

_TOKEN = tables.api_token
_KEY = tables.idempotency_key


class Tokens:
    """Tokens of the API."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: ApiToken) -> None:
        """Store a new token."""
        values = {column.name: getattr(token, column.name) for column in _TOKEN.c}
        values["scopes"] = sorted(token.scopes)
        self._connection.execute(insert(_TOKEN), [values])

    def get(self, token: str) -> ApiToken | None:
        """Return a token by its id."""
        row = self._connection.execute(select(_TOKEN).where(_TOKEN.c.id == token)).first()
        return None if row is None else _token_of(row)

    def by_hash(self, token_hash: str) -> ApiToken | None:
        """Return the token whose holder has what has this hash."""
        row = self._connection.execute(select(_TOKEN).where(_TOKEN.c.hash == token_hash)).first()
        return None if row is None else _token_of(row)

    def all(self, people: Collection[str] | None = None) -> Sequence[ApiToken]:
        """Return the tokens of these people or of everybody, the newest first."""
        query = select(_TOKEN).order_by(_TOKEN.c.created_at.desc(), _TOKEN.c.id)
        if people is not None:
            query = query.where(_TOKEN.c.person.in_(sorted(people)))
        return [_token_of(row) for row in self._connection.execute(query)]

    def used(self, token: str, now: datetime) -> None:
        """Note that a token was used."""
        statement = update(_TOKEN).where(_TOKEN.c.id == token).values(last_used_at=now)
        self._connection.execute(statement)

    def revoke(self, token: str, now: datetime) -> bool:
        """End a token for good; false when it was ended already."""
        done = self._connection.execute(
            update(_TOKEN)
            .where(_TOKEN.c.id == token, _TOKEN.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        return done.rowcount > 0


def _token_of(row: Row[Any]) -> ApiToken:
    return ApiToken(**{**row._mapping, "scopes": frozenset(row.scopes)})


class Calls:
    """Calls that may be sent again, by the hash of their key and by person."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        sqlite = connection.dialect.name == "sqlite"
        self._insert: Any = sqlite_insert if sqlite else postgresql_insert

    def claim(
        self, key: str, person: str, *, call: str, request_hash: str, now: datetime
    ) -> Called | None:
        """Take a key for a call; of several at once one gets it, the others what stands there."""
        values = {
            "hash": key,
            "person": person,
            "call": call,
            "request_hash": request_hash,
            "created_at": now,
        }
        fresh = self._insert(_KEY).values(values).on_conflict_do_nothing()
        if self._connection.execute(fresh.returning(_KEY.c.hash)).first() is not None:
            return None
        row = self._connection.execute(select(_KEY).where(*_is(key, person))).first()
        if row is None:  # given back meanwhile
            return self.claim(key, person, call=call, request_hash=request_hash, now=now)
        return Called(row.call, row.request_hash, row.status, row.answer, row.created_at)

    def finish(self, key: str, person: str, *, status: int, answer: str) -> None:
        """Keep the answer of a call that is under way."""
        statement = update(_KEY).where(*_is(key, person)).values(status=status, answer=answer)
        self._connection.execute(statement)

    def drop(self, key: str, person: str) -> None:
        """Give a key back whose call came to nothing."""
        self._connection.execute(delete(_KEY).where(*_is(key, person), _KEY.c.status.is_(None)))

    def forget(self, *, answered: datetime, under_way: datetime) -> None:
        """Delete what was answered, or was under way, before then."""
        left = and_(_KEY.c.status.is_(None), _KEY.c.created_at < under_way)
        self._connection.execute(delete(_KEY).where(or_(_KEY.c.created_at < answered, left)))


def _is(key: str, person: str) -> tuple[Any, Any]:
    return _KEY.c.hash == key, _KEY.c.person == person
