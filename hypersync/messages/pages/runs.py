"""What the pages of runs show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.views import RowView


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run of the history; ``plan`` is the hash of the reviewed plan that it carried out."""

    id: str
    kind: str
    mode: str
    state: str
    started: str
    by: str
    counts: str
    reason: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsPage:
    """The newest runs."""

    title: str
    runs: Sequence[RunLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule of a run."""

    rule: str
    counts: str
    limit: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunActionView:
    """One action of a run: what it is, how far it is, who decided."""

    row: RowView
    state: str
    decided: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """One run with its actions and errors."""

    title: str
    run: RunLine
    rules: Sequence[RuleLine]
    errors: Sequence[str]
    actions: Sequence[RunActionView]
    rest: int
