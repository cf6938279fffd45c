"""What the pages of rules show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.pages.plots import PlotView


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One rule among all."""

    id: str
    kind: str
    what: str
    limit: str
    throttle: str
    week: str
    changed: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesPage:
    """Every rule, in the order of the files."""

    title: str
    rules: Sequence[RuleRow]


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run that is linked, and what is said of it."""

    run: str
    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePage:
    """One rule.

    ``text`` is how it stands in its file; ``defaults`` the rest that holds for it. ``warnings`` are
    what is not as one might think: a reduced limit, a text that is not in force yet.
    """

    title: str
    id: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    place: str
    text: str
    scopes: Sequence[tuple[str, str]]
    limits: Sequence[tuple[str, str]]
    vips: Sequence[tuple[str, str]]
    closeness: PlotView
    month: PlotView
    raised: Sequence[RunRef]
    changes: Sequence[str]
    errors: Sequence[RunRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvicePage:
    """What the past says about one rule's limit."""

    title: str
    id: str
    sentence: str
    facts: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[str]]
