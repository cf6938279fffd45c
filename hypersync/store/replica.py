"""Copies what a store knew of rules and identities before a run into another, empty one.

Objects are not copied here. Copied are what was open and approved, what was let through in a last
while (lookbacks count it), who was last switched on or off by us, when rules last started, what
people had rejected and undone, reserved names and unlock keys. Ids stay what they are, so that keys
and fingerprints go on meaning the same.

Marks are not kept by time, so last starts are read from the actions. The other store is SQLite.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from hypersync.model.runs import RunMode, RunState
from hypersync.store import tables

_ACTION = tables.action
_MARK = tables.execution_mark
_ROWS = 500
_UNDECIDED: Mapping[str, object] = {
    "state": ActionState.SUSPENDED,
    "decided_by": None,
    "decided_at": None,
    "approved_until": None,
}
_UNDONE: Mapping[str, object] = {
    "request": None,
    "cluster": None,
    "released_by": None,
    "queued_at": None,
    "retry_at": None,
    "attempts": 0,
    "worker": None,
    "started_at": None,
    "finished_at": None,
    "error": None,
}


def copy_knowledge(
    source: Connection, target: Connection, *, before: datetime, window: timedelta
) -> None:
    """Copy what was known before the run that began then; ``window`` is the longest lookback."""
    _keep_ids(source, target)
    suspended, approved = _suspended(before), _approved(before)
    done = and_(
        or_(_let_through(before - window, before), _ACTION.c.seq.in_(_last_switches(before))),
        ~suspended,
        ~approved,
    )
    for condition in (suspended, approved, done):
        _copy_runs(source, target, condition)
    _copy(source, target, _ACTION, select(_ACTION).where(suspended), {**_UNDECIDED, **_UNDONE})
    waiting = {"state": ActionState.APPROVED, **_UNDONE}
    _copy(source, target, _ACTION, select(_ACTION).where(approved), waiting)
    over = {"state": ActionState.SUCCEEDED, "request": None, "cluster": None, "released_by": None}
    _copy(source, target, _ACTION, select(_ACTION).where(done), over)
    _copy_starts(source, target, before)
    for table, column in (
        (tables.hold, tables.hold.c.at),
        (tables.undo_hold, tables.undo_hold.c.at),
        (tables.reservation, tables.reservation.c.at),
        (tables.unlock_key, tables.unlock_key.c.applied_at),
    ):
        _copy(source, target, table, select(table).where(column < before))


# --- which actions -----------------------------------------------------------------------------


def _is_unfinished(before: datetime) -> ColumnElement[bool]:
    return or_(_ACTION.c.finished_at.is_(None), _ACTION.c.finished_at >= before)


def _suspended(before: datetime) -> ColumnElement[bool]:
    return and_(
        _ACTION.c.suspended_at < before,
        or_(_ACTION.c.decided_at.is_(None), _ACTION.c.decided_at >= before),
        _is_unfinished(before),
    )


def _approved(before: datetime) -> ColumnElement[bool]:
    return and_(
        _ACTION.c.approved_until.is_not(None),
        _ACTION.c.decided_at < before,
        or_(_ACTION.c.queued_at.is_(None), _ACTION.c.queued_at >= before),
        _is_unfinished(before),
    )


def _let_through(since: datetime, before: datetime) -> ColumnElement[bool]:
    return and_(_ACTION.c.queued_at >= since, _ACTION.c.queued_at < before)


def _last_switches(before: datetime) -> Select[Any]:
    """Return which actions last switched each object, on or off."""
    return (
        select(func.max(_ACTION.c.seq))
        .where(
            _ACTION.c.operation.in_((Operation.ENABLE, Operation.DISABLE)),
            _ACTION.c.state == ActionState.SUCCEEDED,
            _ACTION.c.finished_at < before,
        )
        .group_by(_ACTION.c.object)
    )


def _keep_ids(source: Connection, target: Connection) -> None:
    """Let no new identity get the id of one that is known here, or was once."""
    last = select(func.max(tables.identity.c.id))
    top, reached = source.execute(last).scalar(), target.execute(last).scalar()
    if top is not None and top != reached:
        target.execute(insert(tables.identity), [{"id": top, "merged_into": top}])


# --- copying -----------------------------------------------------------------------------------


def _copy_runs(source: Connection, target: Connection, condition: ColumnElement[bool]) -> None:
    """Copy the names of the runs that actions belong to, and nothing of what they did."""
    known = set(target.execute(select(tables.run.c.id)).scalars())
    query = select(_ACTION.c.run, func.min(_ACTION.c.proposed_at)).where(condition)
    rows = [
        {
            "id": run,
            "kind": "delta",
            "mode": RunMode.PREVIEW,
            "state": RunState.DONE,
            "config": "",
            "started_at": at,
        }
        for run, at in source.execute(query.group_by(_ACTION.c.run))
        if run not in known
    ]
    if rows:
        target.execute(insert(tables.run), rows)


def _copy_starts(source: Connection, target: Connection, before: datetime) -> None:
    """Copy when rules last started for whom; an answer that was no starts the throttle too."""
    closed = _ACTION.c.state.in_((ActionState.REJECTED, ActionState.CLEARED))
    fresh = sqlite_insert(_MARK)
    latest = func.max(_MARK.c.last_start, fresh.excluded.last_start)
    keep_latest = fresh.on_conflict_do_update(
        index_elements=["rule", "identity", "target"], set_={"last_start": latest}
    )
    for column, condition in (
        (_ACTION.c.started_at, _ACTION.c.started_at < before),
        (_ACTION.c.decided_at, and_(closed, _ACTION.c.decided_at < before)),
    ):
        key = (_ACTION.c.rule, _ACTION.c.identity, _ACTION.c.target)
        query = select(*key, func.max(column).label("last_start")).where(condition).group_by(*key)
        rows = source.execute(query.execution_options(yield_per=_ROWS)).mappings()
        for some in rows.partitions():
            target.execute(keep_latest, [{**row, "held": False} for row in some])


def _copy(
    source: Connection,
    target: Connection,
    table: Table,
    query: Select[Any],
    changed: Mapping[str, object] | None = None,
) -> None:
    """Copy the rows of a query into the table of the other store, some columns changed."""
    rows = source.execute(query.execution_options(yield_per=_ROWS)).mappings()
    for some in rows.partitions():
        target.execute(insert(table), [{**row, **(changed or {})} for row in some])
