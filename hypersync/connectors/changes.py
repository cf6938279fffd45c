"""When a change may be written, the same in all connectors. Pure.

What already is as the change wants it has succeeded (so a retry is harmless), what is no longer as
it was is a conflict, everything else is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypersync.connectors.settings import fingerprint
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    ObjectType,
    Operation,
    Outcome,
    Refused,
    Scalar,
    SiloObject,
    Succeeded,
    Value,
    not_yet,
)

MEMBER = "member"
"""The one key of a membership change's ``before`` or ``after``."""


def is_missing(value: Value) -> bool:
    """Tell whether a value stands for nothing: ``None``, the empty text or no values at all."""
    return value is None or value in ("", ())


def present(attributes: Attributes) -> dict[str, Value]:
    """Return the attributes that have a value."""
    return {name: value for name, value in attributes.items() if not is_missing(value)}


def sorted_values(values: Iterable[Scalar]) -> tuple[Scalar, ...]:
    """Return values, each once, in a stable order, even when they are of several kinds."""
    unique = set(values)
    try:
        return tuple(sorted(unique))
    except TypeError:
        return tuple(sorted(unique, key=lambda value: (type(value).__name__, value)))


def is_same(one: Value, other: Value) -> bool:
    """Compare two values; missing ones are equal however they are written, order does not count."""
    if is_missing(one) or is_missing(other):
        return is_missing(one) and is_missing(other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return sorted_values(one) == sorted_values(other)
    return one == other


def differing(wanted: Attributes, current: Attributes) -> list[str]:
    """Return the names of ``wanted`` whose value is another one in ``current``, sorted."""
    return sorted(name for name, value in wanted.items() if not is_same(value, current.get(name)))


def chosen(kind: ObjectType, attributes: Attributes) -> dict[str, Value]:
    """Return those of the attributes that the type reads."""
    if not kind.attributes:
        return dict(attributes)
    return {name: value for name, value in attributes.items() if name in kind.attributes}


def anchor_of(change: Change, attribute: str | None) -> str | None:
    """Return the anchor of a changed object; that of a new one follows from the change.

    ``attribute`` names what holds the anchor; ``None`` means that the silo assigns one, and then a
    retry (the same idempotency key) gets the same. ``None`` comes back when the change sets none.
    """
    if change.anchor is not None:
        return change.anchor
    if attribute is None:
        return fingerprint(change.key)
    value = (change.after or {}).get(attribute)
    return value if isinstance(value, str) and value else None


def reference(change: Change) -> str:
    """Return the member that a membership change adds or removes.

    Raises ``ValueError`` when the change names none.
    """
    side = change.after if change.operation is Operation.ADD_MEMBER else change.before
    member = (side or {}).get(MEMBER)
    if not isinstance(member, str) or not member:
        raise ValueError("the membership change names no member")
    return member


def member_values(change: Change, current: Attributes) -> tuple[Scalar, ...]:
    """Return the members that the group has now."""
    value = current.get(_members_attribute(change))
    if is_missing(value):
        return ()
    return value if isinstance(value, tuple) else (value,)  # type: ignore[return-value] # not None


def _members_attribute(change: Change) -> str:
    if change.type.members is None:
        raise ValueError(
            f"the type {change.type.name!r} has no members; name their attribute with 'members:'"
        )
    return change.type.members


def settled(change: Change, current: SiloObject | None) -> Outcome | None:
    """Decide what can be decided before writing; ``None`` means that the change may be written.

    ``current`` is the object as the silo has it now, ``None`` when it is not there. What is done
    already, as far as a server knows that may lag behind, is tried again later.
    """
    try:
        match change.operation:
            case Operation.CREATE:
                return _settled_create(change, current)
            case Operation.DELETE:
                return _settled_delete(change, current)
            case Operation.ADD_MEMBER | Operation.REMOVE_MEMBER:
                return _settled_member(change, current)
            case Operation.EVENT:
                return Refused("an event is not written to a silo")
            case _:
                return _settled_update(change, current)
    except ValueError as error:
        return Refused(str(error))


def _settled_create(change: Change, current: SiloObject | None) -> Outcome | None:
    if current is None:
        return None
    if not differing(change.after or {}, current.attributes):
        return not_yet(change) or Succeeded(current, made=False)
    return Conflict(f"{change.type.name} {current.anchor} exists already", current)


def _settled_delete(change: Change, current: SiloObject | None) -> Outcome | None:
    if current is None:
        return not_yet(change) or Succeeded(None)
    return _changed_meanwhile(change, current)


def _settled_update(change: Change, current: SiloObject | None) -> Outcome | None:
    if current is None:
        return _gone(change)
    if not differing(change.after or {}, current.attributes):
        return not_yet(change) or Succeeded(current)
    return _changed_meanwhile(change, current)


def _settled_member(change: Change, current: SiloObject | None) -> Outcome | None:
    if current is None:
        return _gone(change)
    is_member = reference(change) in member_values(change, current.attributes)
    is_wanted = change.operation is Operation.ADD_MEMBER
    return (not_yet(change) or Succeeded(current)) if is_member == is_wanted else None


def _gone(change: Change) -> Conflict:
    return Conflict(f"{change.type.name} {change.anchor} is not there any more")


def _changed_meanwhile(change: Change, current: SiloObject) -> Conflict | None:
    names = differing(change.before or {}, current.attributes)
    if not names:
        return None
    return Conflict(f"changed in the silo meanwhile: {', '.join(names)}", current)


def written(change: Change, current: Attributes) -> dict[str, Value]:
    """Return the attributes after a change that `settled` let through (not for a delete)."""
    if change.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        members = set(member_values(change, current))
        if change.operation is Operation.ADD_MEMBER:
            members.add(reference(change))
        else:
            members.discard(reference(change))
        return present({**current, _members_attribute(change): sorted_values(members)})
    return present({**current, **(change.after or {})})


def refuse_all(changes: Sequence[Change], reason: str) -> list[Outcome]:
    """Return the same refusal for every change."""
    return [Refused(reason) for _ in changes]
