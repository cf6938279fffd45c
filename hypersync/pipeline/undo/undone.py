"""Tells what of a wish would redo what was undone: this is held back, the rest goes on. Pure.

An undo holds its change, not its key: attribute by attribute, whatever became of the rule's text
since. A value is held where the rule would write it again over one that an undo put back; two undos
of one object hold both. A wish for another value, or over another one, is another change.

Failure direction: hold. Values are compared as silos spell them, and what writes several attributes
in one operation (a move, a switch) is held whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from hypersync.model.objects import Attributes, Operation
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.undo.inverse import is_same
from hypersync.ports.store.marks import UndoHold

_WHOLE = frozenset({Operation.DELETE, Operation.ADD_MEMBER, Operation.REMOVE_MEMBER})


def without_undone(
    draft: Draft, holds: Iterable[UndoHold], now: datetime
) -> tuple[Draft | None, Sequence[UndoHold]]:
    """Return what of a draft redoes nothing, ``None`` for nothing, and what holds the rest."""
    about = [each for each in holds if now < each.until and _is_about(each, draft)]
    match draft.operation:
        case Operation.CREATE:
            held = [each for each in about if _is_same_creation(each, draft)]
        case operation if operation in _WHOLE:
            held = [each for each in about if each.operation is operation]
        case _:
            return _without_values(draft, about)
    return (None if held else draft), held


def held_text(holds: Sequence[UndoHold], names: Sequence[str] = ()) -> str:
    """Say which runs took a change back, or only these attributes of it, and until when."""
    runs = ", ".join(dict.fromkeys(each.run for each in holds))
    until = max(each.until for each in holds)
    what = f" ({', '.join(names)})" if names else ""
    return f"held back{what}: undone by run {runs}; it holds until {until:%Y-%m-%d %H:%M} UTC"


def _is_about(hold: UndoHold, draft: Draft) -> bool:
    """Tell whether a hold is of the same rule, and the same object or slot."""
    if hold.rule != draft.rule.id or hold.target != draft.target:
        return False
    if draft.object_id is None:
        return hold.operation is draft.operation and hold.slot == draft.slot
    return hold.operation is not Operation.CREATE and hold.object_id == draft.object_id


def _is_same_creation(hold: UndoHold, draft: Draft) -> bool:
    """Tell whether the object that is created again is the undone one, where both say something."""
    undone, wanted = hold.after or {}, draft.after or {}
    return all(is_same(name, undone[name], wanted[name]) for name in undone.keys() & wanted.keys())


def _without_values(
    draft: Draft, about: Sequence[UndoHold]
) -> tuple[Draft | None, Sequence[UndoHold]]:
    before, after = draft.before or {}, draft.after or {}
    held = {name: hold for name in after if (hold := _holding(name, before, after, about))}
    if not held:
        return draft, ()
    holds = tuple(held.values())
    if draft.operation is not Operation.UPDATE or len(held) == len(after):
        return None, holds
    rest = {name: value for name, value in after.items() if name not in held}
    there = {name: value for name, value in before.items() if name not in held}
    return replace(draft, before=there, after=rest), holds


def _holding(
    name: str, before: Attributes, after: Attributes, about: Sequence[UndoHold]
) -> UndoHold | None:
    """Return what holds one attribute: it was undone to this value, and from what is there."""
    wrote = [each for each in about if name in (each.after or {})]
    if not any(is_same(name, (each.before or {}).get(name), before.get(name)) for each in wrote):
        return None
    return next(
        (each for each in wrote if is_same(name, (each.after or {}).get(name), after[name])), None
    )
