"""One change on its way through reading, writing and reading back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from hypersync.connectors.changes import is_missing, reference
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.properties import MEMBERS
from hypersync.connectors.msgraph.read import Found
from hypersync.connectors.msgraph.requests import Step
from hypersync.connectors.msgraph.values import normalised
from hypersync.model.objects import Change, Operation, Outcome, Refused

MEMBERSHIP = (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)
Key: TypeAlias = tuple[object, ...]
_NAMELESS = "the change names no object"


class Missed(Enum):
    """Why nothing was written: Graph said so, or took the request and did not answer."""

    UNAVAILABLE = "unavailable"
    BROKEN = "broken"


@dataclass(slots=True)
class Job:
    """One change.

    ``outcome`` is there as soon as nothing more is to be done. ``why`` is there when it is to be a
    conflict, ``is_done`` when it succeeded; both still want the object as it is. ``steps`` are
    sent as one group, ``more`` (members) afterwards, each by itself. ``anchor`` is the object's,
    of a new one as soon as it is known; ``answered`` is what Graph answered to its creation.
    ``missed`` is there when Graph may be unable to stand this very change (see `suspects`).
    """

    change: Change
    place: Place
    anchor: str | None = None
    outcome: Outcome | None = None
    why: str = ""
    is_done: bool = False
    is_restored: bool = False
    is_waiting_for_member: bool = False
    steps: list[Step] = field(default_factory=list)
    more: list[Step] = field(default_factory=list)
    members_left: list[str] = field(default_factory=list)
    before: Found | None = None
    answered: Found | None = None
    missed: Missed | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be written."""
        return self.outcome is None and not self.why and not self.is_done

    @property
    def wants_object(self) -> bool:
        """Whether the object is still to be read, for the outcome."""
        return self.outcome is None and (bool(self.why) or self.is_done)

    @property
    def is_membership(self) -> bool:
        """Whether one membership is changed."""
        return self.change.operation in MEMBERSHIP

    @property
    def is_creation(self) -> bool:
        """Whether a new object is made, rather than one brought back."""
        return self.change.operation is Operation.CREATE and self.change.anchor is None

    @property
    def has_made(self) -> bool:
        """Whether a create, if it is one, made or brought back its object rather than found it."""
        is_create = self.change.operation is Operation.CREATE
        return not is_create or self.answered is not None or self.is_restored


def job_of(change: Change, place: Place) -> Job:
    """Return a job, with its outcome where Graph does not even have to be asked."""
    shaped = normalised(change, place.resource)
    if change.operation is Operation.CREATE and change.anchor is not None:
        given = {n: v for n, v in (shaped.after or {}).items() if n not in place.resource.read_only}
        shaped = replace(shaped, after=given)
    job = Job(shaped, place, anchor=change.anchor)
    if reason := refusal(shaped, place):
        job.outcome = Refused(reason)
    return job


def refusal(change: Change, place: Place) -> str:
    """Say why a change cannot be written at all, or nothing."""
    match change.operation:
        case Operation.EVENT:
            return "an event is not written to a silo"
        case Operation.MOVE | Operation.RENAME:
            return "objects of Graph have no place to be moved in; update the attributes instead"
        case Operation.ADD_MEMBER | Operation.REMOVE_MEMBER:
            return _no_membership(change, place)
        case Operation.DELETE:
            return "" if change.anchor is not None else _NAMELESS
        case Operation.CREATE if change.anchor is None:
            if is_missing((change.after or {}).get(place.key)):
                return f"a new {place.resource.singular} needs its {place.key!r}: set it"
        case _:
            if change.anchor is None:
                return _NAMELESS
    fixed = sorted(place.resource.read_only & {*(change.after or {})})
    return f"read-only in Graph: {', '.join(fixed)}" if fixed else ""


def _no_membership(change: Change, place: Place) -> str:
    if MEMBERS not in place.resource.references:
        return f"the type {place.kind.name!r} has no members: they are what groups have"
    try:
        reference(change)
    except ValueError as error:
        return str(error)
    return "" if change.anchor is not None else _NAMELESS


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """Part jobs so that no two of a wave write the same object, and each keeps its turn.

    Memberships of one group with different members do not meet.
    """
    found: list[list[Job]] = []
    turns: dict[Key, int] = {}
    for number, job in enumerate(jobs):
        key = _key(job, number)
        turn = turns[key] = turns.get(key, -1) + 1
        if turn == len(found):
            found.append([])
        found[turn].append(job)
    return found


def _key(job: Job, number: int) -> Key:
    if job.outcome is not None:
        return (number,)
    kind = job.place.kind.name
    if job.is_membership:
        return (kind, job.anchor, reference(job.change))
    if job.is_creation:
        name = (job.change.after or {}).get(job.place.key)
        return (kind, "new", str(name).casefold())
    return (kind, job.anchor)


def outcomes(jobs: Sequence[Job]) -> list[Outcome]:
    """Return what became of all."""
    missing = Refused("nothing became of it")  # no job ends without an outcome
    return [missing if job.outcome is None else job.outcome for job in jobs]
