"""Reads actions: by id, request and run, those that are open, and what the guards count."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from hypersync.model.actions import OPEN_STATES, Action, ActionState, is_undo
from hypersync.model.canonical import decode_mapping
from hypersync.model.ids import ActionId, IdentityId, ObjectId, RequestId, RunId
from hypersync.model.objects import Operation
from hypersync.ports.store.actions import OpenAction, Passed, PastWrite, Startable, Trace
from hypersync.store import tables
from hypersync.store.action_rows import action_of
from hypersync.store.bulk import chunks

_ACTION = tables.action
_UNDONE = (ActionState.SUSPENDED, ActionState.APPROVED, ActionState.QUEUED)
_UNSEEN = (ActionState.PROPOSED, ActionState.PLANNED)
_CARRIED_OUT = (
    ActionState.QUEUED,
    ActionState.EXECUTING,
    ActionState.UNKNOWN,
    ActionState.SUCCEEDED,
)
_WITHOUT_EFFECT = (
    ActionState.REJECTED,
    ActionState.CLEARED,
    ActionState.STALE,
    ActionState.VOID,
    ActionState.FAILED,
    ActionState.CONFLICT,
)
_PAGE = 5_000
_NEWEST = text(
    """
    WITH RECURSIVE known(rule) AS (
        SELECT min(rule) FROM action
        UNION ALL
        SELECT (SELECT min(action.rule) FROM action WHERE action.rule > known.rule)
        FROM known WHERE known.rule IS NOT NULL
    )
    SELECT action.rule, action.kind, action.slot, action.operation
    FROM known JOIN action ON action.seq = (
        SELECT newest.seq FROM action AS newest WHERE newest.rule = known.rule
        ORDER BY newest.queued_at DESC LIMIT 1
    )
    """
)
"""Steps through the index from one rule to the next: it costs as much as there are rules."""
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
    "waits",
    "approved_until",
)


class ActionReads:
    """What can be asked about actions."""

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

    def of_identity(self, identity: IdentityId, limit: int) -> Sequence[Action]:
        """Return the newest actions about an identity first, those only looked at left out.

        They are sorted by a sum, so that the database does not walk back through all actions.
        """
        query = (
            select(_ACTION)
            .where(_ACTION.c.identity == identity, _ACTION.c.state.not_in(_UNSEEN))
            .order_by((_ACTION.c.seq + 0).desc())
            .limit(limit)
        )
        return [action_of(row) for row in self._connection.execute(query)]

    def operations(self, run: RunId) -> Mapping[tuple[str, str, Operation], int]:
        """Count the actions of a run that did something, by silo, type and operation."""
        kind = (_ACTION.c.silo, _ACTION.c.type, _ACTION.c.operation)
        query = (
            select(*kind, func.count())
            .where(_of_run(run), _ACTION.c.state.not_in(_WITHOUT_EFFECT))
            .group_by(*kind)
        )
        return {(row[0], row[1], row[2]): row[3] for row in self._connection.execute(query)}

    def carried_out(self, run: RunId, operations: Collection[Operation]) -> Iterator[Action]:
        """Yield what a run carried out or still may, newest first, what it released among it."""
        mine = or_(
            _ACTION.c.released_by == run,
            and_(_ACTION.c.run == run, _ACTION.c.released_by.is_(None)),
        )
        query = select(_ACTION).where(
            mine, _ACTION.c.state.in_(_CARRIED_OUT), _ACTION.c.operation.in_(operations)
        )
        query = query.order_by(_ACTION.c.seq.desc()).limit(_PAGE)
        rows = self._connection.execute(query).all()
        while rows:
            yield from map(action_of, rows)
            rows = self._connection.execute(query.where(_ACTION.c.seq < rows[-1].seq)).all()

    def undoers(self, actions: Collection[ActionId]) -> Mapping[ActionId, Sequence[Action]]:
        """Return what was ever to take these actions back, by what it takes back.

        What takes those back is among it, and so on; what was only looked at is not.
        """
        found: dict[ActionId, list[Action]] = {}
        asked = sorted(actions)
        while asked:
            more: list[Action] = []
            for some in chunks(asked):
                more += self._where(_ACTION.c.undoes.in_(some), _ACTION.c.state.not_in(_UNSEEN))
            for each in more:
                if each.undoes is not None:
                    found.setdefault(each.undoes, []).append(each)
            asked = sorted(each.id for each in more)
        return found

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

    def writes(
        self,
        objects: Collection[ObjectId],
        operations: Collection[Operation],
        *,
        since: datetime,
        least: int,
    ) -> Mapping[ObjectId, Sequence[PastWrite]]:
        """Return what was written to these objects, oldest first, where it was ``least`` times."""
        succeeded = and_(
            _ACTION.c.operation.in_(operations),
            _ACTION.c.state == ActionState.SUCCEEDED,
            _ACTION.c.finished_at >= since,
        )
        often = select(_ACTION.c.object).where(succeeded).group_by(_ACTION.c.object)
        often = often.having(func.count() >= least)
        run = func.coalesce(_ACTION.c.released_by, _ACTION.c.run)
        columns = (_ACTION.c.object, _ACTION.c.finished_at, run, _ACTION.c.rule)
        query = select(*columns, _ACTION.c.before, _ACTION.c.after).where(succeeded)
        query = query.order_by(_ACTION.c.finished_at, _ACTION.c.seq)
        found: dict[ObjectId, list[PastWrite]] = {}
        for some in chunks(objects):
            of_these = _ACTION.c.object.in_(some)
            which = list(self._connection.execute(often.where(of_these)).scalars())
            if not which:
                continue
            rows = self._connection.execute(query.where(_ACTION.c.object.in_(which)))
            for number, *write, before, after in rows:
                values = (decode_mapping(each) or {} for each in (before, after))
                found.setdefault(ObjectId(number), []).append(PastWrite(*write, *values))
        return found

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
        """Return by key what is not begun of rules that are not among these, or only simulated now.

        Of simulated rules these are the queued actions. What takes others back needs no rule.
        """
        gone = and_(_ACTION.c.rule.not_in(rules), _ACTION.c.undoes.is_(None))
        idle = and_(_ACTION.c.state == ActionState.QUEUED, _ACTION.c.rule.in_(simulated))
        query = select(*(_ACTION.c[name] for name in _OPEN_COLUMNS)).where(
            _ACTION.c.state.in_(_UNDONE), or_(gone, idle)
        )
        rows = self._connection.execute(query).all()
        return {row.key: OpenAction(**row._mapping) for row in rows}

    def startable(
        self, silos: Collection[str], *, simulated: Collection[str], approved: bool, now: datetime
    ) -> Sequence[Startable]:
        """Return for whom something may start in these silos, once it was looked at again.

        That is what is queued and due and, if ``approved``, what is approved and still valid, of
        all rules but the simulated ones.
        """
        states = [ActionState.QUEUED, *([ActionState.APPROVED] if approved else [])]
        query = select(_ACTION.c.identity, _ACTION.c.rule).where(
            _ACTION.c.state.in_(states),
            _ACTION.c.silo.in_(silos),
            _ACTION.c.rule.not_in(simulated),
            or_(_ACTION.c.retry_at.is_(None), _ACTION.c.retry_at <= now),
            or_(_ACTION.c.state == ActionState.QUEUED, is_valid(now)),
        )
        return [Startable(*row) for row in self._connection.execute(query.distinct())]

    def count(self, state: ActionState) -> int:
        """Return how many actions are in a state."""
        query = select(func.count()).select_from(_ACTION).where(_ACTION.c.state == state)
        return self._connection.execute(query).scalar_one()

    def unknown(self, silo: str) -> Sequence[Action]:
        """Return the actions of a silo whose outcome is unknown."""
        return self._where(_ACTION.c.state == ActionState.UNKNOWN, _ACTION.c.silo == silo)

    def due(self, now: datetime) -> Mapping[tuple[str, Operation], int]:
        """Count the queued actions that could be executed now, by silo and operation."""
        query = (
            select(_ACTION.c.silo, _ACTION.c.operation, func.count())
            .where(
                _ACTION.c.state == ActionState.QUEUED,
                or_(_ACTION.c.retry_at.is_(None), _ACTION.c.retry_at <= now),
            )
            .group_by(_ACTION.c.silo, _ACTION.c.operation)
        )
        rows = self._connection.execute(query)
        return {(silo, operation): count for silo, operation, count in rows}

    def let_through(
        self, rules: Collection[str], since: datetime, *, written: bool = False
    ) -> Sequence[Passed]:
        """Return for what rules were let through without a person since then.

        With ``written`` what was to be written too.
        """
        is_since = and_(_ACTION.c.queued_at >= since, _ACTION.c.let_through)
        return self._passed(rules, is_since, written=written)

    def stopped_for_volume(
        self, rules: Collection[str], since: datetime, *, written: bool = False
    ) -> Sequence[Passed]:
        """Return what rules were suspended for, not as VIPs, since then."""
        is_since = and_(_ACTION.c.suspended_at >= since, _ACTION.c.vip.is_(None))
        return self._passed(rules, is_since, written=written)

    def _passed(
        self, rules: Collection[str], condition: ColumnElement[bool], *, written: bool
    ) -> list[Passed]:
        names = ("identity", "operation", "target", "anchor")
        columns: list[ColumnElement[Any]] = [_ACTION.c[name] for name in names]
        columns.append((_ACTION.c.state == ActionState.SUCCEEDED).label("is_done"))
        if written:
            columns.append(_ACTION.c.after)
        found = []
        for some in chunks(sorted(rules)):
            query = select(*columns).where(_ACTION.c.rule.in_(some), condition)
            found += [Passed(*row) for row in self._connection.execute(query)]
        return found

    def others(self, rules: Collection[str]) -> Sequence[Trace]:
        """Return the rules that ever proposed something and are not among these, undos left out."""
        return [
            Trace(rule, kind, slot, Operation(operation))
            for rule, kind, slot, operation in self._connection.execute(_NEWEST)
            if rule not in rules and not is_undo(rule)
        ]

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


def is_valid(now: datetime) -> ColumnElement[bool]:
    """Return the condition that an approval did not run out."""
    return or_(_ACTION.c.approved_until.is_(None), _ACTION.c.approved_until > now)


def _of_run(run: RunId) -> ColumnElement[bool]:
    visible = and_(_ACTION.c.run == run, _ACTION.c.state != ActionState.PROPOSED)
    return or_(visible, _ACTION.c.released_by == run)
