"""Stores objects, their history and references."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Objects:
    """Objects, their history and references."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
