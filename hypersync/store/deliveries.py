"""Stores the outbox and the tokens of its links."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Deliveries:
    """The outbox and the tokens of its links."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
