"""What the answers to a job's steps mean, and what its object looks like afterwards. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from hypersync.connectors.changes import is_missing, is_same, present, reference, sorted_values
from hypersync.connectors.msgraph.answers import LATER, UNAVAILABLE, Answer, NotGraph, failure
from hypersync.connectors.msgraph.job import Job, Missed
from hypersync.connectors.msgraph.properties import MEMBERS, PASSWORD
from hypersync.connectors.msgraph.read import found
from hypersync.connectors.msgraph.requests import Step
from hypersync.connectors.msgraph.steps import ids_of
from hypersync.connectors.msgraph.wire import NotAnswered, Result
from hypersync.model.objects import (
    Conflict,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    SiloObject,
    Succeeded,
    Unknown,
    Value,
    not_yet,
)

GONE_FOR_GOOD = "it is not among the deleted objects any more, so nothing brings it back"


def judge(job: Job, results: Sequence[Result], now: Callable[[], datetime]) -> Outcome | None:
    """Note what the answers say.

    Of a creation that failed because something of that name is there, or whose answer was lost,
    return the outcome that it has unless the object is found.
    """
    if job.is_creation:
        _take_created(job, results[0])
    steps = enumerate(zip(job.steps, results, strict=True))
    bad = next((n for n, (step, each) in steps if not _is_good(job, step, each)), None)
    if bad is None:
        job.is_done = job.change.operation is not Operation.DELETE
        job.outcome = None if job.is_done else Succeeded(None)
        return None
    outcome = _failed(job, job.steps[bad], results[bad], now)
    if bad:
        job.why = f"only partly written: {said(results[bad])}"
    elif job.is_creation and (isinstance(outcome, Unknown) or _is_duplicate(results[0])):
        return outcome
    elif isinstance(outcome, Conflict):
        job.why = outcome.why
    elif not job.is_waiting_for_member:
        job.outcome = outcome
    return None


def judge_more(job: Job, results: Sequence[Result], now: Callable[[], datetime]) -> None:
    """Note what the answers to the changes of single members say."""
    steps = zip(job.more, results, strict=True)
    bad = [(step, each) for step, each in steps if not _is_settled(job, step, each)]
    if not bad:
        job.is_done = True
        return
    job.is_done = False
    step, result = bad[0]
    if job.steps or len(bad) < len(results):
        job.why = f"only partly written: {said(result)}"
    elif _is_not_there(result) and not _has_left(step, result):
        job.why = f"the members were not changed: {said(result)}"
    else:
        job.outcome = _failed(job, step, result, now)


def _is_settled(job: Job, step: Step, result: Result) -> bool:
    """Tell whether a change of members was made: who is to leave and is not there has left.

    Unless the group changed just now: the server that answered may not know its members yet.
    """
    if isinstance(result, Answer) and result.is_good:
        return True
    return _has_left(step, result) and not job.change.fresh_for


def _has_left(step: Step, result: Result) -> bool:
    """Tell whether a member, or a manager, that is to be taken away is said not to be there."""
    return step.method == "DELETE" and _is_not_there(result)


def lacks_somebody(step: Step, result: Result) -> bool:
    """Tell whether members were not added because Graph knows one of them, or the group, not."""
    return step.method != "DELETE" and _is_not_there(result)


def _is_not_there(result: Result) -> bool:
    return isinstance(result, Answer) and result.status == 404


def _take_created(job: Job, result: Result) -> None:
    if not (isinstance(result, Answer) and result.is_good):
        return
    try:
        item = result.json()
    except NotGraph:
        return
    if isinstance(anchor := item.get("id"), str):
        job.anchor = anchor
        job.answered = found(job.place, anchor, item, [])


def _is_good(job: Job, step: Step, result: Result) -> bool:
    if isinstance(result, NotAnswered):
        return False
    if result.is_good:
        return not job.is_creation or job.answered is not None
    return _seems_done(job, step, result) and not job.change.fresh_for


def _seems_done(job: Job, step: Step, result: Result) -> bool:
    """Tell whether Graph says that what was to be written is so already.

    Of what changed just now a server that lags behind says the same.
    """
    if job.change.operation is Operation.ADD_MEMBER:
        return _is_duplicate(result)
    return _has_left(step, result)


def _is_duplicate(result: Result) -> bool:
    return isinstance(result, Answer) and result.is_duplicate


def said(result: Result) -> str:
    """Return why something was not done."""
    return result.sentence if isinstance(result, Answer) else result.why


def _failed(job: Job, step: Step, result: Result, now: Callable[[], datetime]) -> Outcome:
    if isinstance(result, NotAnswered):
        if not result.is_sent:
            return RetryAfter(LATER, result.why, is_lost=True)
        return Unknown(f"nobody knows whether it was done: {result.why}")
    if result.is_good:
        text = "it was done, and the answer does not say which object it made"
        return Unknown(text, is_lost=False)
    if _seems_done(job, step, result) and (later := not_yet(job.change)):
        return later
    if result.status == 404 and job.change.operation is Operation.ADD_MEMBER:
        job.is_waiting_for_member = True
    elif result.status == 404 and job.is_restored:
        return Refused(GONE_FOR_GOOD)
    elif result.status == 404 and not job.is_creation:
        return Conflict(f"{job.change.type.name} {job.anchor} is not there any more")
    job.missed = Missed.UNAVAILABLE if result.status == UNAVAILABLE else None
    one_of = " or ".join(job.place.resource.writing)
    return failure(result, now(), permissions=f"it needs {one_of}")


# --- the object afterwards -----------------------------------------------------------------------


def still_old(job: Job, there: SiloObject) -> list[str]:
    """Return what an update wrote, as Graph said, and a read still shows as it was before."""
    if job.before is None or not job.is_done or job.change.operation is not Operation.UPDATE:
        return []
    before, held = job.before.object.attributes, there.attributes
    return sorted(
        name
        for name, value in (job.change.after or {}).items()
        if name in job.place.names
        and name != PASSWORD
        and is_same(before.get(name), held.get(name))
        and not is_same(value, held.get(name))
    )


def shown(job: Job, there: SiloObject | None, moved: Sequence[Job]) -> SiloObject | None:
    """Return a job's object as it is now: what a new one was made with is filled in where missing.

    ``moved`` are all memberships of this group that were just changed. A new object that no read
    shows is as Graph answered.
    """
    if there is None and job.answered is not None:
        there = job.answered.object
    if there is None:
        return None
    attributes: dict[str, Value] = dict(there.attributes)
    if job.is_done and job.change.operation is Operation.CREATE:
        for name, value in (job.change.after or {}).items():
            is_unseen = is_missing(attributes.get(name))
            if is_unseen and name in job.place.names and name != PASSWORD:
                attributes[name] = value
    if moved and MEMBERS in job.place.names:
        attributes[MEMBERS] = _moved(attributes.get(MEMBERS), moved)
    return SiloObject(there.type, there.anchor, present(attributes))


def _moved(value: Value, moved: Sequence[Job]) -> Value:
    members = set(ids_of(value))
    for job in moved:
        if job.change.operation is Operation.ADD_MEMBER:
            members.add(reference(job.change))
        else:
            members.discard(reference(job.change))
    return sorted_values(members)
