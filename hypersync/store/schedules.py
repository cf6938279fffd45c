"""Stores which schedule ran when, so that neither two nodes nor a clock change run one twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from hypersync.store import tables


class Schedules:
    """Which schedule ran when."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, schedule: str, due_at: datetime, holder: str, now: datetime) -> bool:
        """Decide who runs a schedule: true for the first to ask for this due time."""
        sqlite = self._connection.dialect.name == "sqlite"
        insert: Any = sqlite_insert if sqlite else postgresql_insert
        values = {"schedule": schedule, "due_at": due_at, "holder": holder, "started_at": now}
        table = tables.schedule_run
        # drivers do not agree on how many rows an INSERT touched; all return what they wrote
        statement = insert(table).values(values).on_conflict_do_nothing().returning(table.c.due_at)
        return self._connection.execute(statement).first() is not None

    def last(self, schedule: str) -> datetime | None:
        """Return the latest due time that was claimed."""
        table = tables.schedule_run
        query = select(func.max(table.c.due_at)).where(table.c.schedule == schedule)
        return self._connection.execute(query).scalar()
