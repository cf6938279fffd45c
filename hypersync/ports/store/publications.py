"""The store port for what rules said, and who changed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One text of a rule, from when a committing run first worked with it.

    ``content`` is a hash of all that the rule says, ``None`` that it was taken out. ``loaded_at``
    is when the process of that run read it. ``brought_at`` is when the process read it that was
    the first with it, in a preview perhaps, ``by`` who started that one (``cli:USER``), ``people``
    those known by then to have brought it. ``is_first`` marks the rules that a database saw first:
    those are nobody's change. ``id`` is given when it is stored.
    """

    rule: str
    content: str | None
    loaded_at: datetime
    brought_at: datetime
    by: str
    people: frozenset[str] = frozenset()
    is_first: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One text of a rule that a preview was the first to work with, while another was in force.

    ``after`` is the publication that was in force, 0 for none; the rest is as there.
    """

    rule: str
    after: int
    content: str | None
    brought_at: datetime
    by: str
    people: frozenset[str] = frozenset()


class Publications(Protocol):
    """What rules said, one after the other; nothing of it is changed or forgotten."""

    def in_force(self) -> Mapping[str, Publication]:
        """Return the latest text of every rule that was ever in force."""

    def get(self, publication: int) -> Publication | None:
        """Return one."""

    def latest(self, rule: str, content: str | None) -> Publication | None:
        """Return the latest time that a rule became this text."""

    def of_rule(self, rule: str, most: int) -> Sequence[Publication]:
        """Return what a rule said, the newest first."""

    def add(self, publication: Publication, after: int) -> bool:
        """Keep what follows ``after`` (0: nothing did); false when something else follows it."""

    def tried(self, rule: str, content: str | None) -> Tried | None:
        """Return the first preview of this text since it was last in force."""

    def add_tried(self, tried: Tried) -> bool:
        """Keep that a preview was the first with a text; false when one was before."""
