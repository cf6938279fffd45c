"""Finds the groups of membership rules, and who is in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from hypersync.errors import EvaluationError
from hypersync.model.ids import ObjectId
from hypersync.model.objects import ObjectType
from hypersync.model.runs import RunError
from hypersync.pipeline import parting
from hypersync.pipeline.drafts import Group
from hypersync.ports.store import UnitOfWork
from hypersync.rulebook.rules import Rule, Rulebook


def load_groups(
    unit: UnitOfWork,
    rulebook: Rulebook,
    types: Mapping[tuple[str, str], ObjectType],
    errors: list[RunError],
    *,
    everybody: bool,
) -> dict[str, list[Group]]:
    """Return the groups of each membership rule, by rule id.

    A rule whose groups cannot be told has none, so that it proposes nothing, and is in ``errors``.

    With ``everybody`` all members are read at once, for runs that ask about most identities;
    otherwise each question is one keyed lookup.
    """
    found = {}
    unknown = parting.of_unknown_members(unit, types)
    for rule in rulebook.rules:
        if rule.group is None:
            continue
        try:
            _insist(rulebook, rule, unknown)
            found[rule.id] = _groups_of(unit, rulebook, rule, everybody=everybody)
        except EvaluationError as error:
            text = f"its groups cannot be told: {error.message}"
            errors.append(RunError(rule.id, None, error.code, text))
    return found


def _insist(rulebook: Rulebook, rule: Rule, unknown: Collection[tuple[str, str]]) -> None:
    """Raise `EvaluationError` when nobody knows who is in the groups of a rule."""
    slot = rulebook.slot(rule.group.slot) if rule.group is not None else None
    if slot is not None and (slot.silo, slot.type) in unknown:
        raise EvaluationError(
            f"the members of {slot.silo}/{slot.type} are held by another attribute than when it "
            f"was scanned last; scan {slot.silo}"
        )


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
