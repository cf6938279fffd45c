"""Decides about a suspended scan: its staged changes are applied, or dropped."""

from __future__ import annotations

from datetime import datetime

from hypersync.approvals.ballot import Ballot, Decided
from hypersync.approvals.outbox import tell_outcome
from hypersync.approvals.permission import check_permission
from hypersync.approvals.plan import entitled_now, seats_taken
from hypersync.approvals.settings import Settings
from hypersync.approvals.voting import (
    OvertakenError,
    check_comment,
    check_proof,
    digest_of,
    record_answer,
    write_votes,
)
from hypersync.errors import DecisionLost
from hypersync.model.requests import Answer, Request, RequestState
from hypersync.model.scans import ScanId
from hypersync.ports.store import UnitOfWork


def answer_scan(
    unit: UnitOfWork,
    request: Request,
    digest: str | None,
    ballot: Ballot,
    now: datetime,
    settings: Settings,
) -> Decided:
    """Decide the scan of a request; raises what `decide` raises."""
    votes = [vote for vote in unit.requests.votes(request.id) if vote.action is None]
    if request.state not in (RequestState.OPEN, RequestState.ACKNOWLEDGED):
        if request.state is RequestState.CLOSED and votes and votes[-1].answer is ballot.answer:
            return Decided(requests=(request,), scan=request.scan)
        raise DecisionLost("the request about this scan has ended already")
    if digest is not None and digest != digest_of(request, ()):
        raise DecisionLost("there is a newer scan since this was shown; look at it again")
    check_permission(unit, request, (), ballot.by, settings)
    check_proof(request, (), ballot, settings)
    check_comment(request, ballot)
    write_votes(unit, request, [None], ballot, now)
    enough = _has_enough(unit, request, settings)
    is_approved = ballot.answer is Answer.APPROVE
    if is_approved and not enough and ballot.by.startswith("person:"):
        record_answer(unit, request, 0, 1, ballot, now)
        return Decided(requests=(request,), scan=request.scan, needs_another=True)
    counts = {"approved": int(is_approved), "rejected": int(not is_approved)}
    if not unit.requests.close(request.id, RequestState.CLOSED, counts, now):
        raise OvertakenError
    scan = ScanId(request.scan or "")
    if not unit.scans.decide(scan, approved=is_approved, type_name=request.type):
        raise DecisionLost("the scan is not waiting any more; look for a newer one")
    record_answer(unit, request, 1, 0, ballot, now)
    tell_outcome(unit, request.id, settings, now)
    return Decided(requests=(request,), scan=request.scan)


def _has_enough(unit: UnitOfWork, request: Request, settings: Settings) -> bool:
    """Tell whether as many different people approved as the plan needs."""
    people = {
        vote.by.removeprefix("person:")
        for vote in unit.requests.votes(request.id)
        if vote.action is None and vote.answer is Answer.APPROVE
    }
    entitled = entitled_now(request, settings.directory)
    return seats_taken(people, entitled, settings.directory) >= request.plan.need
