"""The store port for requests, the decisions on them, and what becomes of their actions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hypersync.model.ids import ActionId, IdentityId, RequestId, RunId
from hypersync.model.requests import Answer, Request, RequestKind, RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's answer about one action, or about the scan of a request (``action`` None)."""

    request: RequestId | None
    action: ActionId | None
    answer: Answer
    by: str
    at: datetime
    proof: str
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many actions of a request ended how; ``undecided`` are still suspended."""

    undecided: int = 0
    approved: int = 0
    rejected: int = 0
    cleared: int = 0
    default_approved: int = 0
    stale: int = 0
    void: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(
            (
                self.undecided,
                self.approved,
                self.rejected,
                self.cleared,
                self.default_approved,
                self.stale,
                self.void,
            )
        )


class Requests(Protocol):
    """Requests and decisions; every change of a state is one guarded UPDATE."""

    # --- requests ------------------------------------------------------------------------------

    def add(self, request: Request, actions: Sequence[ActionId]) -> None:
        """Store a request, and on its actions which request asks about them."""

    def get(self, request: RequestId) -> Request | None:
        """Return one request."""

    def of_rule(self, run: RunId, rule: str) -> Request | None:
        """Return the volume request of a rule in a run."""

    def of_silo(self, silo: str, kind: str) -> Request | None:
        """Return the open scan request of a silo and type."""

    def open(self) -> Sequence[Request]:
        """Return the requests that wait for an answer, oldest first."""

    def closed(self, since: datetime) -> Sequence[Request]:
        """Return the requests that ended since then, oldest first."""

    def recent(self, limit: int) -> Sequence[Request]:
        """Return the newest requests first, whatever their state."""

    def times(
        self,
        kind: RequestKind,
        *,
        rule: str | None,
        vip: str | None,
        silo: str | None,
        since: datetime,
    ) -> int:
        """Count the requests about the same thing opened since then."""

    def due(self, now: datetime) -> Sequence[Request]:
        """Return the open requests whose current step is over."""

    def go_on(self, seen: Request, *, step: int, rounds: int, step_due: datetime | None) -> bool:
        """Move an open request to a step; false when it moved or ended meanwhile."""

    def stop_notifying(self, seen: Request) -> bool:
        """End the plan of an open request; false when it moved or ended meanwhile."""

    def acknowledge(
        self, seen: Request, *, by: str, until: datetime, step_due: datetime | None
    ) -> None:
        """Let an open request rest until then; its step is over at ``step_due``."""

    def resume(self, now: datetime) -> int:
        """Let requests go on whose rest is over; return how many."""

    def update_scan(
        self,
        request: RequestId,
        *,
        scan: str,
        sentence: str,
        cause: str,
        count: int,
        detail: object,
    ) -> None:
        """Let an open scan request ask about a newer scan."""

    def close(
        self, request: RequestId, state: RequestState, counts: Mapping[str, int], now: datetime
    ) -> bool:
        """End a request; false when it had ended already."""

    def tally(self, request: RequestId) -> Tally:
        """Count what became of the actions of a request."""

    # --- decisions -----------------------------------------------------------------------------

    def votes(self, request: RequestId) -> Sequence[Vote]:
        """Return the answers about a request and its actions, oldest first."""

    def vote(self, votes: Sequence[Vote]) -> None:
        """Write down answers."""

    def approve(
        self, actions: Collection[ActionId], *, by: str, now: datetime, until: datetime
    ) -> Sequence[ActionId]:
        """Approve suspended actions; return those that were still suspended."""

    def reject(
        self, actions: Collection[ActionId], *, by: str, now: datetime, hold_until: datetime
    ) -> Sequence[ActionId]:
        """Reject suspended actions: their keys are held and their throttles start."""

    def settle_doubt(
        self, actions: Collection[ActionId], *, happened: bool, by: str, now: datetime
    ) -> Sequence[ActionId]:
        """Say of actions of unknown outcome whether they happened; return those that still were."""

    def clear(
        self,
        actions: Collection[ActionId],
        *,
        now: datetime,
        reason: str,
        ask_until: datetime,
        is_approved: bool = False,
    ) -> Sequence[ActionId]:
        """Clear suspended (or approved but never released) actions at their end.

        Their throttles start and their identities are pending again. What is wanted under their
        keys up to ``ask_until`` is asked again, however little it is.
        """

    # --- what ends by itself -------------------------------------------------------------------

    def expired(self, now: datetime) -> Sequence[ActionId]:
        """Return the suspended actions whose time is over."""

    def run_out(self, now: datetime) -> Sequence[ActionId]:
        """Return the approved actions that no sync released in time."""

    def settled(self) -> Sequence[RequestId]:
        """Return the open requests about actions of which none is suspended any more."""

    def overdue(self, now: datetime) -> Sequence[Request]:
        """Return the open requests without actions whose time is over."""

    def end_holds(self, now: datetime) -> int:
        """Drop the rejections whose time is over; their identities are pending again."""

    def join_values(self, identities: Collection[IdentityId]) -> Mapping[IdentityId, str]:
        """Return the normal join values of identities; those that stand alone have none."""
