"""What the report of everything that waits shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.views import ClusterView, RowView


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
    """Everything that waits."""

    title: str
    requests: Sequence[WaitingView]
    others: Sequence[RowView]
