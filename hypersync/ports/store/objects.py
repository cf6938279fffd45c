"""The store port for objects, their history and references."""

from __future__ import annotations

from typing import Protocol


class Objects(Protocol):
    """Objects, their history and references."""
