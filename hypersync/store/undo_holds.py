"""Lets undone changes go again once they are not, or no longer, taken back.

While an undo is open, and after it succeeded, the change that it takes back is held: its rule must
not redo it. An undo that came to nothing frees it, and so does one that did the change again, in
the transaction that records how it ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection, Row

from hypersync.model.actions import OPEN_STATES, UNDO, ActionState
from hypersync.store import tables
from hypersync.store.bulk import chunks

_ACTION = tables.action
_HOLD = tables.hold
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
_DONE = frozenset({ActionState.SUCCEEDED})
_GOES_ON = OPEN_STATES | _DONE | {ActionState.PROPOSED}


def let_go(connection: Connection, moved: Iterable[Row[Any]]) -> None:
    """Free what is no longer taken back, now that these actions changed their state.

    Rows have ``rule``, ``undoes`` and the new ``state``. What another undo goes on to take back
    stays held.
    """
    undos = [row for row in moved if row.undoes is not None]
    again = {row.undoes for row in undos if not _takes_back(row) and row.state in _DONE}
    ended = {row.undoes for row in undos if _takes_back(row) and row.state in _TO_NOTHING}
    freed = again | (ended - _still_undone(connection, ended))
    for some in chunks(sorted(_root_keys(connection, freed))):
        mine = delete(_HOLD).where(_HOLD.c.key.in_(some), _HOLD.c.by.startswith(UNDO))
        connection.execute(mine)


def _takes_back(undo: Row[Any]) -> bool:
    """Tell whether an undo takes a rule's change back, rather than doing it again."""
    return bool(undo.rule.count(UNDO) % 2)


def _still_undone(connection: Connection, actions: Collection[str]) -> set[str]:
    """Return those of these actions that something else takes back or took back."""
    found: set[str] = set()
    for some in chunks(sorted(actions)):
        query = select(_ACTION.c.undoes).where(
            _ACTION.c.undoes.in_(some), _ACTION.c.state.in_(_GOES_ON)
        )
        found |= set(connection.execute(query).scalars())
    return found


def _root_keys(connection: Connection, actions: Collection[str]) -> set[str]:
    """Return the keys of the rules' own actions behind these, through undos of undos."""
    keys = set()
    asked = set(actions)
    while asked:
        rows: list[Row[Any]] = []
        for some in chunks(sorted(asked)):
            query = select(_ACTION.c.key, _ACTION.c.undoes).where(_ACTION.c.id.in_(some))
            rows += connection.execute(query)
        keys |= {row.key for row in rows if row.undoes is None}
        asked = {row.undoes for row in rows if row.undoes is not None}
    return keys
