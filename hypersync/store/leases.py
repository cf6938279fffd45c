"""Stores leases: one guarded write each, with a fence number that only goes up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from hypersync.errors import FenceLost, LeaseHeld
from hypersync.ports.store.leases import Fence
from hypersync.store import tables
from hypersync.store.bulk import read

LEASE = timedelta(seconds=30)
_FENCE = "SELECT fence FROM lease WHERE name = ?"


class Leases:
    """Leases of 30 seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def holder(self, name: str, now: datetime) -> str | None:
        """Return who holds a lease at a moment, ``None`` for nobody."""
        lease = tables.lease
        query = select(lease.c.holder).where(lease.c.name == name, lease.c.expires_at > now)
        return self._connection.execute(query).scalar() or None

    def take(self, name: str, holder: str, now: datetime) -> Fence:
        """Take the lease; raises `LeaseHeld` saying whose it is and until when."""
        lease = tables.lease
        taken = self._connection.execute(
            update(lease)
            .where(lease.c.name == name, or_(lease.c.expires_at <= now, lease.c.holder == ""))
            .values(holder=holder, fence=lease.c.fence + 1, expires_at=now + LEASE)
            .returning(lease.c.fence)
        ).scalar()
        if taken is None:
            taken = self._first(name, holder, now)
        return Fence(name, taken)

    def _first(self, name: str, holder: str, now: datetime) -> int:
        """Take a lease that nobody ever had; of several at once the first gets it."""
        lease = tables.lease
        sqlite = self._connection.dialect.name == "sqlite"
        insert: Any = sqlite_insert if sqlite else postgresql_insert
        values = {"name": name, "holder": holder, "fence": 1, "expires_at": now + LEASE}
        statement = insert(lease).values(values).on_conflict_do_nothing().returning(lease.c.fence)
        if self._connection.execute(statement).first() is not None:
            return 1
        row = self._connection.execute(select(lease).where(lease.c.name == name)).one()
        raise LeaseHeld(
            f"{name} is held by {row.holder} until {row.expires_at:%H:%M:%S} UTC; "
            "wait for it to end"
        )

    def renew(self, fence: Fence, now: datetime) -> None:
        """Extend the lease; raises `FenceLost`."""
        self._guarded(fence, expires_at=now + LEASE)

    def release(self, fence: Fence, now: datetime) -> None:
        """Give the lease back; does nothing when it went to another already."""
        lease = tables.lease
        self._connection.execute(
            update(lease)
            .where(lease.c.name == fence.name, lease.c.fence == fence.number)
            .values(holder="", expires_at=now)
        )

    def check(self, fence: Fence) -> None:
        """Raise `FenceLost` when the lease went to another."""
        # nobody else writes on SQLite
        is_alone = self._connection.dialect.name == "sqlite"
        statement = _FENCE if is_alone else f"{_FENCE} FOR UPDATE"
        found = read(self._connection, statement, (fence.name,))
        if not found or found[0][0] != fence.number:
            raise FenceLost(f"the lease {fence.name} went to somebody else; nothing was written")

    def _guarded(self, fence: Fence, **values: object) -> None:
        lease = tables.lease
        done = self._connection.execute(
            update(lease)
            .where(lease.c.name == fence.name, lease.c.fence == fence.number)
            .values(**values)
        )
        if done.rowcount == 0:
            raise FenceLost(f"the lease {fence.name} went to somebody else; nothing was written")
