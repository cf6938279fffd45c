"""The store port for which schedule ran when."""

from __future__ import annotations

from typing import Protocol


class Schedules(Protocol):
    """Which schedule ran when."""
