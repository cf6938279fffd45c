"""Looks again at undos that wait or are queued, whenever a run looks at their identity.

No rule wants an undo; what counts is whether its object still is as the undone action left it. Then
it is wanted as it was shown. An object that was changed since ends it, one of which that cannot be
told lets it wait. While it is open, the undone change stays held back: its rule finds nothing to do
only because what it did is not taken back yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hypersync.model.actions import Action, is_undo, takes_back
from hypersync.model.ids import ActionId, IdentityId
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.evaluate import Look
from hypersync.pipeline.release import UNDONE
from hypersync.pipeline.undo.drafts import Drafter
from hypersync.pipeline.undo.inverse import Because, Found, Inverse, Kept, with_what_is_there
from hypersync.pipeline.undo.state import Stored
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.actions import OpenAction


@dataclass(slots=True)
class _Standing:
    """What there is to say about the open undos of one identity, by action key."""

    drafts: list[Draft] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    untold: dict[str, str] = field(default_factory=dict)
    kept: set[ActionId] = field(default_factory=set)


@dataclass(slots=True)
class OpenUndos:
    """The open undos that a run looks at, by identity."""

    _of: dict[IdentityId, _Standing] = field(default_factory=dict)

    @classmethod
    def read(cls, unit: UnitOfWork, engine: Engine, actions: Iterable[OpenAction]) -> OpenUndos:
        """Look at the objects of those of these actions that take others back."""
        ids = [each.id for each in actions if is_undo(each.rule)]
        found = cls()
        if not ids:
            return found
        undos = unit.actions.get(ids)
        silos, drafter = engine.silos, Drafter(engine)
        groups = {key for key, kind in silos.types.items() if kind.members is not None}
        stored = Stored(unit, slots=silos.slots, groups=groups)
        stored.read(undos)
        for action in undos:
            standing = found._of.setdefault(action.identity, _Standing())
            if takes_back(action.rule):
                standing.kept.add(action.id)
            if action.state in UNDONE:
                _place(standing, action, stored.found(action), drafter)
        return found

    def join(self, look: Look) -> Look:
        """Return a look that wants what is still to be undone."""
        standing = self._of.get(look.identity)
        if standing is None:
            return look
        asked = look.asked
        wanted = [each for each in standing.drafts if asked is None or each.rule.id in asked]
        return replace(
            look,
            drafts=[*look.drafts, *wanted],
            over=look.over | standing.over,
            untold={**look.untold, **standing.untold},
            kept=look.kept | standing.kept,
        )


def _place(standing: _Standing, action: Action, found: Found | None, drafter: Drafter) -> None:
    """Say of one undo that it is still wanted, certainly over, or why that cannot be told."""
    state = _looked_at(action, found, drafter)
    if isinstance(state, Draft):
        standing.drafts.append(state)
    elif state.because is Because.CHANGED:
        standing.over.add(action.key)
    else:
        standing.untold[action.key] = state.text


def _looked_at(action: Action, found: Found | None, drafter: Drafter) -> Draft | Kept:
    ability = drafter.ability(action)
    if ability is None or found is None or not drafter.knows(action.slot):
        return Kept(Because.UNKNOWN, "its object is no longer known")
    if found.identity != action.identity:
        return Kept(Because.UNKNOWN, "its object belongs to another identity by now")
    if not drafter.is_written(action.silo):
        return Kept(Because.READ_ONLY, f"the silo {action.silo} is read only")
    shown = Inverse(operation=action.operation, before=action.before, after=action.after)
    state = with_what_is_there(shown, found, ability)
    if isinstance(state, Kept):
        return state
    undoes = ActionId("") if action.undoes is None else action.undoes
    name = action.rule.removeprefix("undo:")
    return drafter.draft(action, shown, found, name=name, undoes=undoes)
