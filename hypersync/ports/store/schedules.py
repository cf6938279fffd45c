"""The store port for schedules: who ran which when, so that nothing runs twice."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Schedules(Protocol):
    """Which schedule ran when."""

    def claim(self, schedule: str, due_at: datetime, holder: str, now: datetime) -> bool:
        """Decide who runs a schedule: true for the first to ask for this due time."""

    def last(self, schedule: str) -> datetime | None:
        """Return the latest due time that was claimed."""
