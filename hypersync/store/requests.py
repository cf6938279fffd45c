"""Stores requests, the decisions on them, and what becomes of their actions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, insert, select, update
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql.elements import ColumnElement

from hypersync.model.actions import ActionState
from hypersync.model.causes import Cluster
from hypersync.model.ids import ActionId, IdentityId, RequestId, RunId
from hypersync.model.joins import normal_value
from hypersync.model.requests import Answer, Request, RequestKind, RequestState
from hypersync.ports.store.requests import Tally, Vote
from hypersync.store import aftermath, plan_json, tables, undo_holds
from hypersync.store.bulk import chunks
from hypersync.store.engine import is_writing

_REQUEST = tables.request
_ACTION = tables.action
_DECISION = tables.decision
_OPEN = (RequestState.OPEN, RequestState.ACKNOWLEDGED)
_LET_GO = frozenset(
    {
        ActionState.APPROVED,
        ActionState.QUEUED,
        ActionState.EXECUTING,
        ActionState.SUCCEEDED,
        ActionState.CONFLICT,
        ActionState.FAILED,
        ActionState.UNKNOWN,
    }
)
_WITHOUT_ACTIONS = (RequestKind.INCIDENT, RequestKind.ACKNOWLEDGEMENT)

_VOTE = ("request", "action", "answer", "by", "at", "proof", "comment")

_INCIDENT_NAMES = {
    ActionState.UNKNOWN: "undecided",
    ActionState.SUCCEEDED: "approved",
    ActionState.FAILED: "rejected",
}
"""How actions count of which people are asked whether they happened."""


class Requests:
    """Requests and decisions; every change of a state is one guarded UPDATE.

    A request that is read to be written stays locked until the transaction ends: people who answer
    at the same moment count each other's votes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- requests ------------------------------------------------------------------------------

    def add(self, request: Request, actions: Sequence[ActionId]) -> None:
        """Store a request, and on its actions which request asks about them."""
        self._connection.execute(insert(_REQUEST), [_values(request)])
        if actions:
            mark = update(_ACTION).where(_ACTION.c.id == bindparam("which"))
            self._connection.execute(
                mark.values(request=request.id), [{"which": each} for each in actions]
            )

    def get(self, request: RequestId) -> Request | None:
        """Return one request."""
        return self._first(_REQUEST.c.id == request)

    def of_rule(self, run: RunId, rule: str) -> Request | None:
        """Return the volume request of a rule in a run."""
        return self._first(
            _REQUEST.c.run == run, _REQUEST.c.rule == rule, _REQUEST.c.kind == RequestKind.VOLUME
        )

    def of_silo(self, silo: str, kind: str) -> Request | None:
        """Return the open scan request of a silo and type."""
        return self._first(
            _REQUEST.c.kind == RequestKind.SCAN,
            _REQUEST.c.silo == silo,
            _REQUEST.c.type == kind,
            _REQUEST.c.state.in_(_OPEN),
        )

    def decision_of_scan(self, scan: str) -> Answer | None:
        """Return how people decided about a scan, ``None`` while they have not."""
        query = (
            select(_DECISION.c.answer)
            .join(_REQUEST, _REQUEST.c.id == _DECISION.c.request)
            .where(
                _REQUEST.c.scan == scan,
                _REQUEST.c.state == RequestState.CLOSED,
                _DECISION.c.action.is_(None),
            )
            .order_by(_DECISION.c.id.desc())
            .limit(1)
        )
        return self._connection.execute(query).scalar()

    def open(self) -> Sequence[Request]:
        """Return the requests that wait for an answer, oldest first."""
        return self._where(_REQUEST.c.state.in_(_OPEN))

    def closed(self, since: datetime) -> Sequence[Request]:
        """Return the requests that ended since then, oldest first."""
        return self._where(_REQUEST.c.state.not_in(_OPEN), _REQUEST.c.closed_at >= since)

    def recent(self, limit: int) -> Sequence[Request]:
        """Return the newest requests first, whatever their state."""
        query = select(_REQUEST).order_by(_REQUEST.c.opened_at.desc(), _REQUEST.c.id).limit(limit)
        return [request_of(row) for row in self._connection.execute(query)]

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
        query = (
            select(func.count())
            .select_from(_REQUEST)
            .where(
                _REQUEST.c.kind == kind,
                _REQUEST.c.rule.is_not_distinct_from(rule),
                _REQUEST.c.vip.is_not_distinct_from(vip),
                _REQUEST.c.silo.is_not_distinct_from(silo),
                _REQUEST.c.opened_at >= since,
            )
        )
        return self._connection.execute(query).scalar_one()

    def due(self, now: datetime) -> Sequence[Request]:
        """Return the open requests whose current step is over."""
        return self._where(
            _REQUEST.c.state == RequestState.OPEN, _REQUEST.c.notifying, _REQUEST.c.step_due <= now
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
            .where(_REQUEST.c.id == request, _REQUEST.c.state.in_(_OPEN))
            .values(scan=scan, sentence=sentence, cause=cause, count=count, detail=detail)
        )

    def close(
        self, request: RequestId, state: RequestState, counts: Mapping[str, int], now: datetime
    ) -> bool:
        """End a request; false when it had ended already."""
        done = self._connection.execute(
            update(_REQUEST)
            .where(_REQUEST.c.id == request, _REQUEST.c.state.in_(_OPEN))
            .values(state=state, counts=dict(counts), closed_at=now, notifying=False, step_due=None)
        )
        return done.rowcount > 0

    def tally(self, request: RequestId) -> Tally:
        """Count what became of the actions of a request."""
        is_incident = _REQUEST.c.kind == RequestKind.INCIDENT
        about = select(is_incident).where(_REQUEST.c.id == request)
        names = _INCIDENT_NAMES if self._connection.execute(about).scalar() else {}
        by_expiry = _ACTION.c.decided_by == "expiry"
        query = (
            select(_ACTION.c.state, by_expiry, func.count())
            .where(_ACTION.c.request == request)
            .group_by(_ACTION.c.state, by_expiry)
        )
        counts: dict[str, int] = {}
        for state, expired, count in self._connection.execute(query):
            name = names.get(state) or _name_of(state, by_expiry=bool(expired))
            counts[name] = counts.get(name, 0) + count
        return Tally(**counts)

    # --- decisions -----------------------------------------------------------------------------

    def votes(self, request: RequestId) -> Sequence[Vote]:
        """Return the answers about a request and its actions, oldest first."""
        return self._votes(_DECISION.c.request == request)

    def votes_on(self, actions: Collection[ActionId]) -> Sequence[Vote]:
        """Return the answers about actions, oldest first."""
        return [
            vote for some in chunks(actions) for vote in self._votes(_DECISION.c.action.in_(some))
        ]

    def vote(self, votes: Sequence[Vote]) -> None:
        """Write down answers."""
        if votes:
            rows = [{name: getattr(vote, name) for name in _VOTE} for vote in votes]
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

    def expired(self, now: datetime) -> Sequence[ActionId]:
        """Return the suspended actions whose time is over."""
        return self._ids(_ACTION.c.state == ActionState.SUSPENDED, _ACTION.c.expires_at <= now)

    def run_out(self, now: datetime) -> Sequence[ActionId]:
        """Return the approved actions that no sync released in time."""
        return self._ids(_ACTION.c.state == ActionState.APPROVED, _ACTION.c.approved_until <= now)

    def settled(self) -> Sequence[RequestId]:
        """Return the open requests about actions of which none is suspended any more."""
        waiting = exists().where(
            _ACTION.c.request == _REQUEST.c.id, _ACTION.c.state == ActionState.SUSPENDED
        )
        query = select(_REQUEST.c.id).where(
            _REQUEST.c.state.in_(_OPEN),
            _REQUEST.c.kind.in_((RequestKind.VOLUME, RequestKind.VIP)),
            ~waiting,
        )
        return list(self._connection.execute(query).scalars())

    def overdue(self, now: datetime) -> Sequence[Request]:
        """Return the open requests without actions whose time is over."""
        return self._where(
            _REQUEST.c.state.in_(_OPEN),
            _REQUEST.c.kind.in_(_WITHOUT_ACTIONS),
            _REQUEST.c.expires_at <= now,
        )

    def end_holds(self, now: datetime) -> int:
        """Drop rejections and undone changes whose time is over; their identities are pending."""
        ended = aftermath.end_holds(self._connection, now)
        return ended + undo_holds.end(self._connection, now)

    def join_values(self, identities: Collection[IdentityId]) -> Mapping[IdentityId, str]:
        """Return the normal join values of identities; those that stand alone have none."""
        identity = tables.identity
        found: dict[IdentityId, str] = {}
        for some in chunks(identities):
            query = select(identity.c.id, identity.c.key).where(
                identity.c.id.in_(some), identity.c.key.is_not(None)
            )
            for row in self._connection.execute(query):
                found[row.id] = normal_value(row.key)
        return found

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
                _REQUEST.c.state.in_(_OPEN),
                _REQUEST.c.notifying,
                _REQUEST.c.step == seen.step,
                _REQUEST.c.rounds == seen.rounds,
            )
            .values(**values)
        )
        return done.rowcount > 0

    def _ids(self, *conditions: ColumnElement[bool]) -> list[ActionId]:
        query = select(_ACTION.c.id).where(*conditions).order_by(_ACTION.c.seq)
        return list(self._connection.execute(query).scalars())

    def _votes(self, condition: ColumnElement[bool]) -> list[Vote]:
        query = select(*(_DECISION.c[name] for name in _VOTE))
        rows = self._connection.execute(query.where(condition).order_by(_DECISION.c.id))
        return [Vote(**row._mapping) for row in rows]

    def _first(self, *conditions: ColumnElement[bool]) -> Request | None:
        query = select(_REQUEST).where(*conditions).order_by(_REQUEST.c.opened_at.desc()).limit(1)
        if is_writing(self._connection):
            query = query.with_for_update()
        row = self._connection.execute(query).one_or_none()
        return None if row is None else request_of(row)

    def _where(self, *conditions: ColumnElement[bool]) -> list[Request]:
        query = select(_REQUEST).where(*conditions).order_by(_REQUEST.c.opened_at, _REQUEST.c.id)
        return [request_of(row) for row in self._connection.execute(query)]


