"""What follows for a rule and an identity when an action is rejected, cleared or void.

The throttle starts, a rejection is held, what nobody answered is remembered so that it is asked
again, and what may be proposed again is pending again. All of it is one statement for any number of
actions, in the transaction that decides.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, false, literal, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from hypersync.model.ids import ActionId
from hypersync.model.objects import Operation
from hypersync.store import tables
from hypersync.store.bulk import chunks
from hypersync.store.columns import UtcTime

_ACTION = tables.action
_MARK = tables.execution_mark
_HOLD = tables.hold
_PENDING = tables.pending_identity

EXPIRY = "expiry"
"""Who decided when nobody did."""

VOID = "void"
"""By what something is remembered that was stopped and became void before it was done."""

UNANSWERED = (EXPIRY, VOID)
"""By what it is remembered that people did not answer, or that their answer came to nothing."""


def start_throttles(connection: Connection, actions: Collection[ActionId], now: datetime) -> None:
    """Let the throttles of these actions begin, as if they had been executed.

    An event rule may fire again afterwards without its condition having been false in between.
    """
    moment = literal(now, UtcTime)
    for some in chunks(actions):
        rows = (
            select(_ACTION.c.rule, _ACTION.c.identity, _ACTION.c.target, moment, false())
            .where(_ACTION.c.id.in_(some))
            .distinct()
            .order_by(_ACTION.c.rule, _ACTION.c.identity, _ACTION.c.target)
        )
        fresh = _insert(connection, _MARK).from_select(
            ["rule", "identity", "target", "last_start", "held"], rows
        )
        connection.execute(
            fresh.on_conflict_do_update(
                index_elements=["rule", "identity", "target"],
                set_={"last_start": fresh.excluded.last_start, "held": false()},
            )
        )


def hold(
    connection: Connection,
    actions: Collection[ActionId],
    *,
    by: str,
    now: datetime,
    until: datetime,
) -> None:
    """Remember rejections, so that the same is not asked again at once.

    By one of `UNANSWERED` it is remembered that it has to be asked again.
    """
    for some in chunks(actions):
        rows = select(
            _ACTION.c.key,
            _ACTION.c.rule,
            _ACTION.c.identity,
            _ACTION.c.fingerprint,
            literal(until, UtcTime),
            literal(now, UtcTime),
            literal(by),
            literal(1),
        ).where(_ACTION.c.id.in_(some))
        fresh = _insert(connection, _HOLD).from_select(
            ["key", "rule", "identity", "fingerprint", "until", "at", "by", "times"], rows
        )
        names = ("rule", "identity", "fingerprint", "until", "at", "by")
        connection.execute(
            fresh.on_conflict_do_update(
                index_elements=["key"],
                set_={
                    **{name: fresh.excluded[name] for name in names},
                    "times": _HOLD.c.times + 1,
                },
            )
        )


def make_pending(connection: Connection, actions: Collection[ActionId]) -> None:
    """Let the next sync look at the identities of these actions again."""
    for some in chunks(actions):
        rows = select(_ACTION.c.identity).where(_ACTION.c.id.in_(some))
        make_identities_pending(connection, rows)


def let_fire_again(connection: Connection, actions: Collection[ActionId]) -> None:
    """Forget that the conditions of these events held: the events came to nothing."""
    for some in chunks(actions):
        events = select(_ACTION.c.rule, _ACTION.c.identity).where(
            _ACTION.c.id.in_(some), _ACTION.c.operation == Operation.EVENT
        )
        marks = tuple_(_MARK.c.rule, _MARK.c.identity).in_(events)
        connection.execute(update(_MARK).where(marks, _MARK.c.target == "").values(held=False))


def answer(connection: Connection, actions: Collection[ActionId]) -> None:
    """Forget that nobody answered about the keys of these actions: now somebody did.

    A rejection stays: it was about another change, or this one would not have been asked.
    """
    for some in chunks(actions):
        keys = select(_ACTION.c.key).where(_ACTION.c.id.in_(some))
        unanswered = _HOLD.c.by.in_(UNANSWERED)
        connection.execute(delete(_HOLD).where(_HOLD.c.key.in_(keys), unanswered))


def end_holds(connection: Connection, now: datetime) -> int:
    """Drop the rejections, and what nobody answered, whose time is over; return how many."""
    over = _HOLD.c.until <= now
    make_identities_pending(connection, select(_HOLD.c.identity).where(over))
    return connection.execute(delete(_HOLD).where(over)).rowcount


def make_identities_pending(connection: Connection, rows: Any) -> None:  # noqa: ANN401 - a SELECT
    """Let the next sync look at the identities that a query returns."""
    # everybody writes these in the same order, so that nobody waits for each other
    ordered = rows.where(true()).distinct().order_by("identity")
    fresh = _insert(connection, _PENDING).from_select(["identity"], ordered)
    connection.execute(
        fresh.on_conflict_do_update(
            index_elements=["identity"], set_={"run": None, "not_before": None}
        )
    )


def _insert(connection: Connection, table: Any) -> Any:  # noqa: ANN401 - two dialects, one use
    return (sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert)(table)
