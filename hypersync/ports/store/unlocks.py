"""The store port for unlock keys: which were applied, which were revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUnlock:
    """One unlock key as it is stored.

    ``text`` is the signed key, and the only thing in here that is believed in its favour; ``None``
    when it was revoked before it came here. ``expiry_noted_at`` is when its end was seen.
    """

    id: str
    text: str | None = None
    applied_at: datetime | None = None
    applied_by: str | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoked_reason: str | None = None
    expiry_noted_at: datetime | None = None


class Unlocks(Protocol):
    """Unlock keys; none that was ever seen is forgotten."""

    def all(self) -> Sequence[StoredUnlock]:
        """Return every key, the latest applied first, those never applied last."""

    def get(self, unlock: str) -> StoredUnlock | None:
        """Return one key."""

    def apply(self, unlock: str, text: str, *, silo: str, by: str, now: datetime) -> bool:
        """Keep a key; false when its id is known already, and then nothing is changed."""

    def revoke(self, unlock: str, *, by: str, reason: str, now: datetime) -> bool:
        """Revoke a key, one that never came here too; false when it was revoked already."""

    def note_expiry(self, unlock: str, now: datetime) -> bool:
        """Note that a key's time is over; false when that was noted already."""
