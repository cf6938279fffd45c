"""Tells what Graph may not be able to stand from a Graph that is out of reach.

A change that was not begun waits as long as Graph is not reached. Where Graph serves others, it may
be the change: it is a suspect, is tried by itself from then on, and that is an attempt. Where
several were asked for in one batch that broke off, nobody knows which one it was; all are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hypersync.connectors.msgraph.answers import BUSY, Answer
from hypersync.connectors.msgraph.job import Job, Missed
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.requests import Step
from hypersync.connectors.msgraph.wire import Wire, local
from hypersync.errors import SiloError
from hypersync.model.objects import Conflict, RetryAfter, Succeeded

_TIMED_OUT: Final = 408
_FAILED: Final = 500


def name_suspects(jobs: Sequence[Job], wire: Wire) -> None:
    """Say of the changes that were missed, once all are done with, which ones are suspects.

    That others were answered, or the read before the write, tells that Graph serves; else it is
    asked for something small. Of several that all heard that it is not available none is named:
    that is what it is like then.
    """
    missed = [job for job in jobs if job.missed is not None and _is_lost(job)]
    if not any(isinstance(job.outcome, Succeeded | Conflict) for job in jobs):
        if len(jobs) > 1:
            missed = [job for job in missed if job.missed is Missed.BROKEN]
        if not missed or not (_was_read(missed[0]) or _is_serving(wire, missed[0].place)):
            return
    for job in missed:
        if isinstance(job.outcome, RetryAfter):
            job.outcome = replace(job.outcome, is_suspect=True)


def _is_lost(job: Job) -> bool:
    return isinstance(job.outcome, RetryAfter) and job.outcome.is_lost


def _was_read(job: Job) -> bool:
    """Tell whether Graph answered a read before it did not write; memberships may need none."""
    return bool(job.steps) and not job.is_membership


def _is_serving(wire: Wire, place: Place) -> bool:
    """Tell whether Graph answers when it is asked for any one object."""
    step = Step(path=local(f"/{place.resource.name}", {"$select": "id", "$top": "1"}))
    try:
        ((result,),) = wire.batches([[step]], is_reading=True)
    except SiloError:
        return False
    if not isinstance(result, Answer):
        return False
    return result.status < _FAILED and result.status not in (_TIMED_OUT, *BUSY)
