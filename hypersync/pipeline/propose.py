"""What a rule that fires would change: the second half of evaluating. Pure.

Gets one identity with its objects, and the rules whose pure part holds for it; returns drafts of
actions. Nothing here decides whether an action may run; that is `guard`.

Several rules about one thing: for one attribute of one slot the highest ``precedence`` among the
rules that hold and have a value decides, even when it agrees with what is there, so that the loser
never swings it back; of several rules that do the same the first in file order proposes; enable
against disable proposes nothing and is an error. A missing value leaves an attribute alone, unless
``clear_if_missing`` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hypersync.errors import EvaluationError
from hypersync.model.ids import ObjectId
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Attributes, Operation, Value
from hypersync.pipeline.drafts import Draft, Group, Identity, Problem, Types
from hypersync.pipeline.rivals import SWITCHES, contested, without_opposites, without_repeats
from hypersync.rulebook.compile import Evaluator
from hypersync.rulebook.nodes import Compiled
from hypersync.rulebook.operators import storable
from hypersync.rulebook.rules import Rule, Rulebook, RuleKind

MEMBER_SEPARATOR = "\x1f"


class Proposer:
    """Turns the rules that hold for an identity into drafts of actions."""

    def __init__(
        self,
        rulebook: Rulebook,
        evaluator: Evaluator,
        types: Types,
        groups: Mapping[str, Sequence[Group]],
    ) -> None:
        self._rulebook = rulebook
        self._evaluator = evaluator
        self._types = types
        self._groups = groups
        self._slots = {slot.name: index for index, slot in enumerate(rulebook.slots)}
        self._contested = contested(rulebook.rules)
        switches = {rule.do.operation for rule in rulebook.rules if rule.do is not None}
        self._is_torn = switches.issuperset(SWITCHES)
        self._makers: dict[RuleKind, Callable[[Rule, Identity], Iterable[Draft]]] = {
            RuleKind.PROVISION: self._provision,
            RuleKind.UPDATE: self._update,
            RuleKind.DEPROVISION: self._do,
            RuleKind.MEMBERSHIP: self._join_groups,
            RuleKind.EVENT: self._event,
        }

    def propose(
        self, identity: Identity, fired: Iterable[Rule], holding: Sequence[Rule] | None = None
    ) -> tuple[list[Draft], list[Problem]]:
        """Return the drafts of the rules that hold, and what went wrong with others.

        ``holding`` are all rules that hold when ``fired`` are only those that are asked.
        """
        fired = list(fired)
        drafts: list[Draft] = []
        problems: list[Problem] = []
        for rule in fired:
            try:
                drafts += self._makers[rule.kind](rule, identity)
            except EvaluationError as error:
                problems.append(Problem(rule.id, identity.id, error.code, error.message))
        if len(drafts) > 1:
            drafts = without_repeats(drafts)
        if self._is_torn:
            drafts = without_opposites(drafts, fired, holding or fired, identity.id, problems)
        if self._contested:
            drafts = self._without_losers(identity, drafts, problems)
        _name(drafts, identity)
        return drafts, problems

    def leave_groups(self, identity: Identity, rule: Rule) -> list[Draft]:
        """Propose to remove a member whom an authoritative rule cleanly does not want."""
        slot = self._slots[rule.target]
        row = identity.rows[slot]
        if row is None:
            return []
        groups = self._groups.get(rule.id)
        if groups is None:
            raise EvaluationError("its groups cannot be told")
        reference = self._reference(identity, slot)
        stays = [group for group in groups if group.has(reference)]
        if not stays or not self._is_cleanly_false(rule, identity):
            return []
        member = {"member": row[1]}
        drafts = [
            self._membership(rule, identity, group, Operation.REMOVE_MEMBER, member, None)
            for group in stays
        ]
        _name(drafts, identity)
        return drafts

    # --- one maker per kind --------------------------------------------------------------------

    def _provision(self, rule: Rule, identity: Identity) -> Iterable[Draft]:
        slot = self._rulebook.slots[self._slots[rule.target]]
        values = {name: storable(self._value(what, identity)) for name, what in rule.set.items()}
        once = {name: storable(self._value(what, identity)) for name, what in rule.once.items()}
        values = {name: value for name, value in values.items() if value is not None}
        if rule.place is not None:
            values["dn"] = self._dn(rule, identity)
        missing = [n for n in rule.required if values.get(n) is None and once.get(n) is None]
        if missing:
            raise EvaluationError(f"required and missing: {', '.join(missing)}")
        kind = (slot.silo, slot.type)
        name, needed = self._types.anchors.get(kind), self._types.anchor_to_set(kind)
        anchor = None if name is None else values.get(name) or once.get(name)
        if needed is not None and anchor is None:
            raise EvaluationError(f"the anchor {needed} is missing; the rule has to set it")
        return [
            Draft(
                rule=rule,
                identity=identity.id,
                object_id=None,
                silo=slot.silo,
                type=slot.type,
                anchor=None if anchor is None else str(anchor),
                slot=rule.target,
                operation=Operation.CREATE,
                before=None,
                after=values,
                once={name: value for name, value in once.items() if value is not None},
            )
        ]

    def _dn(self, rule: Rule, identity: Identity) -> str:
        assert rule.place is not None  # noqa: S101 - the caller looked
        parent = self._value(rule.place.parent, identity)
        rdn = self._value(rule.place.rdn, identity)
        if parent is None or rdn is None:
            raise EvaluationError("the place is missing: parent or rdn has no value")
        return f"{rdn!s},{parent!s}"

    def _update(self, rule: Rule, identity: Identity) -> Iterable[Draft]:
        if rule.do is not None:
            return self._do(rule, identity)
        slot = self._slots[rule.target]
        after = self._evaluator.changes(
            rule.index, identity.objects, identity.gone, identity.outside, identity.invalid
        )
        if not after:
            return ()
        layout, held = self._evaluator.layouts[slot], identity.objects[slot]
        before = {name: layout.read(held, name) for name in after}
        return [self._on_object(rule, identity, slot, Operation.UPDATE, before, after)]

    def _do(self, rule: Rule, identity: Identity) -> Iterable[Draft]:
        if rule.do is None:
            return ()
        slot = self._slots[rule.target]
        operation = Operation(rule.do.operation)
        match operation:
            case Operation.ENABLE | Operation.DISABLE:
                return self._switch(rule, identity, slot, operation)
            case Operation.MOVE | Operation.RENAME:
                return self._relocate(rule, identity, slot, operation)
            case _:
                before = identity.attributes(slot)
                return [self._on_object(rule, identity, slot, Operation.DELETE, before, None)]

    def _switch(
        self, rule: Rule, identity: Identity, slot: int, operation: Operation
    ) -> Iterable[Draft]:
        spec = self._rulebook.slots[slot].enabled
        if spec is None:
            raise EvaluationError(f"{rule.target} does not say how enabled is stored")
        attributes = identity.attributes(slot)
        is_on, wanted = spec.state(attributes), operation is Operation.ENABLE
        if is_on is wanted:
            return ()
        before = {spec.attribute: attributes.get(spec.attribute)}
        after = {spec.attribute: spec.when_on if wanted else spec.when_off}
        return [self._on_object(rule, identity, slot, operation, before, after)]

    def _relocate(
        self, rule: Rule, identity: Identity, slot: int, operation: Operation
    ) -> Iterable[Draft]:
        assert rule.do is not None  # noqa: S101 - the caller looked
        assert rule.do.argument is not None  # noqa: S101 - checked when loaded
        wanted = self._value(rule.do.argument, identity)
        now = identity.attributes(slot).get("dn")
        if wanted is None:
            return ()
        if not isinstance(now, str):
            raise EvaluationError(f"{rule.target} has no dn to {operation.value}")
        own, parent = split_dn(now)
        goal = f"{own},{wanted!s}" if operation is Operation.MOVE else f"{wanted!s},{parent}"
        if normal_reference(goal) == normal_reference(now):
            return ()
        return [self._on_object(rule, identity, slot, operation, {"dn": now}, {"dn": goal})]

    def _join_groups(self, rule: Rule, identity: Identity) -> Iterable[Draft]:
        slot = self._slots[rule.target]
        row = identity.rows[slot]
        groups = self._groups.get(rule.id)
        if groups is None:
            raise EvaluationError("its groups cannot be told")
        if row is None:
            return []
        reference = self._reference(identity, slot)
        member = {"member": row[1]}
        return [
            self._membership(rule, identity, group, Operation.ADD_MEMBER, None, member)
            for group in groups
            if not group.has(reference)
        ]

    def _event(self, rule: Rule, identity: Identity) -> Iterable[Draft]:
        address = "" if rule.do is None else str(rule.do.address or "")
        return [
            Draft(
                rule=rule,
                identity=identity.id,
                object_id=None,
                silo="",
                type="",
                anchor=None,
                slot="",
                operation=Operation.EVENT,
                before=None,
                after={"webhook": address, "repeatable": rule.repeatable},
            )
        ]

    # --- several rules about one thing ---------------------------------------------------------

    def _without_losers(
        self, identity: Identity, drafts: list[Draft], problems: list[Problem]
    ) -> list[Draft]:
        """Drop the attributes that a rule of higher precedence has a value for.

        A weaker rule waits, with a problem, while it cannot be told what the stronger one wants.
        """
        kept = []
        for draft in drafts:
            try:
                self._drop_lost(draft, identity)
            except EvaluationError as error:
                problems.append(Problem(draft.rule.id, identity.id, error.code, error.message))
                continue
            if draft.operation is not Operation.UPDATE or draft.after:
                kept.append(draft)
        return kept

    def _drop_lost(self, draft: Draft, identity: Identity) -> None:
        if draft.operation is not Operation.UPDATE or draft.after is None:
            return
        lost = [name for name in draft.after if self._is_beaten(draft, name, identity)]
        if lost:
            draft.after = {n: v for n, v in draft.after.items() if n not in lost}
            draft.before = {n: v for n, v in (draft.before or {}).items() if n not in lost}

    def _is_beaten(self, draft: Draft, name: str, identity: Identity) -> bool:
        return any(
            self._has_value(rule, name, identity)
            for rule in self._contested.get((draft.slot, name), ())
            if (rule.precedence or 0) > (draft.rule.precedence or 0)
        )

    def _has_value(self, rule: Rule, name: str, identity: Identity) -> bool:
        states = (identity.objects, identity.gone, identity.outside, identity.invalid)
        try:
            if not self._evaluator.rule(rule.index, *states):
                return False
            has = self._evaluator.value(rule.set[name], *states) is not None
        except EvaluationError as error:
            text = f"{rule.id}, which is stronger, cannot be told: {error.message}"
            raise EvaluationError(text) from error
        return has or name in rule.clear_if_missing

    # --- small parts ---------------------------------------------------------------------------

    def _value(self, what: Any, identity: Identity) -> Value:  # noqa: ANN401 - a compiled expression
        value: Value = self._evaluator.value(
            what, identity.objects, identity.gone, identity.outside, identity.invalid
        )
        return value

    def _is_cleanly_false(self, rule: Rule, identity: Identity) -> bool:
        return self._evaluator.is_cleanly_false(
            rule.index, identity.objects, identity.gone, identity.outside, identity.invalid
        )

    def _reference(self, identity: Identity, slot: int) -> str:
        row = identity.rows[slot]
        dn = identity.attributes(slot).get("dn")
        return normal_reference(dn if isinstance(dn, str) else "" if row is None else row[1])

    def _on_object(
        self,
        rule: Rule,
        identity: Identity,
        slot: int,
        operation: Operation,
        before: Attributes,
        after: Attributes | None,
    ) -> Draft:
        row = identity.rows[slot]
        assert row is not None  # noqa: S101 - rules other than provision need a filled slot
        known = self._rulebook.slots[slot]
        own = self._types.signs_in.get(known.silo)
        return Draft(
            rule=rule,
            identity=identity.id,
            object_id=ObjectId(row[0]),
            silo=known.silo,
            type=known.type,
            anchor=row[1],
            slot=known.name,
            operation=operation,
            before=before,
            after=after,
            is_self=own is not None and own == self._reference(identity, slot),
        )

    def _membership(
        self,
        rule: Rule,
        identity: Identity,
        group: Group,
        operation: Operation,
        before: Attributes | None,
        after: Attributes | None,
    ) -> Draft:
        member = (after or before or {})["member"]
        slot = self._slots[rule.target]
        own = self._types.signs_in.get(self._rulebook.slots[slot].silo)
        return Draft(
            rule=rule,
            identity=identity.id,
            object_id=group.object_id,
            silo=group.silo,
            type=group.type,
            anchor=group.anchor,
            slot=rule.target,
            operation=operation,
            before=before,
            after=after,
            target=f"{group.anchor}{MEMBER_SEPARATOR}{member!s}",
            is_self=own is not None and own == self._reference(identity, slot),
            group=group.name,
        )


def _name(drafts: list[Draft], identity: Identity) -> None:
    """Say who drafts are about, and keep the identity where a guard has to ask it more."""
    name = identity.name() if drafts else ""
    for draft in drafts:
        draft.name = name
        if draft.rule.counting is not None or isinstance(draft.rule.throttle, Compiled):
            draft.seen = identity


def split_dn(dn: str) -> tuple[str, str]:
    """Split a distinguished name into its first part and its parent; escaped commas stay."""
    position = 0
    while (position := dn.find(",", position)) >= 0:
        backslashes = len(dn[:position]) - len(dn[:position].rstrip("\\"))
        if backslashes % 2 == 0:
            return dn[:position], dn[position + 1 :]
        position += 1
    return dn, ""
