"""The circuit of a silo: after how many failures in a row it is left alone, and how long. Pure.

Closed: the silo is used. Open: it is paused by the engine, nothing is read from it or written to
it. Due: its pause is over, and whoever comes first tries it, once; the answer closes it, a failure
begins a longer pause.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitTerms:
    """When a circuit opens: ``failures`` in a row; its first ``pause``, and the ``longest``."""

    failures: int = 5
    pause: timedelta = timedelta(minutes=15)
    longest: timedelta = timedelta(hours=4)

    def pause_of(self, number: int) -> timedelta:
        """Return how long a pause lasts, the first is number 1; each is twice the one before."""
        span = self.pause
        for _ in range(number - 1):
            if span >= self.longest:
                break
            span = min(span * 2, self.longest)
        return span


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitState:
    """How the circuit of one silo is.

    ``failures`` are those in a row, ``pauses`` how many there were since it opened at ``opened_at``
    because of ``because``; the present one ends at ``until``. One that cannot be read is open and
    never due: only people close it.
    """

    failures: int = 0
    pauses: int = 0
    opened_at: datetime | None = None
    until: datetime | None = None
    because: str = ""
    is_readable: bool = True

    @property
    def is_open(self) -> bool:
        """Tell whether the silo is paused by the engine."""
        return not self.is_readable or self.opened_at is not None

    def is_due(self, now: datetime) -> bool:
        """Tell whether an open circuit may be tried."""
        return self.is_readable and self.until is not None and self.until <= now

    @property
    def sentence(self) -> str:
        """Say why nothing goes on, what comes next, and what to do; nothing while it is closed."""
        if not self.is_open:
            return ""
        if self.opened_at is None or self.until is None:
            return "paused by the engine, and since when cannot be read; resume it to go on"
        return (
            f"paused by the engine since {self.opened_at:%Y-%m-%d %H:%M} UTC, because "
            f"{self.because}; it is tried again after {self.until:%Y-%m-%d %H:%M} UTC, or at once "
            "when it is resumed"
        )
