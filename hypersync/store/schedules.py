"""Stores which schedule ran when."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Schedules:
    """Which schedule ran when."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
