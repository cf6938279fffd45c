"""Stores unlock keys: which were applied, which were revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from hypersync.ports.store.unlocks import StoredUnlock
from hypersync.store import tables

_KEY = tables.unlock_key
_COLUMNS = [_KEY.c[each.name] for each in fields(StoredUnlock)]


class Unlocks:
    """Unlock keys; none that was ever seen is forgotten."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        sqlite = connection.dialect.name == "sqlite"
        self._insert: Any = sqlite_insert if sqlite else postgresql_insert

    def all(self) -> Sequence[StoredUnlock]:
        """Return every key, the latest applied first, those never applied last."""
        order = (_KEY.c.applied_at.desc().nulls_last(), _KEY.c.id)
        rows = self._connection.execute(select(*_COLUMNS).order_by(*order)).mappings()
        return [StoredUnlock(**row) for row in rows]

    def get(self, unlock: str) -> StoredUnlock | None:
        """Return one key."""
        query = select(*_COLUMNS).where(_KEY.c.id == unlock)
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else StoredUnlock(**row)

    def apply(self, unlock: str, text: str, *, silo: str, by: str, now: datetime) -> bool:
        """Keep a key; false when its id is known already, and then nothing is changed."""
        values = {"id": unlock, "silo": silo, "text": text, "applied_at": now, "applied_by": by}
        insert = self._insert(_KEY).values(values).on_conflict_do_nothing().returning(_KEY.c.id)
        return self._connection.execute(insert).first() is not None

    def revoke(self, unlock: str, *, by: str, reason: str, now: datetime) -> bool:
        """Revoke a key, one that never came here too; false when it was revoked already."""
        values = {"revoked_at": now, "revoked_by": by, "revoked_reason": reason}
        upsert = (
            self._insert(_KEY)
            .values({"id": unlock, **values})
            .on_conflict_do_update(
                index_elements=["id"], set_=values, where=_KEY.c.revoked_at.is_(None)
            )
            .returning(_KEY.c.id)
        )
        return self._connection.execute(upsert).first() is not None

    def note_expiry(self, unlock: str, now: datetime) -> bool:
        """Note that a key's time is over; false when that was noted already."""
        note = (
            update(_KEY)
            .where(_KEY.c.id == unlock, _KEY.c.expiry_noted_at.is_(None))
            .values(expiry_noted_at=now)
        )
        return self._connection.execute(note).rowcount > 0
