"""The store port for runs, their reports and errors."""

from __future__ import annotations

from typing import Protocol


class Runs(Protocol):
    """Runs, their reports and errors."""
