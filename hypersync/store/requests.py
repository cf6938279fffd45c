"""Stores requests, the decisions on them, and what becomes of their actions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, insert, update

from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, RequestId
from hypersync.model.requests import Request, RequestState
from hypersync.ports.store.requests import Vote
from hypersync.store import aftermath, tables, undo_holds
from hypersync.store.bulk import chunks
from hypersync.store.request_reads import OPEN, VOTE, RequestReads
from hypersync.store.request_rows import values_of

_REQUEST = tables.request
_ACTION = tables.action
_DECISION = tables.decision


class Requests(RequestReads):
    """Requests and decisions; every change of a state is one guarded UPDATE."""

    # --- requests ------------------------------------------------------------------------------

    def add(self, request: Request, actions: Sequence[ActionId]) -> None:
        """Store a request, and on its actions which request asks about them."""
        self._connection.execute(insert(_REQUEST), [values_of(request)])
        if actions:
            mark = update(_ACTION).where(_ACTION.c.id == bindparam("which"))
            self._connection.execute(
                mark.values(request=request.id), [{"which": each} for each in actions]
            )

    def go_on(self, seen: Request, *, step: int, rounds: int, step_due: datetime | None) -> bool:
        """Move an open request to a step; false when it moved or ended meanwhile."""
        return self._guarded(seen, step=step, rounds=rounds, step_due=step_due)

    def stop_notifying(self, seen: Request) -> bool:
        """End the plan of an open request; false when it moved or ended meanwhile."""
        return self._guarded(seen, notifying=False, step_due=None)

    def acknowledge(
        self, seen: Request, *, by: str, until: datetime, step_due: datetime | None
    ) -> None:
        """Let an open request rest until then; its step is over at ``step_due``."""
        self._connection.execute(
            update(_REQUEST)
            .where(_REQUEST.c.id == seen.id, _REQUEST.c.state == RequestState.OPEN)
            .values(
                state=RequestState.ACKNOWLEDGED,
                acknowledged_by=by,
                acknowledged_until=until,
                step_due=step_due,
            )
        )

    def resume(self, now: datetime) -> int:
        """Let requests go on whose rest is over; return how many."""
        done = self._connection.execute(
            update(_REQUEST)
            .where(
                _REQUEST.c.state == RequestState.ACKNOWLEDGED,
                _REQUEST.c.acknowledged_until <= now,
            )
            .values(state=RequestState.OPEN)
        )
        return done.rowcount

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
        self._connection.execute(
            update(_REQUEST)
            .where(_REQUEST.c.id == request, _REQUEST.c.state.in_(OPEN))
            .values(scan=scan, sentence=sentence, cause=cause, count=count, detail=detail)
        )

    def close(
        self, request: RequestId, state: RequestState, counts: Mapping[str, int], now: datetime
    ) -> bool:
        """End a request; false when it had ended already."""
        done = self._connection.execute(
            update(_REQUEST)
            .where(_REQUEST.c.id == request, _REQUEST.c.state.in_(OPEN))
            .values(state=state, counts=dict(counts), closed_at=now, notifying=False, step_due=None)
        )
        return done.rowcount > 0

    # --- decisions -----------------------------------------------------------------------------

    def vote(self, votes: Sequence[Vote]) -> None:
        """Write down answers."""
        if votes:
            rows = [{name: getattr(vote, name) for name in VOTE} for vote in votes]
            self._connection.execute(insert(_DECISION), rows)

    def approve(
        self, actions: Collection[ActionId], *, by: str, now: datetime, until: datetime
    ) -> Sequence[ActionId]:
        """Approve suspended actions; return those that were still suspended."""
        done = self._decide(
            actions,
            ActionState.SUSPENDED,
            state=ActionState.APPROVED,
            decided_by=by,
            decided_at=now,
            approved_until=until,
        )
        aftermath.answer(self._connection, done)
        return done

    def reject(
        self, actions: Collection[ActionId], *, by: str, now: datetime, hold_until: datetime
    ) -> Sequence[ActionId]:
        """Reject suspended actions: their keys are held and their throttles start."""
        done = self._decide(
            actions,
            ActionState.SUSPENDED,
            state=ActionState.REJECTED,
            decided_by=by,
            decided_at=now,
            finished_at=now,
        )
        aftermath.hold(self._connection, done, by=by, now=now, until=hold_until)
        aftermath.start_throttles(self._connection, done, now)
        return done

    def settle_doubt(
        self, actions: Collection[ActionId], *, happened: bool, by: str, now: datetime
    ) -> Sequence[ActionId]:
        """Say of actions of unknown outcome whether they happened; return those that still were."""
        done = self._decide(
            actions,
            ActionState.UNKNOWN,
            state=ActionState.SUCCEEDED if happened else ActionState.FAILED,
            decided_by=by,
            decided_at=now,
            finished_at=now,
            error=None if happened else "it did not happen",
        )
        aftermath.make_pending(self._connection, done)
        return done

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
        done = self._decide(
            actions,
            ActionState.APPROVED if is_approved else ActionState.SUSPENDED,
            state=ActionState.CLEARED,
            decided_by="expiry",
            decided_at=now,
            finished_at=now,
            error=reason,
        )
        aftermath.start_throttles(self._connection, done, now)
        aftermath.hold(self._connection, done, by=aftermath.EXPIRY, now=now, until=ask_until)
        aftermath.make_pending(self._connection, done)
        return done

    # --- what ends by itself -------------------------------------------------------------------

    def end_holds(self, now: datetime) -> int:
        """Drop rejections and undone changes whose time is over; their identities are pending."""
        ended = aftermath.end_holds(self._connection, now)
        return ended + undo_holds.end(self._connection, now)

    # --- small parts ---------------------------------------------------------------------------

    def _decide(
        self, actions: Iterable[ActionId], was: ActionState, **values: object
    ) -> list[ActionId]:
        done: list[ActionId] = []
        for some in chunks(actions):
            statement = (
                update(_ACTION)
                .where(_ACTION.c.id.in_(some), _ACTION.c.state == was)
                .values(**values)
                .returning(_ACTION.c.id, _ACTION.c.rule, _ACTION.c.undoes, _ACTION.c.state)
            )
            moved = self._connection.execute(statement).all()
            undo_holds.let_go(self._connection, moved)
            done += [row.id for row in moved]
        return done

    def _guarded(self, seen: Request, **values: object) -> bool:
        done = self._connection.execute(
            update(_REQUEST)
            .where(
                _REQUEST.c.id == seen.id,
                _REQUEST.c.state.in_(OPEN),
                _REQUEST.c.notifying,
                _REQUEST.c.step == seen.step,
                _REQUEST.c.rounds == seen.rounds,
            )
            .values(**values)
        )
        return done.rowcount > 0
