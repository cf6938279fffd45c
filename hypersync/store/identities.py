"""Stores identities, their keys, and which are pending."""

from __future__ import annotations

from sqlalchemy.engine import Connection


class Identities:
    """Identities, their keys, and which are pending."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
