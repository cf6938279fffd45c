"""Stores requests and decisions."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Requests:
    """Requests and decisions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
