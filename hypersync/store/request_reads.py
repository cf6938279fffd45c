"""Reads requests, the answers to them, and what became of their actions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, IdentityId, RequestId, RunId
from hypersync.model.joins import normal_value
from hypersync.model.requests import Request, RequestKind, RequestState
from hypersync.ports.store.requests import Tally, Vote
from hypersync.store import tables
from hypersync.store.bulk import chunks
from hypersync.store.engine import is_writing
from hypersync.store.request_rows import request_of

_REQUEST = tables.request
_ACTION = tables.action
_DECISION = tables.decision
OPEN = (RequestState.OPEN, RequestState.ACKNOWLEDGED)
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

VOTE = ("request", "action", "answer", "by", "at", "proof", "comment")

_INCIDENT_NAMES = {
    ActionState.UNKNOWN: "undecided",
    ActionState.SUCCEEDED: "approved",
    ActionState.FAILED: "rejected",
}
"""How actions count of which people are asked whether they happened."""


class RequestReads:
    """Requests and answers as they are.

    A request that is read to be written stays locked until the transaction ends: people who answer
    at the same moment count each other's votes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
            _REQUEST.c.state.in_(OPEN),
        )

    def open(self) -> Sequence[Request]:
        """Return the requests that wait for an answer, oldest first."""
        return self._where(_REQUEST.c.state.in_(OPEN))

    def closed(self, since: datetime) -> Sequence[Request]:
        """Return the requests that ended since then, oldest first."""
        return self._where(_REQUEST.c.state.not_in(OPEN), _REQUEST.c.closed_at >= since)

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

    def votes(self, request: RequestId) -> Sequence[Vote]:
        """Return the answers about a request and its actions, oldest first."""
        query = select(*(_DECISION.c[name] for name in VOTE))
        about = query.where(_DECISION.c.request == request).order_by(_DECISION.c.id)
        return [Vote(**row._mapping) for row in self._connection.execute(about)]

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
            _REQUEST.c.state.in_(OPEN),
            _REQUEST.c.kind.in_((RequestKind.VOLUME, RequestKind.VIP)),
            ~waiting,
        )
        return list(self._connection.execute(query).scalars())

    def overdue(self, now: datetime) -> Sequence[Request]:
        """Return the open requests without actions whose time is over."""
        return self._where(
            _REQUEST.c.state.in_(OPEN),
            _REQUEST.c.kind.in_(_WITHOUT_ACTIONS),
            _REQUEST.c.expires_at <= now,
        )

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

    def _ids(self, *conditions: ColumnElement[bool]) -> list[ActionId]:
        query = select(_ACTION.c.id).where(*conditions).order_by(_ACTION.c.seq)
        return list(self._connection.execute(query).scalars())

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
