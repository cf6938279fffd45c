"""Turns what takes actions back into drafts, so that the guards see an undo like anything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hypersync.model.actions import UNDO, Action, is_undo, undone_rule
from hypersync.model.ids import ActionId
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.engine import Engine
from hypersync.pipeline.propose import MEMBER_SEPARATOR
from hypersync.pipeline.undo import Ability, Found, Inverse
from hypersync.ports.connector import recreates
from hypersync.ports.store import UnitOfWork
from hypersync.rulebook.rules import Rule, RuleKind
from hypersync.rulebook.stand_in import undoing, undoing_gone

_KINDS = {
    Operation.CREATE: RuleKind.PROVISION,
    Operation.UPDATE: RuleKind.UPDATE,
    Operation.ADD_MEMBER: RuleKind.MEMBERSHIP,
    Operation.REMOVE_MEMBER: RuleKind.MEMBERSHIP,
    Operation.EVENT: RuleKind.EVENT,
}


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
            anchor=self.engine.types.anchors.get(where),
            recreates=connector is not None and recreates(connector),
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

    def _rule(self, name: str, action: Action) -> Rule:
        if name not in self.rules:
            known = self.engine.rulebook.rule(undone_rule(name))
            kind = _KINDS.get(action.operation, RuleKind.DEPROVISION)
            self.rules[name] = (
                undoing_gone(name, kind, action.slot)
                if known is None
                else undoing(known, name, action.slot)
            )
        return self.rules[name]

    def _is_self(self, action: Action, found: Found) -> bool:
        """Tell whether this is the account that HyperSync signs in with."""
        own = self.engine.types.signs_in.get(action.silo)
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


def is_held(undo: Action) -> bool:
    """Tell whether an undo takes a rule's change back, rather than doing it again."""
    return undo.rule.count(UNDO) % 2 == 1


def roots(unit: UnitOfWork, undos: Iterable[Action]) -> Iterator[tuple[Action, Action]]:
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
