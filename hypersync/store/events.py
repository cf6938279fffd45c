"""Stores the audit trail."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from hypersync.ports.store.events import Event
from hypersync.store import tables

_FIELDS = ("kind", "at", "run", "rule", "request", "action", "silo", "by", "data")


class Events:
    """The audit trail: written with the change that it tells, never changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, event: Event) -> None:
        """Write one event."""
        values = {name: getattr(event, name) for name in _FIELDS}
        self._connection.execute(insert(tables.event), [values])

    def recent(self, limit: int, request: str | None = None) -> Sequence[Event]:
        """Return the newest events first, of one request when given."""
        event = tables.event
        query = select(*(event.c[name] for name in _FIELDS)).order_by(event.c.id.desc())
        if request is not None:
            query = query.where(event.c.request == request)
        rows = self._connection.execute(query.limit(limit)).mappings()
        return [Event(**{**row, "data": row["data"] or {}}) for row in rows]
