"""What the objects of an identity are tied to: groups, members, managers.

A tie is what the store can tell by an index: membership either way, distinguished names in other
attributes of the object, and the attributes by which rules look others up. Who else names this
object in an attribute that is no membership is in no index, and is not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from hypersync.errors import EvaluationError
from hypersync.insight.hidden import Hidden
from hypersync.insight.identities import name_of, texts_of
from hypersync.model.joins import normal_reference
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import StoredObject
from hypersync.rulebook.joins import normal_key
from hypersync.rulebook.nodes import Attribute, Call, Constant, Node, walk
from hypersync.rulebook.rules import Rulebook

MOST_TIES = 100
_MOST_VALUES = 20
"""How many values of one attribute are looked at for references."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """An object of somebody else that one of these is tied to, and how: a word for the edge.

    ``is_from`` says that the tie stands in the identity's own object.
    """

    own: StoredObject
    other: StoredObject
    word: str
    is_from: bool
    name: str


def ties(
    unit: UnitOfWork, rulebook: Rulebook, hidden: Hidden, stored: Sequence[StoredObject]
) -> Iterator[Neighbour]:
    """Yield what the objects are tied to: groups they are in, members, and who they refer to."""
    own = {each.id for each in stored}
    for each in stored:
        for tie in unit.portraits.tied(each.silo, _called_by(each), MOST_TIES + 1):
            if not hidden.hides(tie.object.silo, tie.object.type, tie.attribute):
                yield _neighbour(hidden, each, tie.object, tie.attribute, is_from=False)
        for word, other in chain(
            _named(unit, hidden, each), _by_rules(unit, rulebook, hidden, each)
        ):
            if other.id not in own:
                yield _neighbour(hidden, each, other, word, is_from=True)


def _called_by(stored: StoredObject) -> list[str]:
    """Return how others of its silo refer to an object: its distinguished name, or its anchor."""
    dn = stored.attributes.get("dn")
    return [normal_reference(dn) if isinstance(dn, str) else stored.anchor]


def _named(
    unit: UnitOfWork, hidden: Hidden, stored: StoredObject
) -> Iterator[tuple[str, StoredObject]]:
    """Yield what an object names: its members, and distinguished names in other attributes."""
    by_name: dict[str, list[str]] = {}
    for attribute, target in unit.portraits.members(stored.id, MOST_TIES + 1):
        by_name.setdefault(attribute, []).append(target)
    for name, value in stored.attributes.items():
        texts = texts_of(value)[:_MOST_VALUES]
        normal = [normal_reference(text) for text in texts if "=" in text]
        if normal and name != "dn":
            by_name[name] = normal
    for name, targets in by_name.items():
        if not hidden.hides(stored.silo, stored.type, name):
            for other in unit.portraits.named(stored.silo, targets, MOST_TIES + 1):
                yield name, other


def _by_rules(
    unit: UnitOfWork, rulebook: Rulebook, hidden: Hidden, stored: StoredObject
) -> Iterator[tuple[str, StoredObject]]:
    """Yield whom an object refers to as rules read it: ``ref('account', hr.managerId)``."""
    for name, slot in references_in(rulebook).get(stored.slot or "", ()):
        value = stored.attributes.get(name)
        if value is None or hidden.hides(stored.silo, stored.type, name):
            continue
        try:
            key = normal_key(value, exact=rulebook.slot(slot).exact)
        except EvaluationError:
            continue
        found = unit.objects.in_slot_by_key(slot, key)
        if found is not None:
            yield name, found


def references_in(rulebook: Rulebook) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return the attributes whose values rules look others up by: (name, slot), by their slot."""
    found: dict[str, list[tuple[str, str]]] = {}
    for rule in rulebook.rules:
        for expression in (rule.pure, *rule.set.values(), *rule.once.values()):
            for node in walk(expression.node):
                if isinstance(node, Call) and node.function.name == "ref":
                    _note(found, node.arguments)
    return found


def _note(found: dict[str, list[tuple[str, str]]], arguments: Sequence[Node]) -> None:
    """Remember a reference that is looked up by one attribute as it is."""
    slot, by = arguments[:2]
    if isinstance(slot, Constant) and isinstance(slot.value, str) and isinstance(by, Attribute):
        pairs = found.setdefault(by.slot, [])
        if (by.name, slot.value) not in pairs:
            pairs.append((by.name, slot.value))


def _neighbour(
    hidden: Hidden, own: StoredObject, other: StoredObject, word: str, *, is_from: bool
) -> Neighbour:
    name = name_of([other], hidden)
    return Neighbour(own=own, other=other, word=word, is_from=is_from, name=name)
