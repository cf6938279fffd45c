"""``Count`` and ``Quota``: rate limits by context. Pure.

A context counts the calls with a true condition; a false one returns the number unchanged. Time
stands still within a run, so a window of `Count` is the run. A window of `Quota` starts with its
first counted call, lasts for its span and is kept across runs and nodes. Rules that share a context
should agree on its span; where they do not, the first call of a run decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from hypersync.ports.store.marks import QuotaState


class Contexts:
    """The counts of one run, and the quotas it draws on.

    What is drawn after `begin` belongs to one candidate; `give_back` returns it when that does not
    run.
    """

    def __init__(self, quotas: Mapping[str, QuotaState], now: datetime) -> None:
        self._counts: Counter[str] = Counter()
        self._now = now
        self._stored = quotas
        self._open: dict[str, QuotaState] = {}
        self._drawn: Counter[str] = Counter()
        self._changed: set[str] = set()

    def count(self, truth: bool, context: str, span: timedelta) -> int:  # noqa: ARG002 - see above
        """Count a call; return the number so far in this run."""
        if truth:
            self._counts[context] += 1
        return self._counts[context]

    def quota(self, truth: bool, context: str, span: timedelta) -> int:
        """Count a call in the window that is kept; return the number so far in it."""
        if context not in self._open:
            self._open[context] = self._window(context, span)
        if truth:
            state = self._open[context]
            self._open[context] = QuotaState(state.start, state.used + 1)
            self._drawn[context] += 1
            self._changed.add(context)
        return self._open[context].used

    def _window(self, context: str, span: timedelta) -> QuotaState:
        """Go on with the stored window, or start one; one from the future (clock) starts now."""
        stored = self._stored.get(context)
        if stored is None or self._now - stored.start >= span:
            return QuotaState(self._now, 0)
        return QuotaState(min(stored.start, self._now), stored.used)

    def begin(self) -> None:
        """Start to count for another candidate."""
        self._drawn.clear()

    def drawn(self) -> Counter[str]:
        """Return what the current candidate took from quotas."""
        return Counter(self._drawn)

    def give_back(self, drawn: Mapping[str, int]) -> None:
        """Return what a candidate took that does not run now."""
        for context, number in drawn.items():
            state = self._open[context]
            self._open[context] = QuotaState(state.start, state.used - number)

    def quotas(self) -> dict[str, QuotaState]:
        """Return the state of the quotas that were drawn on, for the store to keep."""
        return {context: self._open[context] for context in sorted(self._changed)}
