"""The store port for requests and decisions."""

from __future__ import annotations

from typing import Protocol


class Requests(Protocol):
    """Requests and decisions."""
