"""Stores the audit trail, and the seals of its hash chain.

Rows are sealed and verified as they are stored: what somebody wrote into a column behind our back
(no JSON, no time, no text at all) is to be found, not to fail. So texts are read as bytes from
SQLite, which keeps anything in any column, and times as numbers from PostgreSQL, whose times go
beyond those of Python. See `hypersync.store.stored` for how they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BLOB,
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    extract,
    func,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from hypersync.ports.store.events import Entry, Event, EventFilter, Recorded
from hypersync.store import stored, tables

_FILTERS = ("kind", "run", "rule", "request", "action", "silo", "by")
_FIELDS = ("at", *_FILTERS, "data")
_EVENT = tables.event


class Events:
    """The audit trail: written with the change that it tells, never changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_sqlite = connection.dialect.name == "sqlite"

    def record(self, event: Event) -> None:
        """Write one event."""
        values = {name: getattr(event, name) for name in _FIELDS}
        self._connection.execute(insert(_EVENT), [values])

    def recent(self, limit: int, request: str | None = None) -> Sequence[Event]:
        """Return the newest events first, of one request when given."""
        return [each.event for each in self.find(EventFilter(request=request), limit=limit)]

    def find(
        self, wanted: EventFilter, *, limit: int, before: int | None = None
    ) -> Sequence[Recorded]:
        """Return events, newest first; those before a key when given."""
        query = self._raw().order_by(_EVENT.c.id.desc()).limit(limit)
        for name in _FILTERS:
            if (value := getattr(wanted, name)) is not None:
                query = query.where(_EVENT.c[name] == value)
        if wanted.since is not None:
            query = query.where(_EVENT.c.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(_EVENT.c.at < wanted.until)
        if before is not None:
            query = query.where(_EVENT.c.id < before)
        return [_recorded(entry) for entry in self._entries(query)]

    def get(self, event: int) -> Recorded | None:
        """Return one event."""
        found = self._entries(self._raw().where(_EVENT.c.id == event))
        return _recorded(found[0]) if found else None

    def latest(self, kind: str, since: datetime) -> Recorded | None:
        """Return the event of a kind that happened last, from a time on."""
        query = self._raw().where(_EVENT.c.at >= since, _EVENT.c.kind == kind)
        found = self._entries(query.order_by(_EVENT.c.at.desc()).limit(1))
        return _recorded(found[0]) if found else None

    # --- the chain -----------------------------------------------------------------------------

    def is_quiet(self) -> bool:
        """Keep everybody from writing events until this transaction ends.

        SQLite has one writer at a time. On PostgreSQL keys are given out before they are committed;
        so whoever is about to write one is not waited for, and nobody can write while we seal.
        """
        if self._is_sqlite:
            return True
        try:
            with self._connection.begin_nested():
                self._connection.execute(sql("LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE NOWAIT"))
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
                raise
            return False
        return True

    def newest(self) -> Entry | None:
        """Return the event with the highest key."""
        found = self._entries(self._raw().order_by(_EVENT.c.id.desc()).limit(1))
        return found[0] if found else None

    def last_sealed(self, limit: int) -> Sequence[Entry]:
        """Return the sealed events with the highest keys, highest first."""
        sealed = self._raw().where(_EVENT.c.seal.is_not(None))
        return self._entries(sealed.order_by(_EVENT.c.id.desc()).limit(limit))

    def entries(self, after: int | None, limit: int) -> Sequence[Entry]:
        """Return events by key, those after a key when given."""
        query = self._raw().order_by(_EVENT.c.id).limit(limit)
        return self._entries(query if after is None else query.where(_EVENT.c.id > after))

    def seal(self, seals: Sequence[tuple[int, str]]) -> None:
        """Write the seals of events that have none."""
        statement = (
            update(_EVENT)
            .where(_EVENT.c.id == bindparam("key"), _EVENT.c.seal.is_(None))
            .values(seal=bindparam("made"))
        )
        if seals:
            rows = [{"key": key, "made": made} for key, made in seals]
            self._connection.execute(statement, rows)

    def count_sealed(self, up_to: int | None = None) -> int:
        """Count the sealed events, those up to a key when given."""
        query = select(func.count()).where(_EVENT.c.seal.is_not(None))
        if up_to is not None:
            query = query.where(_EVENT.c.id <= up_to)
        return self._connection.execute(query).scalar_one()

    def count_unsealed(self, after: int | None) -> int:
        """Count the events after a key that have no seal."""
        query = select(func.count()).where(_EVENT.c.seal.is_(None))
        if after is not None:
            query = query.where(_EVENT.c.id > after)
        return self._connection.execute(query).scalar_one()

    def _raw(self) -> Select[Any]:
        read = _of_sqlite if self._is_sqlite else _of_server
        columns = [column for name in (*_FIELDS, "seal") for column in read(name)]
        return select(_EVENT.c.id, *columns)

    def _entries(self, query: Select[Any]) -> Sequence[Entry]:
        read = stored.of_sqlite if self._is_sqlite else stored.of_server
        return [read(*row) for row in self._connection.execute(query)]


def _of_sqlite(name: str) -> Sequence[ColumnElement[Any]]:
    """Read a column as bytes, and what kind of value it holds."""
    column = type_coerce(_EVENT.c[name], Text)
    return func.typeof(column), cast(column, BLOB)


def _of_server(name: str) -> Sequence[ColumnElement[Any]]:
    """Read a column as text; a time as its seconds since 1970, which may be infinite."""
    if name == "at":
        return [cast(extract("epoch", _EVENT.c.at), Text)]
    return [type_coerce(_EVENT.c[name], Text)]


def _recorded(entry: Entry) -> Recorded:
    """Read an event; what cannot be read is empty, and its seal does not fit."""
    at, *names, data = entry.content
    kind, *others = [None if name is None else stored.shown(name) for name in names]
    fields = dict(zip(_FILTERS[1:], others, strict=True))
    event = Event(kind=kind or "", at=stored.time_of(at), data=stored.data_of(data), **fields)
    return Recorded(entry.id, event, entry.seal)
