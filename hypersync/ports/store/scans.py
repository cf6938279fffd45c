"""The store port for scans, their staged changes, cursors and populations."""

from __future__ import annotations

from typing import Protocol


class Scans(Protocol):
    """Scans, their staged changes, cursors and populations."""
