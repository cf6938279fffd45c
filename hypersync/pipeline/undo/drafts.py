"""Turns what takes actions back into drafts, so that the guards see an undo like anything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hypersync.model.actions import Action, is_undo, takes_back, undone_rule
from hypersync.model.ids import ActionId
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.propose import MEMBER_SEPARATOR
from hypersync.pipeline.undo.inverse import Ability, Found, Inverse
from hypersync.ports.connector import recreates
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.marks import UndoHold
from hypersync.rulebook.rules import Rule, RuleKind
from hypersync.rulebook.stand_in import undoing, undoing_gone


@dataclass(slots=True)
class Drafter:
    """Makes the drafts of one run; ``rules`` are those that judge them, by name."""

    engine: Engine
    rules: dict[str, Rule] = field(default_factory=dict)

    def ability(self, action: Action) -> Ability | None:
        """Return what can be done to objects of an action's type, ``None`` when it is gone."""
        where = (action.silo, action.type)
        kind = self.engine.silos.types.get(where)
        if kind is None:
            return None
        connector = self.engine.silos.connectors.get(action.silo)
        return Ability(
            kind=kind,
            anchor=self.engine.types.anchor_to_set(where),
            recreates=connector is not None and recreates(connector, action.type),
        )

    def knows(self, slot: str) -> bool:
        """Tell whether there is such a slot."""
        return slot in self.engine.silos.slots

    def draft(
        self, action: Action, wanted: Inverse, found: Found, *, name: str, undoes: ActionId
    ) -> Draft:
        """Return the draft of an undo on an action's object.

        ``name`` is what the undone action is called after, ``undoes`` the undone action.
        """
        return Draft(
            rule=self._rule(name, action),
            identity=found.identity,
            object_id=found.id,
            silo=action.silo,
            type=action.type,
            anchor=action.anchor,
            slot=action.slot,
            operation=wanted.operation,
            before=wanted.before,
            after=wanted.after,
            target=_target(action),
            name=action.title,
            is_self=self._is_self(action, found),
            undoes=undoes,
        )

    def is_written(self, silo: str) -> bool:
        """Tell whether HyperSync may write to a silo."""
        return silo not in self.engine.silos.read_only

    def _rule(self, name: str, action: Action) -> Rule:
        """Return what judges the undo of an action; a rule of another kind by now is another."""
        if name not in self.rules:
            rulebook = self.engine.rulebook
            known = rulebook.rule(undone_rule(name))
            kind = RuleKind(action.kind)
            vips = tuple(vip.name for vip in rulebook.vips)
            self.rules[name] = (
                undoing_gone(name, kind, action.slot, vips)
                if known is None or known.kind is not kind
                else undoing(known, name, action.slot)
            )
        return self.rules[name]

    def _is_self(self, action: Action, found: Found) -> bool:
        """Tell whether this, or the member it is about, is the account HyperSync signs in with."""
        own = self.engine.types.signs_in.get(action.silo)
        if found.member_reference is not None:
            return own is not None and own == found.member_reference
        dn = found.attributes.get("dn")
        return own is not None and own == normal_reference(
            dn if isinstance(dn, str) else action.anchor or ""
        )


def _target(action: Action) -> str:
    """Return group and member, nothing for what is no membership."""
    if action.operation not in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        return ""
    member = (action.after or action.before or {}).get("member")
    return f"{action.anchor}{MEMBER_SEPARATOR}{member!s}"


def what_is_undone(
    unit: UnitOfWork, undos: Sequence[ActionId], until: datetime
) -> Sequence[UndoHold]:
    """Return the changes of rules that these undos take back, to be held until then.

    What does such a change again takes none back.
    """
    if not undos:
        return ()
    taking = [each for each in unit.actions.get(undos) if takes_back(each.rule)]
    return [
        UndoHold(
            undo=undo.id,
            run=undo.run,
            rule=root.rule,
            identity=undo.identity,
            object_id=undo.object_id,
            slot=root.slot,
            target=_target(root),
            operation=root.operation,
            before=root.before,
            after=root.after,
            until=until,
        )
        for undo, root in _roots(unit, taking)
    ]


def _roots(unit: UnitOfWork, undos: Iterable[Action]) -> Iterator[tuple[Action, Action]]:
    """Yield undos with the rule's own action behind each, through undos of undos."""
    waiting = [(undo, undo) for undo in undos]
    while waiting:
        ids = [each.undoes for _, each in waiting if each.undoes is not None]
        known = {each.id: each for each in unit.actions.get(ids)}
        further = []
        for undo, step in waiting:
            behind = None if step.undoes is None else known.get(step.undoes)
            if behind is not None and is_undo(behind.rule):
                further.append((undo, behind))
            elif behind is not None:
                yield undo, behind
        waiting = further
