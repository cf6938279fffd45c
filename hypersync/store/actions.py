"""Stores actions and their states."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from hypersync.model.actions import OPEN_STATES, Action, ActionState, Reason
from hypersync.model.ids import ActionId, ObjectId, RunId
from hypersync.model.objects import Operation
from hypersync.ports.store.actions import Proposal, Suspension
from hypersync.store import aftermath, tables, undo_holds
from hypersync.store.action_reads import ActionReads, is_valid
from hypersync.store.action_rows import action_of, proposed_row

_ACTION = tables.action


class Actions(ActionReads):
    """Actions; every state change is one guarded UPDATE."""

    def spool(self, run: RunId, proposals: Sequence[Proposal], now: datetime) -> None:
        """Write proposals as ``proposed``, invisible until the plan is complete."""
        if proposals:
            rows = [proposed_row(run, proposal, now) for proposal in proposals]
            self._connection.execute(insert(_ACTION), rows)

    def discard(self, run: RunId, ids: Collection[ActionId] | None = None) -> None:
        """Delete proposals of a run that are not to be carried on; all of them by default."""
        mine = delete(_ACTION).where(_ACTION.c.run == run, _ACTION.c.state == ActionState.PROPOSED)
        if ids is None:
            self._connection.execute(mine)
        elif ids:
            one = mine.where(_ACTION.c.id == bindparam("which"))
            self._connection.execute(one, [{"which": each} for each in ids])

    def queue(self, run: RunId, ids: Collection[ActionId], now: datetime) -> None:
        """Let proposals through without a person."""
        self._settle(
            run,
            [{"which": each} for each in ids],
            state=ActionState.QUEUED,
            queued_at=now,
            worker=run,
            let_through=True,
        )

    def plan(self, run: RunId, reasons: Mapping[ActionId, Sequence[Reason]]) -> None:
        """Make proposals part of a plan that is only looked at, with what would stop them."""
        rows = [{"which": each, "why": _plain(why)} for each, why in reasons.items()]
        self._settle(run, rows, state=ActionState.PLANNED, reasons=bindparam("why"))

    def suspend(self, run: RunId, why: Mapping[ActionId, Suspension], now: datetime) -> None:
        """Stop proposals until somebody decides."""
        rows = [
            {
                "which": each,
                "why": _plain(stop.reasons),
                "ends": stop.expires_at,
                "at_end": stop.on_expiry,
                "vip_rule": stop.vip,
                "which_cluster": stop.cluster,
            }
            for each, stop in why.items()
        ]
        self._settle(
            run,
            rows,
            state=ActionState.SUSPENDED,
            suspended_at=now,
            reasons=bindparam("why"),
            expires_at=bindparam("ends"),
            on_expiry=bindparam("at_end"),
            vip=bindparam("vip_rule"),
            cluster=bindparam("which_cluster"),
        )

    def _settle(self, run: RunId, rows: list[dict[str, Any]], **values: object) -> None:
        if rows:
            statement = (
                update(_ACTION)
                .where(
                    _ACTION.c.id == bindparam("which"),
                    _ACTION.c.run == run,
                    _ACTION.c.state == ActionState.PROPOSED,
                )
                .values(**values)
            )
            self._connection.execute(statement, rows)

    def replace(self, old: ActionId, now: datetime, reason: str) -> bool:
        """Make an undecided or approved action void because a newer one takes its place."""
        states = (ActionState.SUSPENDED, ActionState.APPROVED, ActionState.QUEUED)
        return bool(self.move([old], states, ActionState.VOID, now, error=reason))

    def move(
        self,
        ids: Collection[ActionId],
        states: Collection[ActionState],
        state: ActionState,
        now: datetime,
        *,
        error: str | None = None,
    ) -> Sequence[ActionId]:
        """Move actions that are in one of ``states``; return those that were."""
        values: dict[str, Any] = {"state": state, "error": error}
        if state not in OPEN_STATES:
            values["finished_at"] = now
        return self._guarded(ids, states, **values)

    def void(
        self, ids: Collection[ActionId], now: datetime, *, reason: str, ask_until: datetime
    ) -> Sequence[ActionId]:
        """Make actions void that nothing takes the place of; return those that were not begun.

        What people were asked about is asked again up to ``ask_until``, however little it is.
        Events may fire again, and the identities are pending.
        """
        asked = (ActionState.SUSPENDED, ActionState.APPROVED)
        stopped = self.move(ids, asked, ActionState.VOID, now, error=reason)
        queued = self.move(ids, (ActionState.QUEUED,), ActionState.VOID, now, error=reason)
        done = [*stopped, *queued]
        aftermath.hold(self._connection, stopped, by=aftermath.VOID, now=now, until=ask_until)
        aftermath.let_fire_again(self._connection, done)
        aftermath.make_pending(self._connection, done)
        return done

    def note_waits(self, waits: Mapping[ActionId, str | None]) -> None:
        """Write down what open actions wait for; ``None`` where they no longer do."""
        by_reason: dict[str | None, list[ActionId]] = {}
        for action, why in waits.items():
            by_reason.setdefault(why, []).append(action)
        for why, actions in by_reason.items():
            self._guarded(actions, OPEN_STATES, waits=why)

    def note_rest(
        self, why: str, *, silos: Collection[str], now: datetime, rule: str | None = None
    ) -> None:
        """Write down what valid approvals in these silos, or of one rule there, wait for."""
        statement = update(_ACTION).where(
            _ACTION.c.state == ActionState.APPROVED,
            _ACTION.c.silo.in_(silos),
            *([] if rule is None else [_ACTION.c.rule == rule]),
            is_valid(now),
            or_(_ACTION.c.waits.is_(None), _ACTION.c.waits != why),
        )
        self._connection.execute(statement.values(waits=why))

    def doubt(self, action: Action, reason: Reason) -> bool:
        """Note that people are asked whether it happened; false when its outcome is known."""
        reasons = _plain([*action.reasons, reason])
        return bool(self._guarded([action.id], (ActionState.UNKNOWN,), reasons=reasons))

    def release(self, run: RunId, ids: Collection[ActionId], now: datetime) -> Sequence[ActionId]:
        """Queue approved actions; return those that were still approved.

        What an expiry approved is let through without a person, so lookbacks count it.
        """
        return self._guarded(
            ids,
            (ActionState.APPROVED,),
            state=ActionState.QUEUED,
            queued_at=now,
            worker=run,
            released_by=run,
            let_through=_ACTION.c.decided_by.is_not_distinct_from(aftermath.EXPIRY),
            waits=None,
        )

    def confirm(self, ids: Collection[ActionId], run: RunId) -> None:
        """Say that a run rechecked queued actions and that it may start them."""
        self._guarded(ids, (ActionState.QUEUED,), worker=run)

    def _guarded(
        self,
        ids: Collection[ActionId],
        states: Collection[ActionState],
        taken_by: str | None = None,
        **values: object,
    ) -> list[ActionId]:
        done: list[ActionId] = []
        theirs = [] if taken_by is None else [_ACTION.c.worker == taken_by]
        ordered = list(ids)
        for start in range(0, len(ordered), 500):
            statement = (
                update(_ACTION)
                .where(
                    _ACTION.c.id.in_(ordered[start : start + 500]),
                    _ACTION.c.state.in_(states),
                    *theirs,
                )
                .values(**values)
                .returning(_ACTION.c.id, _ACTION.c.rule, _ACTION.c.undoes, _ACTION.c.state)
            )
            moved = self._connection.execute(statement).all()
            undo_holds.let_go(self._connection, moved)
            done += [row.id for row in moved]
        return done

    def claim(
        self,
        worker: str,
        *,
        silo: str,
        operations: Collection[Operation],
        limit: int,
        now: datetime,
        suspects: bool = False,
    ) -> Sequence[Action]:
        """Take queued actions of a silo that are due as executing, in the order of the plan.

        Only what this worker, a run, queued, released or confirmed itself: the condition of all
        others is looked at again first. Either no suspects, or nothing but suspects, of which those
        come first that were tried least.
        """
        order = (_ACTION.c.attempts, _ACTION.c.retry_at) if suspects else ()
        due = (
            select(_ACTION.c.seq)
            .where(
                _ACTION.c.state == ActionState.QUEUED,
                _ACTION.c.silo == silo,
                _ACTION.c.operation.in_(operations),
                _ACTION.c.worker == worker,
                or_(_ACTION.c.retry_at.is_(None), _ACTION.c.retry_at <= now),
                _ACTION.c.is_suspect.is_(suspects),
            )
            .order_by(*order, _ACTION.c.seq)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")  # asked once; a subquery may be asked again for each row, past the limit
        )
        statement = (
            update(_ACTION)
            .where(_ACTION.c.seq.in_(select(due.c.seq)), _ACTION.c.state == ActionState.QUEUED)
            .values(
                state=ActionState.EXECUTING,
                started_at=now,
                attempts=_ACTION.c.attempts + 1,
            )
            .returning(_ACTION)
        )
        rows = self._connection.execute(statement).all()
        return [action_of(row) for row in sorted(rows, key=lambda row: row.seq)]

    def finish(
        self,
        action: ActionId,
        state: ActionState,
        now: datetime,
        *,
        worker: str | None = None,
        error: str | None = None,
        anchor: str | None = None,
        object_id: ObjectId | None = None,
    ) -> bool:
        """Record an outcome of an executing or unknown action; false when somebody else did.

        With ``worker`` only of one that this worker took.
        """
        values: dict[str, object] = {"state": state, "error": error, "finished_at": now}
        if anchor is not None:
            values["anchor"] = anchor
        if object_id is not None:
            values["object"] = object_id
        states = (ActionState.EXECUTING, ActionState.UNKNOWN)
        return bool(self._guarded([action], states, worker, **values))

    def retry(
        self,
        action: ActionId,
        at: datetime,
        reason: str,
        *,
        worker: str | None = None,
        recheck: bool = False,
        is_begun: bool = True,
        is_suspect: bool = False,
    ) -> None:
        """Put an executing action back into the queue until ``at``.

        With ``worker`` only one that this worker took. With ``recheck`` it starts only after
        `confirm`: its condition is looked at again. When it was let through stays what it is. One
        that was not even begun has one attempt less. One that is a suspect stays one.
        """
        values: dict[str, object] = {"worker": None} if recheck else {}
        if not is_begun:
            values["attempts"] = _ACTION.c.attempts - 1
        if is_suspect:
            values["is_suspect"] = True
        self._guarded(
            [action],
            (ActionState.EXECUTING, ActionState.UNKNOWN),
            worker,
            state=ActionState.QUEUED,
            retry_at=at,
            error=reason,
            **values,
        )

    def leave_unknown(self, action: ActionId, at: datetime, reason: str) -> None:
        """Count an attempt to find out what became of an unknown action; the next one is ``at``."""
        attempts = _ACTION.c.attempts + 1
        states = (ActionState.UNKNOWN,)
        self._guarded([action], states, attempts=attempts, retry_at=at, error=reason)

    def lost(self, worker: str) -> Sequence[ActionId]:
        """Mark what others than this worker were executing as unknown: their process is gone."""
        statement = (
            update(_ACTION)
            .where(_ACTION.c.state == ActionState.EXECUTING, _ACTION.c.worker != worker)
            .values(state=ActionState.UNKNOWN, error="the process ended while it was executing")
            .returning(_ACTION.c.id)
        )
        return list(self._connection.execute(statement).scalars())


def _plain(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [asdict(reason) for reason in reasons]
