"""What changes and answers mean, without asking the service. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import unquote, urlsplit

from hypersync.connectors.changes import is_same, member_values, reference
from hypersync.connectors.scim.paths import Path
from hypersync.connectors.scim.service import Place
from hypersync.connectors.scim.values import as_reported, secrets_of
from hypersync.connectors.scim.wire import Answer
from hypersync.model.objects import (
    Change,
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    SiloObject,
    Unknown,
)

MEANWHILE: Final = "changed in the silo meanwhile"
_LATER: Final = timedelta(seconds=30)
_UNSURE: Final = (500, 502, 504)
"""Answers after which a service, or what stands before it, may have carried out the request."""
_MEMBERSHIPS: Final = (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)


def in_its_form(change: Change, place: Place) -> Change:
    """Return a change with its values as the silo reports them; raises ``ValueError``."""
    if change.operation in _MEMBERSHIPS:
        return replace(change, type=place.kind)
    before = as_reported(change.before, place.names)
    after = as_reported(change.after, place.names)
    return replace(change, type=place.kind, before=before, after=after)


def members_path(place: Place) -> Path:
    """Return where the members of a type are; raises ``ValueError`` when it has none."""
    if place.kind.members is None:
        raise ValueError(
            f"the type {place.kind.name!r} has no members; name their attribute with 'members:'"
        )
    return place.names.path(place.kind.members)


def members_named(place: Place) -> tuple[str, ...]:
    """Return the name of the attribute of the members, if there is one."""
    return () if place.kind.members is None else (place.kind.members,)


def is_taken(answer: Answer) -> bool:
    """Tell whether the service says that another object has what must be unique."""
    return answer.status == 409 or answer.scim_type == "uniqueness"


def meaning(answer: Answer, change: Change) -> Outcome:
    """Return what it means for a change that the service did not say yes."""
    if answer.asks_to_wait:
        return RetryAfter(answer.wait, answer.sentence)
    if answer.status == 401:
        return RetryAfter(_LATER, answer.sentence)
    if answer.status in _UNSURE:
        return Unknown(answer.sentence)
    if answer.status == 404 and change.anchor is not None:
        return gone(change)
    if answer.status == 412 or answer.scim_type == "noTarget":
        return Conflict(MEANWHILE)
    return Conflict(answer.sentence) if is_taken(answer) else Refused(answer.sentence)


def gone(change: Change) -> Conflict:
    """Return the outcome of a change to what is not there."""
    return Conflict(f"{change.type.name} {change.anchor} is not there any more")


def created_id(answer: Answer) -> str | None:
    """Return the id of what was created: from the resource, else the end of its address."""
    said = answer.body.get("id") if isinstance(answer.body, dict) else None
    if isinstance(said, str) and said:
        return said
    end = urlsplit(answer.headers.get("Location", "")).path.rstrip("/").rpartition("/")[2]
    return unquote(end) or None


def unshown(change: Change, place: Place, found: SiloObject) -> list[str]:
    """Return what a service accepted and an object does not show: it still is as it was."""
    if change.operation in _MEMBERSHIPS:
        is_member = reference(change) in member_values(change, found.attributes)
        is_wanted = change.operation is Operation.ADD_MEMBER
        return [] if is_member == is_wanted else [place.kind.members or ""]
    before, secret = change.before or {}, secrets_of(change, place.names)
    return sorted(
        name
        for name, value in (change.after or {}).items()
        if name in before
        and name not in secret
        and not is_same(value, before[name])
        and is_same(found.attributes.get(name), before[name])
    )
