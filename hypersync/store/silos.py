"""Stores silos that are paused."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.engine import Connection

from hypersync.store.bulk import read, run


class Silos:
    """Silos that are paused: guards and requests work, nothing is released or executed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def paused(self) -> frozenset[str]:
        """Return the names of the paused silos."""
        return frozenset(self.reasons())

    def reasons(self) -> Mapping[str, str]:
        """Return why silos are paused, by name."""
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
        """Let the silo's actions go on."""
        run(
            self._connection,
            "UPDATE silo SET paused = FALSE, paused_reason = NULL WHERE name = ?",
            (silo,),
        )
