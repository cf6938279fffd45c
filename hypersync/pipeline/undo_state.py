"""Reads how the objects of actions are stored now, in few statements whatever their number.

An object that is not in the store is left out, and so is the answer whether a member is in a group
when the member is not there: an undo then writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from hypersync.model.actions import Action
from hypersync.model.canonical import decode
from hypersync.model.ids import ActionId, IdentityId, ObjectId
from hypersync.model.objects import Operation
from hypersync.pipeline.undo import Found
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import Current

TypeKey = tuple[str, str]

_MEMBERSHIP = (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)


def find(
    unit: UnitOfWork,
    actions: Sequence[Action],
    *,
    slots: Mapping[str, TypeKey],
    groups: Collection[TypeKey],
) -> dict[ActionId, Found]:
    """Return the objects of actions as they are stored.

    ``slots`` are silo and type by name, ``groups`` the types that have members.
    """
    wanted = {(each.silo, each.type, each.anchor) for each in actions if each.anchor is not None}
    members = {each.id: key for each in actions if (key := _member(each, slots)) is not None}
    stored = _current(unit, {*wanted, *members.values()})
    references: dict[int, frozenset[str]] = {}
    found = {}
    for action in actions:
        current = stored.get((action.silo, action.type, action.anchor or ""))
        if current is None:
            continue
        if current.id not in references and (action.silo, action.type) in groups:
            references[current.id] = frozenset(unit.objects.references(ObjectId(current.id)))
        held = references.get(current.id, frozenset())
        member = stored.get(members[action.id]) if action.id in members else None
        found[action.id] = _found(action, current, member, held)
    return found


def _member(action: Action, slots: Mapping[str, TypeKey]) -> tuple[str, str, str] | None:
    """Return silo, type and anchor of the member that an action is about."""
    member = (action.after or action.before or {}).get("member")
    if action.operation not in _MEMBERSHIP or action.slot not in slots or member is None:
        return None
    return (*slots[action.slot], str(member))


def _current(
    unit: UnitOfWork, wanted: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Current]:
    anchors: dict[TypeKey, list[str]] = {}
    for silo, kind, anchor in wanted:
        anchors.setdefault((silo, kind), []).append(anchor)
    stored: dict[tuple[str, str, str], Current] = {}
    for known in unit.scans.types():
        some = anchors.get((known.silo, known.name))
        if some:
            for anchor, current in unit.objects.current(known.id, sorted(some)).items():
                stored[known.silo, known.name, anchor] = current
    return stored


def _found(
    action: Action, current: Current, member: Current | None, references: frozenset[str]
) -> Found:
    is_membership = action.operation in _MEMBERSHIP
    is_member = None
    if is_membership and member is not None and member.absence is None:
        is_member = (member.reference or member.anchor) in references
    concerned = member if is_membership and member is not None else current
    return Found(
        id=ObjectId(current.id),
        identity=IdentityId(concerned.identity),
        slot=action.slot if is_membership else current.slot,
        attributes=decode(current.attributes),
        absence=current.absence,
        is_member=is_member,
        members=0 if is_membership else len(references),
    )
