"""Writes changes to Graph, each only if the object is still as it was.

Graph has no general compare-and-set: an object is read right before it is written, and where Graph
offers an ETag the write is bound to it. Requests travel in batches of twenty, several at once; two
changes to one object never do. What is told of single requests counts: one that is throttled is
tried later, one whose answer was lost is unknown, unless the object itself tells.

After the writes the objects are read once, for the outcomes. What was just made may not be seen
yet, and a value that was just changed may be the old one still: they are waited for, as long as
the silo's ``patience``. An update that Graph accepted and does not show then is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypersync.connectors.changes import differing, reference
from hypersync.connectors.msgraph.after import judge, judge_more, lacks_somebody, shown, still_old
from hypersync.connectors.msgraph.before import Before
from hypersync.connectors.msgraph.job import Job, job_of, outcomes, waves
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.read import Found, Read, path_of
from hypersync.connectors.msgraph.reads import Reads, Recent
from hypersync.connectors.msgraph.requests import Step
from hypersync.connectors.msgraph.steps import Steps, named
from hypersync.connectors.msgraph.suspects import name_suspects
from hypersync.connectors.msgraph.values import compared
from hypersync.connectors.msgraph.wire import Result, Wire
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
        name_suspects(jobs, self._wire)
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
        steps = [(job, step) for job in todo for step in job.more]
        results = self._send_patiently(steps)
        for job in todo:
            judge_more(job, [next(results) for _ in job.more], self._now)

    def _send_patiently(self, steps: Sequence[tuple[Job, Step]]) -> Iterator[Result]:
        """Send steps one by one; those that name what was just made are tried until it is known."""
        results = self._send_each(steps)
        left = [n for n, each in enumerate(steps) if self._may_come(*each, results[n])]
        for _ in self._recent.patience.rounds() if left else ():
            again = self._send_each([steps[n] for n in left])
            for n, result in zip(left, again, strict=True):
                results[n] = result
            left = [n for n in left if lacks_somebody(steps[n][1], results[n])]
            if not left:
                break
        return iter(results)

    def _send_each(self, steps: Sequence[tuple[Job, Step]]) -> list[Result]:
        return [answers[0] for answers in self._wire.batches([[step] for _, step in steps])]

    def _may_come(self, job: Job, step: Step, result: Result) -> bool:
        is_recent = any(each in self._recent for each in {job.anchor or "", *named(step)})
        return is_recent and lacks_somebody(step, result)

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
        change = replace(
            job.change, operation=Operation.UPDATE, before={}, fresh_for=timedelta(0)
        )  # what it had when it was deleted, nobody could change since
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
        reads = self._read_patiently(known)
        for job in left:
            job.outcome = _outcome(job, reads.get(id(job)), moved.get(job.anchor, ()))

    def _read_patiently(self, jobs: Sequence[Job]) -> dict[int, Read]:
        """Read objects; those that show an old value are read until they show the new one."""
        reads = dict(zip(map(id, jobs), self._reads.each(jobs, whole=True), strict=True))
        old = [job for job in jobs if _still_old(job, reads[id(job)])]
        for _ in self._recent.patience.rounds() if old else ():
            reads |= zip(map(id, old), self._reads.each(old, whole=True), strict=True)
            old = [job for job in old if _still_old(job, reads[id(job)])]
            if not old:
                break
        return reads


def _in(recent: Recent, job: Job) -> list[str]:
    return [each for each in (reference(job.change), job.anchor or "") if each in recent]


def _still_old(job: Job, read: Read) -> list[str]:
    return still_old(job, read.object) if isinstance(read, Found) else []


def _outcome(job: Job, read: Read, moved: Sequence[Job]) -> Outcome:
    if isinstance(read, SiloError) and job.answered is None:
        if job.why:
            return Conflict(job.why)
        return Unknown(f"written, and could not be read back: {read.message}")
    if old := _still_old(job, read):
        names = ", ".join(old)
        text = f"Graph accepted the change and still shows the old value of {names}"
        return Unknown(text, is_lost=False)
    there = shown(job, read.object if isinstance(read, Found) else None, moved)
    if there is None:
        return Conflict(f"{job.change.type.name} {job.anchor} is not there any more")
    if job.why and not _is_as_wanted(job, there.attributes):
        return Conflict(job.why, there)
    return Succeeded(there, made=job.has_made)


def _is_as_wanted(job: Job, attributes: Attributes) -> bool:
    """Tell whether a job that was written in part, or changed by others, is as wanted after all.

    Of what changed just now a read that lags behind shows as much, and is not believed.
    """
    if job.is_membership or job.change.operation is Operation.DELETE or job.change.fresh_for:
        return False
    after = compared(job.change).after or {}
    readable = {name: value for name, value in after.items() if name in job.place.names}
    return len(readable) == len(after) and not differing(readable, attributes)
