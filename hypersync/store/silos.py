"""Stores silos that are paused."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Silos:
    """Silos that are paused."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
