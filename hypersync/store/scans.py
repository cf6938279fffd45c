"""Stores scans, their staged changes, cursors and populations."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Scans:
    """Scans, their staged changes, cursors and populations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
