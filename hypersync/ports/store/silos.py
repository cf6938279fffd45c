"""The store port for silos that are paused."""

from __future__ import annotations

from typing import Protocol


class Silos(Protocol):
    """Silos that are paused."""
