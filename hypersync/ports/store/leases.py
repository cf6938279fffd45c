"""The store port for leases: who may do what only one may do at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of a lease: every later holder of the same name has a higher number."""

    name: str
    number: int


class Leases(Protocol):
    """Leases of 30 seconds, renewed every 10, taken by one guarded UPDATE."""

    def holder(self, name: str, now: datetime) -> str | None:
        """Return who holds a lease at a moment, ``None`` for nobody."""

    def take(self, name: str, holder: str, now: datetime) -> Fence:
        """Take the lease; raises `LeaseHeld` saying whose it is and until when."""

    def renew(self, fence: Fence, now: datetime) -> None:
        """Extend the lease; raises `FenceLost`."""

    def release(self, fence: Fence, now: datetime) -> None:
        """Give the lease back; does nothing when it went to another already."""

    def check(self, fence: Fence) -> None:
        """Raise `FenceLost` when the lease went to another."""
