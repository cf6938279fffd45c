"""The store port for silos that are paused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Silos(Protocol):
    """Silos that are paused: guards and requests work, nothing is released or executed."""

    def paused(self) -> frozenset[str]:
        """Return the names of the paused silos."""

    def reasons(self) -> Mapping[str, str]:
        """Return why silos are paused, by name."""

    def pause(self, silo: str, reason: str) -> None:
        """Stop the silo's actions."""

    def resume(self, silo: str) -> None:
        """Let the silo's actions go on."""
