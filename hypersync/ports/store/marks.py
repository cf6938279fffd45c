"""The store port for execution marks, holds, quotas and reservations."""

from __future__ import annotations

from typing import Protocol


class Marks(Protocol):
    """Execution marks, holds, quotas and reservations."""
