"""Looks at objects before they are written, and decides what is to be sent."""

from __future__ import annotations

from collections.abc import Sequence

from hypersync.connectors.changes import is_same, settled
from hypersync.connectors.msgraph.answers import LATER, Failing, NotReached
from hypersync.connectors.msgraph.find import find_each
from hypersync.connectors.msgraph.job import Job, Missed
from hypersync.connectors.msgraph.properties import MEMBERS
from hypersync.connectors.msgraph.read import Found, Read, hide_members, path_of
from hypersync.connectors.msgraph.reads import Reads
from hypersync.connectors.msgraph.steps import Steps, ids_of
from hypersync.connectors.msgraph.values import HIDDEN, compared
from hypersync.connectors.msgraph.wire import Wire
from hypersync.errors import SiloBusy, SiloError, SiloUnavailable, SiloUnreachable
from hypersync.model.objects import (
    Change,
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    SiloObject,
    Succeeded,
    not_yet,
)


class Before:
    """Compares jobs with what is there, and gives them their steps."""

    def __init__(self, wire: Wire, steps: Steps, reads: Reads) -> None:
        self._wire = wire
        self._steps = steps
        self._reads = reads
        self._shown: set[str] = set()

    def look(self, jobs: Sequence[Job]) -> None:
        """Look at all of them."""
        self._find([job for job in jobs if job.is_open and job.is_creation])
        known = [job for job in jobs if job.is_open and job.anchor and not job.is_membership]
        for job, read in zip(known, self._reads.each(known, whole=False), strict=True):
            self._compare(job, read)
        self._join([job for job in jobs if job.is_open and job.is_membership])

    def _join(self, jobs: Sequence[Job]) -> None:
        """Refuse memberships that could not be seen afterwards: nobody would know what became."""
        groups = {job.anchor or "": job.place for job in jobs if job.anchor not in self._shown}
        hidden = hide_members(self._wire, [(place, each) for each, place in groups.items()])
        found = dict(zip(groups, hidden, strict=True))
        self._shown |= {anchor for anchor, is_hidden in found.items() if is_hidden is False}
        for job in jobs:
            is_hidden = found.get(job.anchor or "", False)
            if isinstance(is_hidden, SiloError):
                _miss(job, is_hidden)
            elif is_hidden:
                job.outcome = Refused(f"of the group {job.anchor}: {HIDDEN}")
            else:
                job.steps = [self._steps.member(job.change, job.place)]

    def _find(self, jobs: Sequence[Job]) -> None:
        """Look for objects that have the names of new ones."""
        wanted = [(job.place, str((job.change.after or {})[job.place.key])) for job in jobs]
        for job, (place, name), ids in zip(
            jobs, wanted, find_each(self._wire, wanted), strict=True
        ):
            if isinstance(ids, SiloError):
                _miss(job, ids)
            elif len(ids) > 1:
                text = f"there are {len(ids)} {place.resource.name} whose {place.key} is {name}"
                job.outcome = Conflict(text)
            elif ids:
                job.anchor = ids[0]
            else:
                job.steps, job.members_left = self._steps.create(job.change, place)

    def find_again(self, job: Job) -> bool:
        """Look once more for an object that may be there after all, and compare it if it is."""
        wanted = [(job.place, str((job.change.after or {})[job.place.key]))]
        (ids,) = find_each(self._wire, wanted)
        if isinstance(ids, SiloError) or len(ids) != 1:
            return False
        job.anchor, job.members_left = ids[0], []
        (read,) = self._reads.each([job], whole=False)
        if read is None or isinstance(read, SiloError):
            return False
        self._compare(job, read)
        return True

    def _compare(self, job: Job, read: Read) -> None:
        if isinstance(read, SiloError):
            _miss(job, read)
            return
        job.before = read
        change = compared(job.change)
        current = None if read is None else read.object
        if change.operation in (Operation.CREATE, Operation.DELETE):
            outcome = settled(change, current)
        else:
            outcome = _settled_update(job.change, current)
        if outcome is not None:
            self._end(job, outcome)
        elif job.is_creation:
            job.outcome = RetryAfter(LATER, "an object of that name comes and goes")
        elif change.operation is Operation.CREATE:
            job.is_restored = True
            job.steps = [self._steps.restore(job.anchor or "")]
        elif read is not None:
            self._write(job, read)

    def _end(self, job: Job, outcome: Outcome) -> None:
        """Note what is settled; an object that is there is read whole afterwards."""
        if isinstance(outcome, Succeeded) and outcome.object is not None:
            job.is_done = True
        elif isinstance(outcome, Conflict) and job.before is not None:
            job.why = outcome.why
        else:
            job.outcome = outcome

    def _write(self, job: Job, read: Found) -> None:
        if job.change.operation is Operation.DELETE:
            job.steps = [self._steps.delete(job.place, read)]
            return
        job.steps = self._steps.update(job.change, job.place, read)
        after = job.change.after or {}
        if MEMBERS in after:
            wanted, held = ids_of(after[MEMBERS]), ids_of(read.object.attributes.get(MEMBERS))
            job.more = self._steps.members(
                path_of(job.place, read.object.anchor),
                came=sorted({*wanted} - {*held}),
                went=sorted({*held} - {*wanted}),
            )


def _settled_update(change: Change, current: SiloObject | None) -> Outcome | None:
    """Decide an update: what is as wanted already is no conflict, and a password is written.

    Of an object that changed just now it is not believed: a read that lags shows what was.
    """
    if current is None:
        return Conflict(f"{change.type.name} {change.anchor} is not there any more")
    held = current.attributes
    before, after = change.before or {}, change.after or {}
    still_to_write = [name for name in after if not is_same(after[name], held.get(name))]
    if not still_to_write:
        return not_yet(change) or Succeeded(current)
    seems_done = any(
        name not in still_to_write and not is_same(before.get(name), value)
        for name, value in after.items()
    )
    if seems_done and (later := not_yet(change)):
        return later
    changed = sorted(
        name
        for name, value in before.items()
        if not is_same(value, held.get(name)) and (name in still_to_write or name not in after)
    )
    return Conflict(f"changed in the silo meanwhile: {', '.join(changed)}") if changed else None


def _miss(job: Job, error: SiloError) -> None:
    """Note that the object of a change could not be read: nothing was written.

    It was not begun where Graph was not reached, or was not available.
    """
    if not isinstance(error, SiloUnreachable):
        job.outcome = Refused(error.message)
    elif isinstance(error, SiloUnavailable):
        job.missed = Missed.UNAVAILABLE
        job.outcome = RetryAfter(LATER, error.message, is_lost=True)
    elif isinstance(error, SiloBusy | Failing):
        job.outcome = RetryAfter(LATER, error.message)
    else:
        job.missed = None if isinstance(error, NotReached) else Missed.BROKEN
        job.outcome = RetryAfter(LATER, error.message, is_lost=True)
