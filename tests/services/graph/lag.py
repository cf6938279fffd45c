"""Eventual consistency: after a write, the next reads may still tell what was. Pure.

https://learn.microsoft.com/graph/aad-advanced-queries and the note about replication delays in
https://learn.microsoft.com/graph/delta-query-overview
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Before:
    """What a read still sees; ``value`` is None when there was nothing."""

    value: Any
    reads: int


class Lag:
    """Remembers what was written over, for so many reads of it."""

    def __init__(self) -> None:
        self.reads = 0
        """How many reads of an object still see the old one after a write; 0 for none."""
        self._before: dict[str, Before] = {}

    def wrote(self, key: str, before: Any) -> None:
        """Note that something was written: an id, or ``id/members`` or ``id/manager``."""
        if self.reads:
            self._before.setdefault(key, Before(before, self.reads))

    def before(self, key: str) -> Before | None:
        """Return what a read of something still sees, if it is not the truth, and count it."""
        found = self._before.get(key)
        if found is not None:
            found.reads -= 1
            if found.reads <= 0:
                del self._before[key]
        return found

    def hides(self, id_: str) -> bool:
        """Tell whether a list does not show a new object yet, and count it; changes it shows."""
        found = self._before.get(id_)
        return found is not None and found.value is None and self.before(id_) is not None

    def settle(self) -> None:
        """Let everybody see the truth."""
        self._before.clear()
