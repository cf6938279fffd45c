"""Looks for objects that creates of unknown outcome may have made.

They are found by join value, in the slot of their identity, and by the names that were reserved for
them. Exactly one, in its slot, is the one. None at all was not made. Everything else cannot be
told: two in the slot, or one that has the name and is not joined; nothing is repeated, and people
are asked to put it right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hypersync.model.actions import Action
from hypersync.model.objects import Outcome, RetryAfter, SiloObject, Succeeded
from hypersync.pipeline.read_back import NOT_DONE
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import StoredObject


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why it cannot be told what became of an action."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What may be the object that a create made: in the slot, and by reserved name elsewhere."""

    joined: tuple[StoredObject, ...]
    named: tuple[StoredObject, ...]


def find_traces(
    unit: UnitOfWork, actions: Collection[Action], slots: Mapping[str, tuple[str, str]]
) -> dict[str, Traces]:
    """Return the traces of creates by action id; each name space is read once."""
    heirs = unit.identities.heirs({action.identity for action in actions})
    reserved = unit.marks.reserved({*heirs.values()})
    bearers = _bearers(unit, reserved.values(), slots)
    found: dict[str, Traces] = {}
    for action in actions:
        heir = heirs[action.identity]
        joined = tuple(unit.objects.all_in_slot(heir, action.slot))
        names = [each for each in reserved.get(heir, ()) if each[0].startswith(f"{action.slot}.")]
        named = {
            stored.id: stored
            for name in names
            for stored in bearers.get(name, ())
            if stored.key is None
        }
        for each in joined:
            named.pop(each.id, None)
        found[action.id] = Traces(joined=joined, named=tuple(named.values()))
    return found


def judge_creation(action: Action, traces: Traces) -> Outcome | Doubt:
    """Say what became of a create, from a scan that began after the silo had time to settle."""
    everything = (*traces.joined, *traces.named)
    if not everything:
        return RetryAfter(NOT_DONE, "a later scan did not find it; tried again")
    if len(everything) == 1 and traces.joined:
        (stored,) = traces.joined
        return Succeeded(SiloObject(stored.type, stored.anchor, stored.attributes))
    who = action.title or f"identity {action.identity}"
    anchors = ", ".join(stored.anchor for stored in everything)
    if len(everything) > 1:
        text = f"{who} may have been created twice in {action.silo}: {anchors}; remove all but one"
    else:
        text = (
            f"{anchors} in {action.silo} has the name that was reserved for {who} and is not "
            "joined to them; give it its join value, or remove it"
        )
    return Doubt(text)


def _bearers(
    unit: UnitOfWork,
    reserved: Iterable[Collection[tuple[str, str]]],
    slots: Mapping[str, tuple[str, str]],
) -> dict[tuple[str, str], list[StoredObject]]:
    """Return the objects that have a reserved value, by name space and value."""
    wanted: dict[str, set[str]] = {}
    for each in reserved:
        for namespace, value in each:
            wanted.setdefault(namespace, set()).add(value)
    found: dict[tuple[str, str], list[StoredObject]] = {}
    for namespace, values in wanted.items():
        slot, _, attribute = namespace.partition(".")
        if slot in slots:
            for value, stored in unit.objects.bearing(*slots[slot], attribute, values):
                found.setdefault((namespace, value), []).append(stored)
    return found
