"""Finds what an undo takes back: goes through what a run did, the last first.

Failure direction: what cannot be taken back, was changed since, or cannot be told is left as it is,
with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from hypersync.model.actions import Action
from hypersync.model.ids import ActionId, IdentityId, RunId
from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.execute import PHASES
from hypersync.pipeline.undo.drafts import Drafter
from hypersync.pipeline.undo.inverse import (
    Because,
    Found,
    Inverse,
    Kept,
    inverse,
    still_to_undo,
    with_what_is_there,
)
from hypersync.pipeline.undo.irreversible import is_irreversible
from hypersync.pipeline.undo.state import ObjectKey, Stored, object_key
from hypersync.ports.progress import Progress
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.actions import OpenAction

_BATCH = 1_000


@dataclass(slots=True)
class Undone:
    """What an undo found besides its drafts.

    ``cannot`` are the actions that are left as they are, ``incomplete`` those whose undo does not
    bring everything back, by id, each with the reason.
    """

    cannot: list[tuple[Action, Kept]] = field(default_factory=list)
    incomplete: dict[ActionId, tuple[Action, str]] = field(default_factory=dict)


class Survey:
    """Goes through the actions of a run; ``undone`` is what it notes.

    ``needs`` says which undone action has to be taken back before another: its object comes back.
    """

    def __init__(self, engine: Engine, undone: Undone) -> None:
        self._engine = engine
        self._undone = undone
        self._originals: dict[ActionId, Action] = {}
        self._restored: dict[ObjectKey, ActionId] = {}
        self._taken: set[str] = set()
        self.needs: dict[ActionId, ActionId] = {}
        self.drafter = Drafter(engine)

    def drafts(
        self, unit: UnitOfWork, run: RunId, rule: str | None, progress: Progress
    ) -> dict[IdentityId, list[Draft]]:
        """Return by identity what takes a run back, or what it did for one rule."""
        progress.start("undoing", None)
        silos = self._engine.silos
        groups = {key for key, kind in silos.types.items() if kind.members is not None}
        stored = Stored(unit, slots=silos.slots, groups=groups)
        drafts: dict[IdentityId, list[Draft]] = {}
        actions = (
            each
            for operations in reversed(PHASES)
            for each in unit.actions.carried_out(run, operations)
            if rule in (None, each.rule)
        )
        while batch := list(islice(actions, _BATCH)):
            for draft in self._of_batch(unit, stored, batch):
                drafts.setdefault(draft.identity, []).append(draft)
            progress.advance(len(batch))
        return drafts

    def leave(self, drafts: Iterable[Draft], why: Kept) -> None:
        """Leave the actions behind these drafts as they are after all."""
        for draft in drafts:
            if draft.undoes in self._originals:
                self._undone.cannot.append((self._originals[draft.undoes], why))
                self._undone.incomplete.pop(draft.undoes, None)

    def _of_batch(
        self, unit: UnitOfWork, stored: Stored, batch: Sequence[Action]
    ) -> Iterator[Draft]:
        undoers = unit.actions.undoers([each.id for each in batch])
        stored.read(batch)
        waiting = unit.actions.open(stored.concerned(batch))
        for action in batch:
            draft = self._draft(action, undoers, waiting, stored)
            if isinstance(draft, Kept):
                self._undone.cannot.append((action, draft))
            else:
                yield draft

    def _draft(
        self,
        action: Action,
        undoers: Mapping[ActionId, Sequence[Action]],
        waiting: Mapping[str, OpenAction],
        stored: Stored,
    ) -> Draft | Kept:
        """Return what takes an action back, and go on as if it had; or why it is left as it is."""
        found = stored.found(action)
        wanted = self._wanted(action, undoers, found)
        if isinstance(wanted, Kept):
            return wanted
        assert found is not None  # noqa: S101 - there is no undo of what is not stored
        draft = self.drafter.draft(action, wanted, found, name=action.rule, undoes=action.id)
        kept = self._in_turn(draft, waiting)
        if kept is None:
            stored.write(action, wanted)
            self._note(action, wanted, stored)
        return kept or draft

    def _in_turn(self, draft: Draft, waiting: Mapping[str, OpenAction]) -> Kept | None:
        """Say what has to end first: one undo at a time of a rule's changes to an object."""
        other = waiting.get(draft.key)
        if other is not None:
            text = f"run {other.run} undoes another of its changes: undo it after {other.id}"
            return Kept(Because.WAITING, f"{text}, which is {other.state.value}")
        if draft.key in self._taken:
            text = "a later change of the same run is taken back first; undo the run again then"
            return Kept(Because.WAITING, text)
        self._taken.add(draft.key)
        return None

    def _note(self, action: Action, wanted: Inverse, stored: Stored) -> None:
        """Note what does not come back, and what comes back before something else."""
        self._originals[action.id] = action
        if wanted.loses:
            self._undone.incomplete[action.id] = (action, wanted.loses)
        key = object_key(action)
        for each in (key, stored.member_key(action)):
            if each in self._restored:
                self.needs[action.id] = self._restored[each]
        if key is not None and wanted.operation is Operation.CREATE:
            self._restored[key] = action.id

    def _wanted(
        self, action: Action, undoers: Mapping[ActionId, Sequence[Action]], found: Found | None
    ) -> Inverse | Kept:
        """Return what takes an action back now, or why it is left as it is."""
        kept = still_to_undo(action, undoers)
        if kept is not None:
            return kept
        if action.operation is Operation.EVENT:
            return Kept(Because.IRREVERSIBLE, is_irreversible(action.operation, recreates=False))
        ability = self.drafter.ability(action)
        if ability is None or not self.drafter.knows(action.slot):
            text = "its object type or its slot is no longer in the configuration"
            return Kept(Because.UNKNOWN, text)
        if not self.drafter.is_written(action.silo):
            return Kept(Because.READ_ONLY, f"the silo {action.silo} is read only: `write: false`")
        wanted = inverse(action, ability)
        return wanted if isinstance(wanted, Kept) else with_what_is_there(wanted, found, ability)
