"""Stores execution marks, holds, quotas and reservations."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Marks:
    """Execution marks, holds, quotas and reservations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
