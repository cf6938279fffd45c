"""A clock that only the test moves beyond the true time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """The true time, plus what it was moved forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time that the service believes in."""
        return self.true() + self._ahead

    def true(self) -> datetime:
        """Return the time of the machine; access tokens live by it, as their owners do."""
        return datetime.now(UTC)  # noqa: TID251 - a program of its own

    def forward(self, span: timedelta) -> None:
        """Move the clock."""
        self._ahead += span


def stamp(moment: datetime) -> str:
    """Return a time as Graph writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
