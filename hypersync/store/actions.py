"""Stores actions and their states."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql.elements import ColumnElement

from hypersync.model.actions import OPEN_STATES, Action, ActionState, OnExpiry, Reason
from hypersync.model.canonical import decode_mapping
from hypersync.model.ids import ActionId, ObjectId, RequestId, RunId
from hypersync.model.objects import Operation
from hypersync.ports.store.actions import OpenAction, Proposal, Suspension, Unit
from hypersync.store import tables

_ACTION = tables.action


def action_of(row: Row[Any]) -> Action:
    """Build the value of one row of the action table."""
    return Action(
        id=row.id,
        run=row.run,
        rule=row.rule,
        identity=row.identity,
        object_id=row.object,
        silo=row.silo,
        type=row.type,
        anchor=row.anchor,
        slot=row.slot,
        operation=row.operation,
        key=row.key,
        state=row.state,
        before=decode_mapping(row.before),
        after=decode_mapping(row.after),
        fingerprint=row.fingerprint,
        title=row.title,
        reasons=tuple(Reason(**reason) for reason in row.reasons or ()),
        vip=row.vip,
        request=row.request,
        on_expiry=row.on_expiry,
        suspended_at=row.suspended_at,
        expires_at=row.expires_at,
        queued_at=row.queued_at,
        started_at=row.started_at,
        attempts=row.attempts,
        retry_at=row.retry_at,
        replacements=row.replacements,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        approved_until=row.approved_until,
        released_by=row.released_by,
        error=row.error,
        once=decode_mapping(row.once) or {},
    )


class Actions:
    """Actions; every state change is one guarded UPDATE."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, ids: Sequence[ActionId]) -> Sequence[Action]:
        """Return these actions in the order they were proposed; unknown ids are left out."""
        found: list[Action] = []
        for start in range(0, len(ids), 500):
            found += self._where(_ACTION.c.id.in_(ids[start : start + 500]))
        return found

    def of_request(self, request: RequestId) -> Sequence[Action]:
        """Return the actions that a request asks about, whatever their state."""
        return self._where(_ACTION.c.request == request)

    def of_run(
        self, run: RunId, rule: str | None = None, limit: int | None = None
    ) -> Sequence[Action]:
        """Return the visible actions of a run, those it released among them."""
        conditions = [_of_run(run)]
        if rule is not None:
            conditions.append(_ACTION.c.rule == rule)
        return self._where(*conditions, limit=limit)

    def count_of_run(self, run: RunId) -> int:
        """Return how many actions `of_run` would return without a limit."""
        query = select(func.count()).select_from(_ACTION).where(_of_run(run))
        return self._connection.execute(query).scalar_one()

    def suspended(self, limit: int | None = None) -> Sequence[Action]:
        """Return every action that waits for a decision, oldest first."""
        return self._where(_ACTION.c.state == ActionState.SUSPENDED, limit=limit)

    def of_object(self, object_id: ObjectId, operations: Collection[Operation]) -> Action | None:
        """Return the newest succeeded action of these kinds on an object."""
        query = (
            select(_ACTION)
            .where(
                _ACTION.c.object == object_id,
                _ACTION.c.state == ActionState.SUCCEEDED,
                _ACTION.c.operation.in_(operations),
            )
            .order_by(_ACTION.c.seq.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else action_of(row)

    def spool(self, run: RunId, proposals: Sequence[Proposal], now: datetime) -> None:
        """Write proposals as ``proposed``, invisible until the plan is complete."""
        if proposals:
            rows = [_proposed(run, proposal, now) for proposal in proposals]
            self._connection.execute(insert(_ACTION), rows)

    def discard(self, run: RunId, ids: Collection[ActionId] | None = None) -> None:
        """Delete proposals of a run that are not to be carried on; all of them by default."""
        mine = delete(_ACTION).where(_ACTION.c.run == run, _ACTION.c.state == ActionState.PROPOSED)
        if ids is None:
            self._connection.execute(mine)
        elif ids:
            one = mine.where(_ACTION.c.id == bindparam("which"))
            self._connection.execute(one, [{"which": each} for each in ids])

    def open(self, identities: Collection[int] | None) -> Mapping[str, OpenAction]:
        """Return open actions by key, of these identities or of all."""
        query = select(*(_ACTION.c[name] for name in _OPEN_COLUMNS))
        query = query.where(_ACTION.c.state.in_(OPEN_STATES))
        if identities is None:
            rows = self._connection.execute(query).all()
        else:
            rows = []
            ordered = sorted(identities)
            for start in range(0, len(ordered), 500):
                part = query.where(_ACTION.c.identity.in_(ordered[start : start + 500]))
                rows += self._connection.execute(part).all()
        return {row.key: OpenAction(**row._mapping) for row in rows}

    def orphans(
        self, rules: Collection[str], simulated: Collection[str]
    ) -> Mapping[str, OpenAction]:
        """Return by key what is undone of rules that are not among these, or only simulated now.

        Of simulated rules these are the queued actions.
        """
        gone = and_(_ACTION.c.state.in_(_UNDONE), _ACTION.c.rule.not_in(rules))
        idle = and_(_ACTION.c.state == ActionState.QUEUED, _ACTION.c.rule.in_(simulated))
        query = select(*(_ACTION.c[name] for name in _OPEN_COLUMNS)).where(
            _ACTION.c.state.in_(_UNDONE), or_(gone, idle)
        )
        rows = self._connection.execute(query).all()
        return {row.key: OpenAction(**row._mapping) for row in rows}

    def approved(self) -> Sequence[Action]:
        """Return the approved actions that no run has released yet."""
        return self._where(_ACTION.c.state == ActionState.APPROVED)

    def queue(self, run: RunId, ids: Collection[ActionId], now: datetime) -> None:
        """Let proposals through without a person."""
        self._settle(
            run,
            [{"which": each} for each in ids],
            state=ActionState.QUEUED,
            queued_at=now,
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

    def release(self, run: RunId, ids: Collection[ActionId], now: datetime) -> Sequence[ActionId]:
        """Queue approved actions; return those that were still approved."""
        return self._guarded(
            ids,
            (ActionState.APPROVED,),
            state=ActionState.QUEUED,
            queued_at=now,
            released_by=run,
            let_through=False,
        )

    def requeue(self, ids: Collection[ActionId], now: datetime) -> None:
        """Say that queued actions were rechecked now and may start."""
        self._guarded(ids, (ActionState.QUEUED,), queued_at=now)

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
                .returning(_ACTION.c.id)
            )
            done += self._connection.execute(statement).scalars()
        return done

    def claim(
        self,
        worker: str,
        *,
        silo: str,
        operations: Collection[Operation],
        queued_since: datetime | None,
        limit: int,
        now: datetime,
    ) -> Sequence[Action]:
        """Take queued actions of a silo that are due as executing, in the order of the plan.

        Those queued before ``queued_since`` are left alone: their condition is looked at again.
        So are those that wait for that, which were queued at no time.
        """
        due = (
            select(_ACTION.c.seq)
            .where(
                _ACTION.c.state == ActionState.QUEUED,
                _ACTION.c.silo == silo,
                _ACTION.c.operation.in_(operations),
                _ACTION.c.queued_at.is_not(None),
                *([] if queued_since is None else [_ACTION.c.queued_at >= queued_since]),
                or_(_ACTION.c.retry_at.is_(None), _ACTION.c.retry_at <= now),
            )
            .order_by(_ACTION.c.seq)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")  # asked once; a subquery may be asked again for each row, past the limit
        )
        statement = (
            update(_ACTION)
            .where(_ACTION.c.seq.in_(select(due.c.seq)), _ACTION.c.state == ActionState.QUEUED)
            .values(
                state=ActionState.EXECUTING,
                worker=worker,
                started_at=now,
                attempts=_ACTION.c.attempts + 1,
            )
            .returning(_ACTION)
        )
        rows = self._connection.execute(statement).all()
        return [action_of(row) for row in sorted(rows, key=lambda row: row.seq)]

    def unknown(self, silo: str) -> Sequence[Action]:
        """Return the actions of a silo whose outcome is unknown."""
        return self._where(_ACTION.c.state == ActionState.UNKNOWN, _ACTION.c.silo == silo)

    def overdue(self, queued_before: datetime) -> Sequence[Action]:
        """Return queued actions that did not start in time and have to be rechecked."""
        return self._where(
            _ACTION.c.state == ActionState.QUEUED, _ACTION.c.queued_at < queued_before
        )

    def due(self, now: datetime, queued_since: datetime | None = None) -> int:
        """Return how many queued actions could be executed now, of those queued since then."""
        query = (
            select(func.count())
            .select_from(_ACTION)
            .where(
                _ACTION.c.state == ActionState.QUEUED,
                or_(_ACTION.c.retry_at.is_(None), _ACTION.c.retry_at <= now),
            )
        )
        if queued_since is not None:
            query = query.where(_ACTION.c.queued_at >= queued_since)
        return self._connection.execute(query).scalar_one()

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
    ) -> None:
        """Put an executing action back into the queue until ``at``.

        With ``worker`` only one that this worker took. With ``recheck`` it starts only after
        `requeue`: its condition is looked at again.
        """
        values: dict[str, object] = {"queued_at": None} if recheck else {}
        self._guarded(
            [action],
            (ActionState.EXECUTING, ActionState.UNKNOWN),
            worker,
            state=ActionState.QUEUED,
            retry_at=at,
            error=reason,
            **values,
        )

    def lost(self, worker: str) -> Sequence[ActionId]:
        """Mark what others than this worker were executing as unknown: their process is gone."""
        statement = (
            update(_ACTION)
            .where(_ACTION.c.state == ActionState.EXECUTING, _ACTION.c.worker != worker)
            .values(state=ActionState.UNKNOWN, error="the process ended while it was executing")
            .returning(_ACTION.c.id)
        )
        return list(self._connection.execute(statement).scalars())

    def let_through(self, rule: str, since: datetime) -> Sequence[Unit]:
        """Return for what a rule was let through without a person since then."""
        return self._units(
            _ACTION.c.rule == rule, _ACTION.c.queued_at >= since, _ACTION.c.let_through
        )

    def stopped_for_volume(self, rule: str, since: datetime) -> Sequence[Unit]:
        """Return what a rule was suspended for, not as VIPs, since then."""
        return self._units(
            _ACTION.c.rule == rule, _ACTION.c.suspended_at >= since, _ACTION.c.vip.is_(None)
        )

    def _units(self, *conditions: ColumnElement[bool]) -> list[Unit]:
        query = select(_ACTION.c.identity, _ACTION.c.operation, _ACTION.c.target)
        return [Unit(*row) for row in self._connection.execute(query.where(*conditions))]

    def leaving(self, group: ObjectId) -> frozenset[str]:
        """Return the targets that approved, queued or running actions take out of a group."""
        query = select(_ACTION.c.target).where(
            _ACTION.c.object == group,
            _ACTION.c.operation == Operation.REMOVE_MEMBER,
            _ACTION.c.state.in_(OPEN_STATES - {ActionState.SUSPENDED}),
        )
        return frozenset(self._connection.execute(query).scalars())

    def objects_touched(self, silo: str, operation: Operation, since: datetime) -> frozenset[str]:
        """Return the action targets of one operation let through or released since then."""
        query = select(_ACTION.c.type, _ACTION.c.anchor, _ACTION.c.key).where(
            _ACTION.c.silo == silo, _ACTION.c.operation == operation, _ACTION.c.queued_at >= since
        )
        rows = self._connection.execute(query)
        return frozenset(f"{row.type}/{row.anchor or row.key}" for row in rows)

    def states(self, run: RunId) -> Mapping[str, Mapping[ActionState, int]]:
        """Count the actions of a run by rule and state, those it released among them."""
        query = (
            select(_ACTION.c.rule, _ACTION.c.state, func.count())
            .where(_of_run(run))
            .group_by(_ACTION.c.rule, _ACTION.c.state)
        )
        found: dict[str, dict[ActionState, int]] = {}
        for rule, state, count in self._connection.execute(query):
            found.setdefault(rule, {})[state] = count
        return found

    def _where(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Action]:
        query = select(_ACTION).where(*conditions).order_by(_ACTION.c.seq)
        if limit is not None:
            query = query.limit(limit)
        return [action_of(row) for row in self._connection.execute(query)]


_UNDONE = (ActionState.SUSPENDED, ActionState.APPROVED, ActionState.QUEUED)
_OPEN_COLUMNS = (
    "id",
    "key",
    "rule",
    "identity",
    "state",
    "fingerprint",
    "replacements",
    "vip",
    "suspended_at",
    "expires_at",
    "request",
    "run",
)


def _of_run(run: RunId) -> ColumnElement[bool]:
    visible = and_(_ACTION.c.run == run, _ACTION.c.state != ActionState.PROPOSED)
    return or_(visible, _ACTION.c.released_by == run)


def _plain(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [asdict(reason) for reason in reasons]


def _proposed(run: RunId, proposal: Proposal, now: datetime) -> dict[str, object]:
    return {
        "id": proposal.id,
        "run": run,
        "rule": proposal.rule,
        "kind": proposal.kind,
        "identity": proposal.identity,
        "object": proposal.object_id,
        "silo": proposal.silo,
        "type": proposal.type,
        "anchor": proposal.anchor,
        "slot": proposal.slot,
        "operation": proposal.operation,
        "key": proposal.key,
        "target": proposal.target,
        "state": ActionState.PROPOSED,
        "before": proposal.before,
        "after": proposal.after,
        "once": proposal.once or None,
        "title": proposal.title,
        "fingerprint": proposal.fingerprint,
        "replacements": proposal.replacements,
        "on_expiry": OnExpiry.CLEAR,
        "proposed_at": now,
        "let_through": False,
        "attempts": 0,
    }
