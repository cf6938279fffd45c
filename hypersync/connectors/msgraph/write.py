"""Writes changes to Graph, each only if the object is still as it was.

Graph has no general compare-and-set: an object is read right before it is written, and where Graph
offers an ETag the write is bound to it. Requests travel in batches of twenty, several at once; two
changes to one object never do. What is told of single requests counts: one that is throttled is
tried later, one whose answer was lost is unknown, unless the object itself tells.

After the writes the objects are read once, for the outcomes. What was just made may not be seen
yet: it is waited for, as long as the silo's ``patience``; a value that is still the old one is
taken as written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hypersync.connectors.changes import differing, reference
from hypersync.connectors.msgraph.after import judge, judge_more, shown
from hypersync.connectors.msgraph.before import Before
from hypersync.connectors.msgraph.job import Job, job_of, outcomes, waves
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.read import Found, Read, path_of
from hypersync.connectors.msgraph.reads import Reads, Recent
from hypersync.connectors.msgraph.steps import Steps
from hypersync.connectors.msgraph.values import compared
from hypersync.connectors.msgraph.wire import Wire
from hypersync.errors import SiloError
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Operation,
    Outcome,
    Succeeded,
    Unknown,
)


class Writer:
    """Applies changes; ``now`` is asked for when Graph names a date to wait for."""

    def __init__(
        self,
        wire: Wire,
        steps: Steps,
        places: Mapping[str, Place],
        recent: Recent,
        now: Callable[[], datetime],
    ) -> None:
        self._wire = wire
        self._steps = steps
        self._places = places
        self._recent = recent
        self._now = now
        self._reads = Reads(wire, recent)
        self._before = Before(wire, steps, self._reads)

    def __call__(self, changes: Sequence[Change]) -> list[Outcome]:
        """Return one outcome for each change."""
        jobs = [job_of(change, self._places[change.type.name]) for change in changes]
        for wave in waves(jobs):
            self._write(wave)
            self._read_back(wave)
        return outcomes(jobs)

    def _write(self, jobs: Sequence[Job]) -> None:
        self._before.look(jobs)
        self._send([job for job in jobs if job.is_open])
        self._wait_for_members([job for job in jobs if job.is_waiting_for_member])
        self._send_members(jobs)
        for job in jobs:
            if job.is_restored and job.is_done:
                self._complete(job)

    def _send(self, jobs: Sequence[Job]) -> None:
        todo = [job for job in jobs if job.steps]
        for job in jobs:
            job.is_done = not job.steps
        results = self._wire.batches([job.steps for job in todo])
        for job, answers in zip(todo, results, strict=True):
            fallback = judge(job, answers, self._now)
            if job.answered is not None and job.anchor is not None:
                self._recent.note(job.anchor)
            if fallback is not None and not self._before.find_again(job):
                job.outcome = fallback

    def _send_members(self, jobs: Sequence[Job]) -> None:
        """Add and remove the members that an update or a new group has besides."""
        todo = [job for job in jobs if job.is_done and (job.more or job.members_left)]
        for job in todo:
            path = path_of(job.place, job.anchor or "")
            job.more += self._steps.members(path, came=job.members_left, went=())
        groups = [[step] for job in todo for step in job.more]
        results = iter(self._wire.batches(groups))
        for job in todo:
            judge_more(job, [next(results)[0] for _ in job.more], self._now)

    def _wait_for_members(self, jobs: Sequence[Job]) -> None:
        """Try again to add members that Graph does not know; those just made are waited for."""
        for job in jobs:
            job.why = f"the member {reference(job.change)} is not there"
        left = [
            job for job in jobs if {reference(job.change), job.anchor} & {*_in(self._recent, job)}
        ]
        for _ in self._recent.patience.rounds() if left else ():
            for job in left:
                job.is_waiting_for_member, job.why = False, ""
            self._send(left)
            left = [job for job in left if job.is_waiting_for_member]
            for job in left:
                job.why = f"the member {reference(job.change)} is not there yet"
            if not left:
                return

    def _complete(self, job: Job) -> None:
        """Give an object that was brought back the values it had, where they differ."""
        self._recent.note(job.anchor or "")
        change = replace(job.change, operation=Operation.UPDATE, before={})
        rest = Job(change, job.place, anchor=job.anchor)
        self._before.look([rest])
        self._send([each for each in [rest] if each.is_open])
        self._send_members([rest])
        if not rest.is_done:
            job.is_done = False
            job.why = f"it is back, and not as it was: {rest.why or rest.outcome}"

    # --- reading back --------------------------------------------------------------------------

    def _read_back(self, jobs: Sequence[Job]) -> None:
        """Give every job that wants one its object, and so its outcome."""
        left = [job for job in jobs if job.wants_object]
        moved: dict[str | None, list[Job]] = {}
        for job in left:
            if job.is_membership and job.is_done:
                moved.setdefault(job.anchor, []).append(job)
        known = [job for job in left if job.anchor is not None]
        reads = dict(zip(map(id, known), self._reads.each(known, whole=True), strict=True))
        for job in left:
            job.outcome = _outcome(job, reads.get(id(job)), moved.get(job.anchor, ()))


def _in(recent: Recent, job: Job) -> list[str]:
    return [each for each in (reference(job.change), job.anchor or "") if each in recent]


def _outcome(job: Job, read: Read, moved: Sequence[Job]) -> Outcome:
    if isinstance(read, SiloError) and job.answered is None:
        if job.why:
            return Conflict(job.why)
        return Unknown(f"written, and could not be read back: {read.message}")
    there = shown(job, read.object if isinstance(read, Found) else None, moved)
    if there is None:
        return Conflict(f"{job.change.type.name} {job.anchor} is not there any more")
    if job.why and not _is_as_wanted(job, there.attributes):
        return Conflict(job.why, there)
    return Succeeded(there, made=job.has_made)


def _is_as_wanted(job: Job, attributes: Attributes) -> bool:
    """Tell whether a job that was written in part, or changed by others, is as wanted after all."""
    if job.is_membership or job.change.operation is Operation.DELETE:
        return False
    after = compared(job.change).after or {}
    readable = {name: value for name, value in after.items() if name in job.place.names}
    return len(readable) == len(after) and not differing(readable, attributes)
