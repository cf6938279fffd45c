"""Says why and until when a candidate is suspended, and what the end of that time does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypersync.errors import EvaluationError
from hypersync.model.actions import OnExpiry, Reason
from hypersync.model.time_span import parse_time_span
from hypersync.pipeline.collect import Candidate as Wish
from hypersync.rulebook.nodes import Compiled
from hypersync.rulebook.rules import Rule, Rulebook

PEOPLE_EXPIRES = timedelta(hours=72)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why and until when a candidate is suspended."""

    reasons: tuple[Reason, ...]
    on_expiry: OnExpiry
    expires_at: datetime
    vip: str | None = None


class Stops:
    """Makes stops; ``value`` computes an expiry that is an expression."""

    def __init__(
        self, rulebook: Rulebook, value: Callable[[Compiled], object], now: datetime
    ) -> None:
        self._rulebook = rulebook
        self._value = value
        self._now = now

    def of(self, rule: Rule, wish: Wish, reasons: tuple[Reason, ...]) -> Stop:
        """Return the stop of one candidate.

        A VIP has the plan and the time of the VIP rule. What takes the place of an action that
        people were asked about keeps the first expiry, and is never approved by it.
        """
        name = None if wish.vip is None else wish.vip.name
        on_expiry, span = OnExpiry(rule.threshold.on_expiry), rule.threshold.expires
        if name is not None:
            vip = next((v for v in self._rulebook.vips if v.name == name), None)
            on_expiry = OnExpiry.CLEAR if vip is None else OnExpiry(vip.on_expiry)
            span = PEOPLE_EXPIRES if vip is None else vip.expires
        expires = self._now + self._span(span)
        replaced = None if wish.replaces is None else wish.replaces.expires_at
        if replaced is not None and replaced > self._now:
            expires = replaced
            on_expiry = OnExpiry.CLEAR
        return Stop(reasons=reasons, on_expiry=on_expiry, expires_at=expires, vip=name)

    def _span(self, span: timedelta | Compiled) -> timedelta:
        """Return how long people have; what cannot be computed falls back to a day."""
        if isinstance(span, timedelta):
            return span
        try:
            value = self._value(span)
            value = parse_time_span(value) if isinstance(value, str) else value
        except (EvaluationError, ValueError):
            value = None
        if isinstance(value, timedelta) and value > timedelta(0):
            return value
        return timedelta(days=1)
