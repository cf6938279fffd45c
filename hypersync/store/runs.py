"""Stores runs, their reports and errors."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Runs:
    """Runs, their reports and errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
