"""Stores which changes were taken back, or are to be, so that their rules do not redo them.

Each undo holds its own change, from the transaction that makes it visible on, while it is open and
after it succeeded. An undo that came to nothing frees it, and so does one that did the change
again, in the transaction that records how it ended. Whose change is free is looked at again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, select
from sqlalchemy.engine import Connection, Row

from hypersync.model.actions import ActionState, takes_back
from hypersync.model.canonical import decode_mapping
from hypersync.model.ids import ActionId, IdentityId
from hypersync.ports.store.marks import UndoHold
from hypersync.store import tables
from hypersync.store.aftermath import make_identities_pending
from hypersync.store.bulk import chunks

_HOLD = tables.undo_hold
_TO_NOTHING = frozenset(
    {
        ActionState.CONFLICT,
        ActionState.FAILED,
        ActionState.REJECTED,
        ActionState.CLEARED,
        ActionState.STALE,
        ActionState.VOID,
    }
)


def hold(connection: Connection, holds: Sequence[UndoHold], now: datetime) -> None:
    """Hold back what these undos take back."""
    if holds:
        connection.execute(insert(_HOLD), [_row(each, now) for each in holds])


def hold_of(row: Row[Any]) -> UndoHold:
    """Build the value of one row."""
    return UndoHold(
        undo=row.undo,
        run=row.run,
        rule=row.rule,
        identity=row.identity,
        object_id=row.object,
        slot=row.slot,
        target=row.target,
        operation=row.operation,
        before=decode_mapping(row.before),
        after=decode_mapping(row.after),
        until=row.until,
    )


def _row(held: UndoHold, now: datetime) -> dict[str, object]:
    return {
        "undo": held.undo,
        "identity": held.identity,
        "run": held.run,
        "rule": held.rule,
        "object": held.object_id,
        "slot": held.slot,
        "target": held.target,
        "operation": held.operation,
        "before": held.before,
        "after": held.after,
        "until": held.until,
        "at": now,
    }


def drop(connection: Connection, holds: Collection[tuple[ActionId, IdentityId]]) -> None:
    """Forget what these undos hold for these identities, which are being looked at."""
    if holds:
        one = delete(_HOLD).where(
            _HOLD.c.undo == bindparam("which"), _HOLD.c.identity == bindparam("of")
        )
        connection.execute(one, [{"which": undo, "of": whose} for undo, whose in sorted(holds)])


def end(connection: Connection, now: datetime) -> int:
    """Free what was held long enough; return how much."""
    return _free(connection, _HOLD.c.until <= now)


def let_go(connection: Connection, moved: Iterable[Row[Any]]) -> None:
    """Free what is no longer taken back, now that these actions changed their state.

    Rows have ``id``, ``rule``, ``undoes`` and the new ``state``.
    """
    undos = [row for row in moved if row.undoes is not None]
    ended = {row.id for row in undos if takes_back(row.rule) and row.state in _TO_NOTHING}
    again = {
        row.undoes
        for row in undos
        if not takes_back(row.rule) and row.state is ActionState.SUCCEEDED
    }
    for some in chunks(sorted(ended | again)):
        _free(connection, _HOLD.c.undo.in_(some))


def _free(connection: Connection, which: ColumnElement[bool]) -> int:
    make_identities_pending(connection, select(_HOLD.c.identity).where(which))
    return connection.execute(delete(_HOLD).where(which)).rowcount
