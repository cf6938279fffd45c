"""Stores accounts with passwords, and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from hypersync.ports.store.accounts import Account, Session
from hypersync.store import tables

_ACCOUNT = tables.account
_SESSION = tables.session


class Accounts:
    """Accounts with passwords, one for each person at most."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        sqlite = connection.dialect.name == "sqlite"
        self._insert: Any = sqlite_insert if sqlite else postgresql_insert

    def all(self) -> Sequence[Account]:
        """Return every account by the names of the people."""
        rows = self._connection.execute(select(_ACCOUNT).order_by(_ACCOUNT.c.person)).mappings()
        return [Account(**row) for row in rows]

    def get(self, person: str) -> Account | None:
        """Return the account of a person."""
        query = select(_ACCOUNT).where(_ACCOUNT.c.person == person)
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else Account(**row)

    def add(self, account: Account) -> bool:
        """Keep an account; false when that person has one, and then nothing is changed."""
        insert = self._insert(_ACCOUNT).values(asdict(account)).on_conflict_do_nothing()
        return self._connection.execute(insert.returning(_ACCOUNT.c.person)).first() is not None

    def set_password(self, person: str, password: str, now: datetime) -> bool:
        """Put a new password in place of the old; false for nobody's."""
        return self._change(_ACCOUNT.c.person == person, password=password, changed_at=now)

    def hash_again(self, person: str, old: str, new: str) -> bool:
        """Put another hash of the same password in place of ``old``; false when that is gone."""
        is_old = (_ACCOUNT.c.person == person) & (_ACCOUNT.c.password == old)
        return self._change(is_old, password=new)

    def disable(self, person: str, now: datetime | None) -> bool:
        """Disable an account, or with ``None`` enable it; false when nothing changed."""
        disabled = _ACCOUNT.c.disabled_at
        differs = disabled.is_(None) if now is not None else disabled.is_not(None)
        return self._change((_ACCOUNT.c.person == person) & differs, disabled_at=now)

    def remove(self, person: str) -> bool:
        """Forget an account; false for nobody's."""
        gone = delete(_ACCOUNT).where(_ACCOUNT.c.person == person)
        return self._connection.execute(gone).rowcount > 0

    def signed_in(self, person: str, now: datetime) -> None:
        """Note that somebody came in."""
        self._change(_ACCOUNT.c.person == person, signed_in_at=now)

    def _change(self, which: ColumnElement[bool], **values: object) -> bool:
        change = update(_ACCOUNT).where(which).values(**values)
        return self._connection.execute(change).rowcount > 0


class Sessions:
    """Sessions; those that ended are forgotten."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, session: Session) -> None:
        """Keep a session, and forget those that ended before it began."""
        over = delete(_SESSION).where(_SESSION.c.ends_at <= session.created_at)
        self._connection.execute(over)
        self._connection.execute(_SESSION.insert().values(asdict(session)))

    def get(self, hash_: str) -> Session | None:
        """Return a session."""
        query = select(_SESSION).where(_SESSION.c.hash == hash_)
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else Session(**row)

    def of(self, person: str) -> Sequence[Session]:
        """Return the sessions of a person, the latest first."""
        query = select(_SESSION).where(_SESSION.c.person == person)
        order = query.order_by(_SESSION.c.created_at.desc(), _SESSION.c.hash)
        return [Session(**row) for row in self._connection.execute(order).mappings()]

    def seen(self, hash_: str, now: datetime) -> None:
        """Note that a session was used."""
        later = (_SESSION.c.hash == hash_) & (_SESSION.c.seen_at < now)
        self._connection.execute(update(_SESSION).where(later).values(seen_at=now))

    def end(self, hash_: str) -> bool:
        """Forget a session; false when there is none."""
        gone = delete(_SESSION).where(_SESSION.c.hash == hash_)
        return self._connection.execute(gone).rowcount > 0

    def end_all(self, person: str) -> int:
        """Forget every session of a person; return how many there were."""
        gone = delete(_SESSION).where(_SESSION.c.person == person)
        return self._connection.execute(gone).rowcount
