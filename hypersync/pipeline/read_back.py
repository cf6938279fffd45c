"""What an object that was read back tells about an action of unknown outcome. Pure."""

from __future__ import annotations

from datetime import timedelta

from hypersync.model.joins import normal_reference
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    ObjectType,
    Operation,
    Outcome,
    RetryAfter,
    SiloObject,
    Succeeded,
)

NOT_DONE = timedelta(0)
"""What was not done may be done at once."""

LAGS = "it seems to be done, but a server that lags behind would say the same; tried again"


def judge_read_back(
    change: Change,
    found: SiloObject | None,
    kind: ObjectType,
    member: SiloObject | None = None,
) -> Outcome:
    """Say what an object that was read back tells about a change of unknown outcome.

    ``member`` is the member of a membership change as it is now, ``None`` when it is gone.
    ``RetryAfter`` means that it was not done and may be done now.
    """
    if change.operation is Operation.CREATE or change.operation is Operation.DELETE:
        if (found is None) == (change.operation is Operation.DELETE):
            return _done(change, found)
        return RetryAfter(NOT_DONE, "it had not been done")
    if found is None:
        return Conflict("the object is gone")
    if change.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        return _judge_membership(change, found, kind, member)
    if _holds(found, change.after or {}):
        return _done(change, found)
    if _holds(found, change.before or {}):
        return RetryAfter(NOT_DONE, "it had not been done")
    return Conflict("the object has neither the old nor the new values", found)


def _judge_membership(
    change: Change, found: SiloObject, kind: ObjectType, member: SiloObject | None
) -> Outcome:
    """Judge by the name that the member has now: the one that was written may be another's since.

    While the group lists a member under its old name, a removal is not believed: whose name that is
    now the connector finds out.
    """
    is_added = change.operation is Operation.ADD_MEMBER
    members = found.attributes.get(kind.members or "")
    listed = {
        normal_reference(str(each))
        for each in (members if isinstance(members, tuple) else (members,))
    }
    written = str((change.after or change.before or {}).get("member"))
    if change.member is not None and member is None and is_added:
        return Conflict("the member is gone", found)
    names = {written} if member is None else {_name_of(member)}
    names |= set() if is_added else {written}
    is_member = not listed.isdisjoint(map(normal_reference, names))
    if is_member == is_added:
        return _done(change, found)
    return RetryAfter(NOT_DONE, "it had not been done")


def _done(change: Change, found: SiloObject | None) -> Outcome:
    """Believe that a change was done, unless a server may lag behind the one before it."""
    return RetryAfter(NOT_DONE, LAGS) if change.fresh_for else Succeeded(found)


def _name_of(member: SiloObject) -> str:
    """Return what groups store to refer to an object: its DN, or its anchor where it has none."""
    dn = member.attributes.get("dn")
    return dn if isinstance(dn, str) else member.anchor


def _holds(found: SiloObject, values: Attributes) -> bool:
    return all(found.attributes.get(name) == value for name, value in values.items())
