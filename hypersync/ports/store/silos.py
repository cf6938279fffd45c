"""The store port for silos that are paused, by people or by the engine (an open circuit)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from hypersync.model.circuit import CircuitState


class Silos(Protocol):
    """Silos that are paused: guards and requests work, nothing is released or executed."""

    def paused(self, now: datetime | None = None) -> frozenset[str]:
        """Return the names of the paused silos; with a time, without those to be tried then."""

    def by_people(self) -> Mapping[str, str]:
        """Return the silos that people paused, and why if they said it."""

    def reasons(self) -> Mapping[str, str]:
        """Return why silos are paused, by name."""

    def pause(self, silo: str, reason: str) -> None:
        """Stop the silo's actions."""

    def resume(self, silo: str) -> None:
        """Let the silo's actions go on, whoever paused it."""

    def circuits(self) -> Mapping[str, CircuitState]:
        """Return the circuits of the silos that failed last, by name."""

    def circuit(self, silo: str) -> CircuitState:
        """Return how the circuit of a silo is."""

    def count_failure(self, silo: str) -> CircuitState:
        """Count one failure more; whoever counts another at once waits for this transaction."""

    def open_circuit(self, silo: str, state: CircuitState) -> None:
        """Pause a silo whose failure was counted, or begin its next pause."""

    def try_circuit(self, silo: str, now: datetime, until: datetime) -> bool:
        """Decide who tries a silo that is due: true for the first to ask, who has to ``until``."""

    def close_circuit(self, silo: str) -> None:
        """Forget the failures of a silo."""
