"""Looks for objects that creates of unknown outcome may have made.

They are found by join value, in the slot of their identity, by the names that were reserved for
them, and by the join value that was written, which belongs to somebody else or nobody when the
identity was renumbered or merged meanwhile. Exactly one, in its slot, is the one. None at all was
not made. Everything else cannot be told: two in the slot, or one that is not joined; nothing is
repeated, and people are asked to put it right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hypersync.errors import EvaluationError
from hypersync.model.actions import Action
from hypersync.model.ids import IdentityId
from hypersync.model.objects import Outcome, RetryAfter, SiloObject, Succeeded
from hypersync.pipeline.join import Joins
from hypersync.pipeline.read_back import NOT_DONE
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import StoredObject


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why it cannot be told what became of an action."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What may be the object that a create made: in the slot, or elsewhere.

    Elsewhere it has a reserved name, or the join value that was written (``keyed``).
    """

    joined: tuple[StoredObject, ...]
    named: tuple[StoredObject, ...]
    keyed: tuple[StoredObject, ...] = ()


def find_traces(
    unit: UnitOfWork,
    actions: Collection[Action],
    slots: Mapping[str, tuple[str, str]],
    joins: Joins,
) -> dict[str, Traces]:
    """Return the traces of creates by action id; each name space is read once."""
    keyed = _keyed(unit, actions, joins)
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
        known = {each.id for each in joined} | set(named)
        found[action.id] = Traces(
            joined=joined,
            named=tuple(named.values()),
            keyed=tuple(e for e in keyed.get((heir, action.slot), ()) if e.id not in known),
        )
    return found


def judge_creation(action: Action, traces: Traces) -> Outcome | Doubt:
    """Say what became of a create, from a scan that began after the silo had time to settle."""
    everything = (*traces.joined, *traces.named, *traces.keyed)
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
        what = "name that was reserved" if traces.named else "join value that was written"
        text = (
            f"{anchors} in {action.silo} has the {what} for {who} and is not "
            "joined to them; give it its join value, or remove it"
        )
    return Doubt(text)


def _keyed(
    unit: UnitOfWork, actions: Collection[Action], joins: Joins
) -> dict[tuple[IdentityId, str], list[StoredObject]]:
    """Return what appeared since in the slots of those who have the join values now.

    By whose create it may be, and slot: what one create of an identity may have made is a trace of
    its others, too.
    """
    heirs = unit.identities.heirs({action.identity for action in actions})
    written = {action.id: _key(action, joins) for action in actions}
    owners = unit.identities.owners({key for key in written.values() if key is not None})
    found: dict[tuple[IdentityId, str], list[StoredObject]] = {}
    for action in actions:
        owner = owners.get(written[action.id] or "")
        if owner is None or owner == heirs[action.identity]:
            continue
        there = unit.objects.all_in_slot(IdentityId(owner), action.slot)
        found.setdefault((heirs[action.identity], action.slot), []).extend(
            each
            for each in there
            if action.started_at is None or each.created_at >= action.started_at
        )
    return found


def _key(action: Action, joins: Joins) -> str | None:
    """Return the join value of what a create was to make; ``None`` when that cannot be told."""
    written = {**(action.after or {}), **action.once}
    try:
        return joins.assign(action.silo, action.type, written).key
    except EvaluationError:
        return None


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
