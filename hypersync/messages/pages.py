"""One frozen view for each web page: what its template shows, worded already. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.views import ClusterView, RowView


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """One sentence."""

    title: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidePage:
    """What a link is about, and the form that decides it."""

    title: str
    sentence: str
    cause: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    clusters: Sequence[ClusterView]
    rows: Sequence[RowView]
    decided: Sequence[str]
    end: str
    answers: Sequence[tuple[str, str]]
    token: str
    digest: str
    invited: str
    why_not: str
    comment: str
    error: str = ""
    done: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """One request of the report."""

    id: str
    title: str
    sentence: str
    cause: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    end: str
    clusters: Sequence[ClusterView]
    rows: Sequence[RowView]
    rest: int
    approve: str
    reject: str
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPage:
    """Everything that waits; ``unlocks`` says which unlock keys are in force."""

    title: str
    unlocks: Sequence[str] = ()
    requests: Sequence[WaitingView]
    others: Sequence[RowView]


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
    """The newest runs; ``unlocks`` says which unlock keys are in force."""

    title: str
    unlocks: Sequence[str] = ()
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
    """One run with its actions and errors; ``unlocks`` says which unlock keys are in force."""

    title: str
    unlocks: Sequence[str] = ()
    run: RunLine
    rules: Sequence[RuleLine]
    errors: Sequence[str]
    actions: Sequence[RunActionView]
    rest: int
