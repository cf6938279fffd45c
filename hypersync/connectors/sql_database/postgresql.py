"""What PostgreSQL's driver does for us in another way; nothing is imported before it is used."""

from __future__ import annotations

from typing import Any


def tell_what_python_cannot_hold(connection: Any, _record: object) -> None:  # noqa: ANN401 - psycopg's
    """Let a connection tell dates that Python has none for as text: infinity, and years before 1.

    The driver would raise, and one such row would hide all others.
    """
    from psycopg import DataError
    from psycopg.types import datetime

    def lenient(loader: type[Any]) -> type[Any]:
        class Lenient(loader):  # type: ignore[misc] # a class of the driver
            def load(self, data: Any) -> object:  # noqa: ANN401 - bytes of some kind
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return Lenient

    for name, loader in (
        ("date", datetime.DateLoader),
        ("timestamp", datetime.TimestampLoader),
        ("timestamptz", datetime.TimestamptzLoader),
    ):
        connection.adapters.register_loader(name, lenient(loader))
