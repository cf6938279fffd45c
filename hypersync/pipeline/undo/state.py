"""Knows how the objects of actions are stored now, and as they will be once newer ones are undone.

Objects are read in few statements whatever their number. An undo goes through a run newest first
and writes here what it takes back, so that an object is compared with what it will be by then: a
deleted account that comes back can get its memberships back as well.

What is not in the store, or of which it cannot be told, is ``None``: an undo then writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hypersync.model.actions import Action
from hypersync.model.canonical import decode
from hypersync.model.ids import IdentityId, ObjectId
from hypersync.model.objects import Operation, Value
from hypersync.pipeline.undo.inverse import Found, Inverse
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import Current

TypeKey = tuple[str, str]
ObjectKey = tuple[str, str, str]

_MEMBERSHIP = (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)


@dataclass(slots=True)
class _State:
    """One object; ``reference`` is what a group stores of it."""

    id: ObjectId
    identity: IdentityId
    slot: str | None
    reference: str
    attributes: dict[str, Value]
    absence: str | None
    members: set[str] = field(default_factory=set)


class Stored:
    """The objects of actions; ``slots`` are silo and type by name, ``groups`` have members."""

    def __init__(
        self, unit: UnitOfWork, *, slots: Mapping[str, TypeKey], groups: Collection[TypeKey]
    ) -> None:
        self._unit = unit
        self._slots = slots
        self._groups = groups
        self._types = {(each.silo, each.name): each.id for each in unit.scans.types()}
        self._states: dict[ObjectKey, _State] = {}

    def read(self, actions: Sequence[Action]) -> None:
        """Read the objects of these actions, and their members, that are not known yet."""
        keys = {key for each in actions for key in (object_key(each), self.member_key(each)) if key}
        anchors: dict[TypeKey, list[str]] = {}
        for silo, kind, anchor in keys - self._states.keys():
            anchors.setdefault((silo, kind), []).append(anchor)
        for where, wanted in anchors.items():
            if where in self._types:
                current = self._unit.objects.current(self._types[where], sorted(wanted))
                self._take(where, current.values())

    def _take(self, where: TypeKey, rows: Collection[Current]) -> None:
        is_group = where in self._groups
        members = self._unit.objects.references_of([row.id for row in rows]) if is_group else {}
        for row in rows:
            state = _State(
                id=ObjectId(row.id),
                identity=IdentityId(row.identity),
                slot=row.slot,
                reference=row.reference or row.anchor,
                attributes=decode(row.attributes),
                absence=row.absence,
                members=set(members.get(row.id, ())),
            )
            self._states[(*where, row.anchor)] = state

    def member_key(self, action: Action) -> ObjectKey | None:
        """Return silo, type and anchor of the member that an action is about."""
        member = (action.after or action.before or {}).get("member")
        if action.operation not in _MEMBERSHIP or action.slot not in self._slots or not member:
            return None
        return (*self._slots[action.slot], str(member))

    def found(self, action: Action) -> Found | None:
        """Return the object of an action."""
        state = self._state(object_key(action))
        if state is None:
            return None
        member = self._state(self.member_key(action))
        return Found(
            id=state.id,
            identity=(member or state).identity,
            slot=state.slot,
            attributes=dict(state.attributes),
            absence=state.absence,
            is_member=None if member is None else member.reference in state.members,
            is_member_there=member is not None and member.absence is None,
            member_reference=None if member is None else member.reference,
            members=len(state.members),
        )

    def concerned(self, actions: Iterable[Action]) -> Collection[IdentityId]:
        """Return whom undoing these actions concerns, as `found` says it."""
        found = set()
        for action in actions:
            state = self._state(object_key(action))
            if state is not None:
                found.add((self._state(self.member_key(action)) or state).identity)
        return found

    def write(self, action: Action, taken: Inverse) -> None:
        """Go on as if an action had been taken back."""
        state = self._state(object_key(action))
        member = self._state(self.member_key(action))
        if state is None:
            return
        match taken.operation:
            case Operation.DELETE:
                state.absence = "gone"
            case Operation.ADD_MEMBER if member is not None:
                state.members.add(member.reference)
            case Operation.REMOVE_MEMBER if member is not None:
                state.members.discard(member.reference)
            case _:
                state.absence = None
                state.attributes.update(taken.after or {})

    def _state(self, key: ObjectKey | None) -> _State | None:
        return None if key is None else self._states.get(key)


def object_key(action: Action) -> ObjectKey | None:
    """Return silo, type and anchor of the object of an action."""
    return None if action.anchor is None else (action.silo, action.type, action.anchor)
