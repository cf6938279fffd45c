"""Says what takes an action back, and whether its object still is as the action left it. Pure.

The inverse of an action comes from its stored values alone: what it wrote becomes what has to be
there still, what was there before becomes what is written. A created object is deleted, a deleted
one created again where its silo brings it back.

Failure direction: an undo writes only over what the undone action left. What somebody changed since
stays, and so does what cannot be told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from hypersync.model.actions import OPEN_STATES, Action, ActionState
from hypersync.model.ids import ActionId, IdentityId, ObjectId, RunId
from hypersync.model.joins import normal_reference
from hypersync.model.objects import Attributes, EnabledSpec, ObjectType, Operation, Value
from hypersync.pipeline.passwords import MARK
from hypersync.pipeline.undo.irreversible import is_irreversible

_GONE = frozenset({"gone", "soft", "absent"})
_MEMBERSHIP = {
    Operation.ADD_MEMBER: Operation.REMOVE_MEMBER,
    Operation.REMOVE_MEMBER: Operation.ADD_MEMBER,
}
_UNFINISHED = {
    ActionState.QUEUED: "it is still queued",
    ActionState.EXECUTING: "it is being carried out",
    ActionState.UNKNOWN: "nobody knows yet whether it happened",
}


class Because(Enum):
    """Why an action is not undone."""

    IRREVERSIBLE = "irreversible"
    CHANGED = "changed"
    UNDONE = "undone"
    WAITING = "waiting"
    UNFINISHED = "unfinished"
    UNKNOWN = "unknown"
    READ_ONLY = "read_only"


@dataclass(frozen=True, slots=True)
class Kept:
    """Why something is left as it is, in a sentence a person understands."""

    because: Because
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inverse:
    """What takes an action back.

    ``before`` has to be there still, for a delete before it is told what else is; ``after`` is
    written. ``loses`` says what does not come back.
    """

    operation: Operation
    before: Attributes | None
    after: Attributes | None
    loses: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What can be done to objects of a type.

    ``kind`` is the type as it is read now, ``anchor`` names the attribute by which a create says
    the anchor, ``recreates`` is whether the silo brings a deleted object back under its anchor.
    """

    kind: ObjectType
    anchor: str | None = None
    recreates: bool = False

    def reads(self, name: str) -> bool:
        """Tell whether stored objects have an attribute; members are kept apart."""
        read = self.kind.attributes
        return name != self.kind.members and (
            not read or name in read or name in ("dn", self.anchor)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The object of an action as it is stored now.

    ``identity`` is whom an undo concerns, for a membership the member. ``is_member`` is whether the
    member is in the group, ``None`` when that cannot be told, ``is_member_there`` whether the
    member itself is there, ``member_reference`` what groups store of it; ``members`` is how many a
    group has.
    """

    id: ObjectId
    identity: IdentityId
    slot: str | None
    attributes: Attributes
    absence: str | None = None
    is_member: bool | None = None
    is_member_there: bool = True
    member_reference: str | None = None
    members: int = 0


# --- what takes an action back -----------------------------------------------------------------


def inverse(action: Action, ability: Ability) -> Inverse | Kept:
    """Return what takes a succeeded action back, from its stored values."""
    why = is_irreversible(action.operation, recreates=ability.recreates)
    if why:
        return Kept(Because.IRREVERSIBLE, why)
    match action.operation:
        case Operation.CREATE:
            return Inverse(operation=Operation.DELETE, before=_created(action), after=None)
        case Operation.DELETE:
            return _restored(action, ability)
        case Operation.ADD_MEMBER | Operation.REMOVE_MEMBER:
            other = _MEMBERSHIP[action.operation]
            return Inverse(operation=other, before=action.after, after=action.before)
        case Operation.ENABLE | Operation.DISABLE:
            return _written_back(action, _switch(action.before or {}, ability.kind.enabled))
        case _:
            return _written_back(action, action.operation)


def _created(action: Action) -> dict[str, Value]:
    """Return the values an action created an object with, passwords left out."""
    values = {**(action.after or {}), **action.once}
    return {name: value for name, value in values.items() if not _is_password(value)}


def _is_password(value: Value) -> bool:
    return isinstance(value, str) and MARK in value


def _restored(action: Action, ability: Ability) -> Inverse | Kept:
    if not action.before or action.anchor is None:
        return Kept(Because.IRREVERSIBLE, "what the object was like is not stored")
    after = dict(action.before)
    if ability.anchor is not None:
        after[ability.anchor] = action.anchor
    return Inverse(operation=Operation.CREATE, before=None, after=after, loses=_lost(ability))


def _lost(ability: Ability) -> str:
    """Say what a deleted object comes back without."""
    parts = []
    if ability.kind.attributes:
        parts.append("attributes that are not read")
    if ability.kind.members is not None:
        parts.append("its members")
    parts.append("passwords")
    return f"comes back without {', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{parts[-1]}"


def _switch(before: Attributes, spec: EnabledSpec | None) -> Operation:
    """Return what writing these values back does to an account."""
    was_enabled = None if spec is None else spec.state(before)
    if was_enabled is None:
        return Operation.UPDATE
    return Operation.ENABLE if was_enabled else Operation.DISABLE


def _written_back(action: Action, operation: Operation) -> Inverse:
    before, after = action.before or {}, action.after or {}
    values = {name: before.get(name) for name in after}
    return Inverse(operation=operation, before=dict(after), after=values)


# --- whether it may be taken back now ----------------------------------------------------------


def still_to_undo(action: Action, undoers: Mapping[ActionId, Sequence[Action]]) -> Kept | None:
    """Say why an action needs no undo, or must not have one yet; ``None`` when it may.

    ``undoers`` are the actions that take others back, by what they take back.
    """
    if action.state in _UNFINISHED:
        return Kept(Because.UNFINISHED, _UNFINISHED[action.state])
    for each in undoers.get(action.id, ()):
        if each.state in OPEN_STATES:
            text = f"run {each.run} is to undo it already: {each.id} is {each.state.value}"
            return Kept(Because.WAITING, text)
    run = undone_by(action.id, undoers)
    return None if run is None else Kept(Because.UNDONE, f"already undone by run {run}")


def undone_by(action: ActionId, undoers: Mapping[ActionId, Sequence[Action]]) -> RunId | None:
    """Return the run that took an action back, unless that was taken back as well."""
    for each in undoers.get(action, ()):
        if each.state is ActionState.SUCCEEDED and undone_by(each.id, undoers) is None:
            return each.released_by or each.run
    return None


def with_what_is_there(wanted: Inverse, found: Found | None, ability: Ability) -> Inverse | Kept:
    """Return the inverse with the values it replaces as they are stored now.

    `Kept` when the object is not as the undone action left it, or that cannot be told.
    """
    if found is None:
        return Kept(Because.UNKNOWN, "its object is not in the store")
    if wanted.operation is Operation.CREATE:
        return _if_absent(wanted, found)
    if found.absence is not None:
        return _away(found.absence)
    if wanted.operation in _MEMBERSHIP:
        return _if_member(wanted, found)
    return _if_same(wanted, found, ability)


def _if_absent(wanted: Inverse, found: Found) -> Inverse | Kept:
    if found.absence is None:
        return Kept(Because.CHANGED, "changed since: the object is there again")
    return wanted if found.absence in _GONE else _away(found.absence)


def _away(absence: str) -> Kept:
    if absence in _GONE:
        return Kept(Because.CHANGED, "changed since: the object is gone")
    return Kept(Because.UNKNOWN, f"its object is {absence.replace('_', ' ')}")


def _if_member(wanted: Inverse, found: Found) -> Inverse | Kept:
    is_removal = wanted.operation is Operation.REMOVE_MEMBER
    if found.is_member is None or not (is_removal or found.is_member_there):
        return Kept(Because.UNKNOWN, "the member is not there")
    if found.is_member is is_removal:
        return wanted
    what = "a member again" if found.is_member else "no member any more"
    return Kept(Because.CHANGED, f"changed since: it is {what}")


def _if_same(wanted: Inverse, found: Found, ability: Ability) -> Inverse | Kept:
    left = wanted.before or {}
    unread = sorted(name for name in left if not ability.reads(name))
    is_delete = wanted.operation is Operation.DELETE
    if unread and not is_delete:
        return Kept(Because.UNKNOWN, f"no longer read: {', '.join(unread)}")
    changed = sorted(
        name
        for name, value in left.items()
        if name not in unread and not is_same(name, value, found.attributes.get(name))
    )
    if is_delete and found.members and ability.kind.members not in left:
        changed.append(f"it has {found.members} members")
    if changed:
        return Kept(Because.CHANGED, f"changed since: {', '.join(changed)}")
    stored = found.attributes
    before = dict(stored) if is_delete else {name: stored.get(name) for name in left}
    return Inverse(
        operation=wanted.operation, before=before, after=wanted.after, loses=wanted.loses
    )


def is_same(name: str, one: Value, other: Value) -> bool:
    """Compare a written value with one that a silo reports, which may spell it in its own way."""
    if name == "dn" and isinstance(one, str) and isinstance(other, str):
        return normal_reference(one) == normal_reference(other)
    return _plain(one) == _plain(other)


def _plain(value: Value) -> Collection[str] | str | None:
    """Return a value as text, which is all that some silos hold; what is empty is missing."""
    match value:
        case None | "" | ():
            return None
        case tuple():
            return frozenset(text for each in value if isinstance(text := _plain(each), str))
        case bool():
            return "true" if value else "false"
        case bytes():
            return value.hex()
        case _:
            return str(value)
