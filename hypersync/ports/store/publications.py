"""The store port for what rules said, and who changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One text of a rule, from when a run first worked with it.

    ``content`` is a hash of all that the rule says, ``None`` that it was taken out. ``loaded_at``
    is when the process read it, ``by`` who started that process (``cli:USER``). ``people`` are
    those known by then to have brought it. ``is_first`` marks the rules that a database saw first:
    those are nobody's change. ``id`` is given when it is stored.
    """

    rule: str
    content: str | None
    loaded_at: datetime
    by: str
    people: frozenset[str] = frozenset()
    is_first: bool = False
    id: int = 0


class Publications(Protocol):
    """What rules said, one after the other; nothing of it is changed or forgotten."""

    def in_force(self) -> Mapping[str, Publication]:
        """Return the latest text of every rule that was ever seen."""

    def get(self, publication: int) -> Publication | None:
        """Return one."""

    def latest(self, rule: str, content: str | None) -> Publication | None:
        """Return the latest time that a rule became this text."""

    def add(self, publication: Publication, after: int) -> bool:
        """Keep what follows ``after`` (0: nothing did); false when something else follows it."""
