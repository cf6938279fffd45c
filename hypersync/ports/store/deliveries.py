"""The store port for the outbox and the tokens of its links."""

from __future__ import annotations

from typing import Protocol


class Deliveries(Protocol):
    """The outbox and the tokens of its links."""
