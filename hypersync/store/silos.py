"""Stores silos that are paused: by people, or by the engine, which is an open circuit.

A circuit has a row from its first failure to the next answer. Failure direction: a row that cannot
be read holds its silo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from hypersync.model.circuit import CircuitState
from hypersync.store.bulk import read, read_time, run, stored_time

_COLUMNS = "failures, pauses, opened_at, until, because"


class Silos:
    """Silos that are paused: guards and requests work, nothing is released or executed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def paused(self, now: datetime | None = None) -> frozenset[str]:
        """Return the names of the paused silos; with a time, without those to be tried then."""
        engine = {
            name
            for name, state in self.circuits().items()
            if state.is_open and (now is None or not state.is_due(now))
        }
        return frozenset({*self.by_people(), *engine})

    def reasons(self) -> Mapping[str, str]:
        """Return why silos are paused, by name."""
        reasons = {**self.by_people()}
        for name, state in self.circuits().items():
            if state.is_open:
                reasons[name] = "; ".join(filter(None, (reasons.get(name), state.sentence)))
        return reasons

    def by_people(self) -> Mapping[str, str]:
        """Return the silos that people paused, and why if they said it."""
        rows = read(self._connection, "SELECT name, paused_reason FROM silo WHERE paused")
        return {name: reason or "" for name, reason in rows}

    def pause(self, silo: str, reason: str) -> None:
        """Stop the silo's actions."""
        run(
            self._connection,
            "INSERT INTO silo (name, paused, paused_reason) VALUES (?, TRUE, ?) "
            "ON CONFLICT (name) DO UPDATE SET paused = TRUE, "
            "paused_reason = excluded.paused_reason",
            (silo, reason),
        )

    def resume(self, silo: str) -> None:
        """Let the silo's actions go on, whoever paused it."""
        run(
            self._connection,
            "UPDATE silo SET paused = FALSE, paused_reason = NULL WHERE name = ?",
            (silo,),
        )
        self.close_circuit(silo)

    # --- circuits ------------------------------------------------------------------------------

    def circuits(self) -> Mapping[str, CircuitState]:
        """Return the circuits of the silos that failed last, by name."""
        rows = read(self._connection, f"SELECT silo, {_COLUMNS} FROM circuit")  # noqa: S608
        return {name: _state(values) for name, *values in rows}

    def circuit(self, silo: str) -> CircuitState:
        """Return how the circuit of a silo is."""
        statement = f"SELECT {_COLUMNS} FROM circuit WHERE silo = ?"  # noqa: S608
        rows = read(self._connection, statement, (silo,))
        return _state(rows[0]) if rows else CircuitState()

    def count_failure(self, silo: str) -> CircuitState:
        """Count one failure more; whoever counts another at once waits for this transaction."""
        run(
            self._connection,
            "INSERT INTO circuit (silo, failures, pauses) VALUES (?, 1, 0) "
            "ON CONFLICT (silo) DO UPDATE SET failures = circuit.failures + 1",
            (silo,),
        )
        return self.circuit(silo)

    def open_circuit(self, silo: str, state: CircuitState) -> None:
        """Pause a silo whose failure was counted, or begin its next pause."""
        run(
            self._connection,
            "UPDATE circuit SET pauses = ?, opened_at = ?, until = ?, because = ? WHERE silo = ?",
            (
                state.pauses,
                stored_time(self._connection, state.opened_at),
                stored_time(self._connection, state.until),
                state.because,
                silo,
            ),
        )

    def try_circuit(self, silo: str, now: datetime, until: datetime) -> bool:
        """Decide who tries a silo that is due: true for the first to ask, who has to ``until``."""
        touched = run(
            self._connection,
            "UPDATE circuit SET until = ? WHERE silo = ? AND until <= ?",
            (stored_time(self._connection, until), silo, stored_time(self._connection, now)),
        )
        return touched == 1

    def close_circuit(self, silo: str) -> None:
        """Forget the failures of a silo."""
        run(self._connection, "DELETE FROM circuit WHERE silo = ?", (silo,))


def _state(values: Sequence[Any]) -> CircuitState:
    failures, pauses, opened_at, until, because = values
    try:
        state = CircuitState(
            failures=int(failures),
            pauses=int(pauses),
            opened_at=read_time(opened_at),
            until=read_time(until),
            because=str(because or ""),
        )
    except (TypeError, ValueError):
        return CircuitState(is_readable=False)
    is_whole = (state.opened_at is None) == (state.until is None) == (state.pauses == 0)
    return state if is_whole else CircuitState(is_readable=False)