def _name_of(state: ActionState, *, by_expiry: bool) -> str:
    """Return under which name of a tally an action of this state counts."""
    if state in _LET_GO:
        return "default_approved" if by_expiry else "approved"
    return {
        ActionState.REJECTED: "rejected",
        ActionState.CLEARED: "cleared",
        ActionState.STALE: "stale",
        ActionState.VOID: "void",
    }.get(state, "undecided")


_SAME = (
    "id",
    "kind",
    "state",
    "run",
    "rule",
    "vip",
    "silo",
    "type",
    "scan",
    "sentence",
    "cause",
    "count",
    "nth",
    "digest",
    "template",
    "step",
    "step_due",
    "rounds",
    "notifying",
    "on_expiry",
    "opened_at",
    "expires_at",
    "closed_at",
)


def _values(request: Request) -> dict[str, object]:
    return {
        **{name: getattr(request, name) for name in _SAME},
        "plan": plan_json.written(request.plan),
        "approvers": sorted(request.approvers),
        "clusters": [asdict(each) for each in request.clusters] or None,
        "counts": dict(request.counts) or None,
        "detail": dict(request.detail) or None,
    }


def request_of(row: Row[Any]) -> Request:
    """Build the value of one row of the request table."""
    return Request(
        **{name: getattr(row, name) for name in _SAME},
        plan=plan_json.read(row.plan),
        approvers=frozenset(row.approvers),
        clusters=tuple(Cluster(**each) for each in row.clusters or ()),
        counts=row.counts or {},
        detail=row.detail or {},
    )
