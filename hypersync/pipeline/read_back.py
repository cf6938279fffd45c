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


def judge_read_back(change: Change, found: SiloObject | None, kind: ObjectType) -> Outcome:
    """Say what an object that was read back tells about a change of unknown outcome.

    ``RetryAfter`` means that it was not done and may be done now.
    """
    if change.operation is Operation.CREATE or change.operation is Operation.DELETE:
        done = (found is None) == (change.operation is Operation.DELETE)
        return Succeeded(found) if done else RetryAfter(NOT_DONE, "it had not been done")
    if found is None:
        return Conflict("the object is gone")
    if change.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        return _judge_membership(change, found, kind)
    if _holds(found, change.after or {}):
        return Succeeded(found)
    if _holds(found, change.before or {}):
        return RetryAfter(NOT_DONE, "it had not been done")
    return Conflict("the object has neither the old nor the new values", found)


def _judge_membership(change: Change, found: SiloObject, kind: ObjectType) -> Outcome:
    members = found.attributes.get(kind.members or "")
    listed = members if isinstance(members, tuple) else (members,)
    wanted = (change.after or change.before or {}).get("member")
    is_member = normal_reference(str(wanted)) in {normal_reference(str(each)) for each in listed}
    if is_member == (change.operation is Operation.ADD_MEMBER):
        return Succeeded(found)
    return RetryAfter(NOT_DONE, "it had not been done")


def _holds(found: SiloObject, values: Attributes) -> bool:
    return all(found.attributes.get(name) == value for name, value in values.items())
