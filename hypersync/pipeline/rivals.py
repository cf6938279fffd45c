"""Several rules about one thing: who repeats, opposes and contests whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hypersync.model.ids import IdentityId
from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Draft, Problem
from hypersync.rulebook.rules import Rule, RuleKind

SWITCHES: Final = (Operation.ENABLE, Operation.DISABLE)


def without_repeats(drafts: list[Draft]) -> list[Draft]:
    """Keep the first of several rules that do the same to one object."""
    kept: list[Draft] = []
    seen: set[tuple[object, ...]] = set()
    for draft in drafts:
        what = (draft.slot, draft.operation, draft.target)
        if draft.operation not in (Operation.UPDATE, Operation.EVENT):
            if what in seen:
                continue
            seen.add(what)
        kept.append(draft)
    return kept


def without_opposites(
    drafts: list[Draft],
    fired: Iterable[Rule],
    holding: Iterable[Rule],
    identity: IdentityId,
    problems: list[Problem],
) -> list[Draft]:
    """Refuse to enable and to disable at once.

    The rules count, not what they would change: the one that has nothing to change now would
    undo the other in the next run.
    """
    switching: dict[str, dict[Operation, list[Rule]]] = {}
    for rule in holding:
        if rule.do is not None and rule.do.operation in SWITCHES:
            switching.setdefault(rule.target, {}).setdefault(rule.do.operation, []).append(rule)
    torn = {slot: rules for slot, rules in switching.items() if len(rules) > 1}
    for rule in fired:
        if rule.target in torn and rule.do is not None and rule.do.operation in SWITCHES:
            names = [each.id for rules in torn[rule.target].values() for each in rules]
            text = f"enable and disable at once: {' against '.join(names)}"
            problems.append(Problem(rule.id, identity, "conflict", text))
    return [draft for draft in drafts if draft.slot not in torn or draft.operation not in SWITCHES]


def contested(rules: Iterable[Rule]) -> dict[tuple[str, str], list[Rule]]:
    """Return the rules that write an attribute which several rules write."""
    writers: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        if rule.kind is RuleKind.UPDATE:
            for name in rule.set:
                writers.setdefault((rule.target, name), []).append(rule)
    return {where: found for where, found in writers.items() if len(found) > 1}
