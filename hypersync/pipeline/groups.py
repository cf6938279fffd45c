"""Finds the groups of membership rules, and who is in them."""

from __future__ import annotations

from functools import partial

from hypersync.errors import EvaluationError
from hypersync.model.ids import ObjectId
from hypersync.model.runs import RunError
from hypersync.pipeline.drafts import Group
from hypersync.ports.store import UnitOfWork
from hypersync.rulebook.rules import Rule, Rulebook


def load_groups(
    unit: UnitOfWork, rulebook: Rulebook, errors: list[RunError], *, everybody: bool
) -> dict[str, list[Group]]:
    """Return the groups of each membership rule, by rule id.

    A rule whose groups cannot be told has none, so that it proposes nothing, and is in ``errors``.

    With ``everybody`` all members are read at once, for runs that ask about most identities;
    otherwise each question is one keyed lookup.
    """
    found = {}
    for rule in rulebook.rules:
        if rule.group is None:
            continue
        try:
            found[rule.id] = _groups_of(unit, rulebook, rule, everybody=everybody)
        except EvaluationError as error:
            text = f"its groups cannot be told: {error.message}"
            errors.append(RunError(rule.id, None, error.code, text))
    return found


def _groups_of(unit: UnitOfWork, rulebook: Rulebook, rule: Rule, *, everybody: bool) -> list[Group]:
    assert rule.group is not None  # noqa: S101 - the caller looked
    slot = rulebook.slot(rule.group.slot)
    groups = []
    for stored in unit.objects.of_slot(slot.silo, slot.type, slot.name):
        if not rule.group.matches(stored.attributes):
            continue
        object_id = ObjectId(stored.id)
        if everybody:
            has = frozenset(unit.objects.references(object_id)).__contains__
        else:
            has = partial(unit.objects.refers, object_id)
        name = str(stored.attributes.get("cn") or stored.anchor)
        groups.append(Group(object_id, slot.silo, slot.type, stored.anchor, name, has))
    return groups
