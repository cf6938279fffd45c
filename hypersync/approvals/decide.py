"""Decides: approves or rejects suspended actions, or a suspended scan.

The web pages and the command line come here. First decision wins: each change is one guarded
UPDATE, and whoever is late is told who decided and when. Several ids are decided all together or
not at all. An approval binds to what was shown: with a digest, a list that changed since is
refused. Nothing is carried out here; that is left to the next committing sync.

Order: what it is about, whether this person may answer, whether a reason is there, then the votes.
One rejection decides; an approval takes as many different people as the plan needs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hypersync.approvals.closing import close_if_settled
from hypersync.approvals.links import list_digest
from hypersync.approvals.outbox import tell_outcome
from hypersync.approvals.permission import check_permission
from hypersync.approvals.plan import entitled_now, needs_comment, seats_taken
from hypersync.approvals.record import record
from hypersync.approvals.settings import Settings
from hypersync.errors import DecisionLost, DecisionRefused, NotFound
from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, RequestId, RunId
from hypersync.model.requests import Answer, Request, RequestKind, RequestState
from hypersync.model.scans import ScanId
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.requests import Vote

_logger = logging.getLogger(__name__)

_LET_GO = frozenset(ActionState) - {
    ActionState.SUSPENDED,
    ActionState.REJECTED,
    ActionState.CLEARED,
    ActionState.STALE,
    ActionState.VOID,
    ActionState.PROPOSED,
    ActionState.PLANNED,
}


@dataclass(frozen=True, slots=True)
class OfActions:
    """These actions, all or none."""

    actions: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True)
class OfRequest:
    """Every undecided action of a request, or its scan; ``digest`` is of the list shown."""

    request: RequestId
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class OfRule:
    """Every undecided action of the volume request of a rule in a run."""

    run: RunId
    rule: str
    digest: str | None = None


Target = OfActions | OfRequest | OfRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """An answer: by whom (``person:ID`` or ``cli:USER``), proven how, and why.

    ``proof`` is code, session or shell.
    """

    answer: Answer
    by: str
    proof: str
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What an answer did.

    ``decided`` have that answer now, given just now or before; ``lost`` were decided otherwise, or
    their time is over; ``waiting`` got this approval and need another person's. Nothing was written
    when something was lost of several named actions.
    """

    decided: Sequence[Action] = ()
    lost: Sequence[Action] = ()
    waiting: Sequence[Action] = ()
    requests: Sequence[Request] = field(default_factory=tuple)
    scan: str | None = None


class _OvertakenError(Exception):
    """Somebody else decided between reading and writing."""


def decide(
    store: Store, target: Target, ballot: Ballot, *, now: datetime, settings: Settings
) -> Decided:
    """Decide, in one transaction.

    Raises `NotFound` for what does not exist, `DecisionRefused` when this person may not decide
    this or a reason is missing, and `DecisionLost` when the list changed since it was shown, or a
    scan request ended otherwise.
    """
    try:
        with store.begin() as unit:
            return _decide(unit, target, ballot, now, settings)
    except _OvertakenError:
        with store.begin() as unit:
            return _decide(unit, target, ballot, now, settings)


def _decide(
    unit: UnitOfWork, target: Target, ballot: Ballot, now: datetime, settings: Settings
) -> Decided:
    if isinstance(target, OfActions):
        named = _named(unit, target.actions)
        return _answer(unit, named, ballot, now, settings, is_all_or_none=True)
    request = request_of(unit, target)
    if request is None:
        raise NotFound("there is no such request")
    if request.kind is RequestKind.SCAN:
        return _answer_scan(unit, request, target.digest, ballot, now, settings)
    actions = unit.actions.of_request(request.id)
    undecided = undecided_of(actions, now)
    if target.digest not in (None, digest_of(request, undecided)) and undecided:
        raise DecisionLost("the list changed since it was shown; look at it again")
    return _answer(unit, undecided or actions, ballot, now, settings, is_all_or_none=False)


def _named(unit: UnitOfWork, ids: Sequence[ActionId]) -> Sequence[Action]:
    found = unit.actions.get(list(dict.fromkeys(ids)))
    if missing := set(ids) - {action.id for action in found}:
        raise NotFound(f"there is no action {min(missing)}")
    return found


def request_of(unit: UnitOfWork, target: OfRequest | OfRule) -> Request | None:
    """Return the request that a target is about."""
    if isinstance(target, OfRequest):
        return unit.requests.get(target.request)
    return unit.requests.of_rule(target.run, target.rule)


def undecided_of(actions: Sequence[Action], now: datetime) -> list[Action]:
    """Return the actions that can still be decided."""
    return [action for action in actions if _is_open(action, now)]


def digest_of(request: Request, undecided: Sequence[Action]) -> str:
    """Return what stands for what a page shows of a request."""
    if request.kind is RequestKind.SCAN:
        return list_digest([(request.scan or "", str(request.count))])
    return list_digest([(action.id, action.fingerprint) for action in undecided])


def _is_open(action: Action, now: datetime) -> bool:
    in_time = action.expires_at is None or now < action.expires_at
    return action.state is ActionState.SUSPENDED and in_time


def has_answer(action: Action, answer: Answer) -> bool:
    """Tell whether somebody gave this answer about an action already."""
    if answer is Answer.REJECT:
        return action.state is ActionState.REJECTED
    return action.state in _LET_GO and action.decided_by is not None


# --- actions -----------------------------------------------------------------------------------


def _answer(
    unit: UnitOfWork,
    actions: Sequence[Action],
    ballot: Ballot,
    now: datetime,
    settings: Settings,
    *,
    is_all_or_none: bool,
) -> Decided:
    fresh = undecided_of(actions, now)
    same = [action for action in actions if has_answer(action, ballot.answer)]
    known = {action.id for action in (*fresh, *same)}
    lost = [action for action in actions if action.id not in known]
    requests = _requests_of(unit, fresh)
    for request in requests.values():
        check_permission(unit, request, _of(request, fresh), ballot.by, settings)
        _check_comment(request, ballot)
    if (lost and is_all_or_none) or not fresh:
        return Decided(decided=same, lost=lost, requests=tuple(requests.values()))
    waiting: list[Action] = []
    for request in requests.values():
        waiting += _vote(unit, request, _of(request, fresh), ballot, now, settings)
    behind = {action.id for action in waiting}
    ids = [action.id for action in (*same, *fresh) if action.id not in behind]
    closed = [close_if_settled(unit, each, settings, now) for each in requests.values()]
    return Decided(
        decided=unit.actions.get(ids), lost=lost, waiting=waiting, requests=tuple(closed)
    )


def _requests_of(unit: UnitOfWork, actions: Sequence[Action]) -> dict[RequestId, Request]:
    """Return the requests that ask about these actions; each action has one."""
    found: dict[RequestId, Request] = {}
    for action in actions:
        if action.request is not None and action.request in found:
            continue
        request = None if action.request is None else unit.requests.get(action.request)
        if request is None:
            raise NotFound(f"nobody was asked about action {action.id}")
        found[request.id] = request
    return found


def _of(request: Request, actions: Sequence[Action]) -> list[Action]:
    return [action for action in actions if action.request == request.id]


def _check_comment(request: Request, ballot: Ballot) -> None:
    wanted = needs_comment(request.plan, is_rejection=ballot.answer is Answer.REJECT)
    if wanted and not (ballot.comment or "").strip():
        raise DecisionRefused("a reason is needed; say why")


def _vote(
    unit: UnitOfWork,
    request: Request,
    actions: list[Action],
    ballot: Ballot,
    now: datetime,
    settings: Settings,
) -> list[Action]:
    """Write down the votes and what they decide; return the actions that need another person."""
    _write_votes(unit, request, [action.id for action in actions], ballot, now)
    ids = [action.id for action in actions]
    waiting: list[Action] = []
    if ballot.answer is Answer.REJECT:
        done = unit.requests.reject(
            ids, by=ballot.by, now=now, hold_until=now + settings.reject_hold
        )
    else:
        enough = _approved_by_enough(unit, request, ids, ballot, settings)
        waiting = [action for action in actions if action.id not in enough]
        ids = [each for each in ids if each in enough]
        done = unit.requests.approve(
            ids, by=ballot.by, now=now, until=now + settings.approval_valid
        )
    if len(done) < len(ids):
        raise _OvertakenError
    _record(unit, request, len(done), len(waiting), ballot, now)
    return waiting


def _write_votes(
    unit: UnitOfWork, request: Request, ids: list[ActionId], ballot: Ballot, now: datetime
) -> None:
    voted = {
        vote.action
        for vote in unit.requests.votes(request.id)
        if vote.by == ballot.by and vote.answer is ballot.answer
    }
    unit.requests.vote(
        [
            Vote(
                request=request.id,
                action=each,
                answer=ballot.answer,
                by=ballot.by,
                at=now,
                proof=ballot.proof,
                comment=ballot.comment or None,
            )
            for each in ids
            if each not in voted
        ]
    )


def _approved_by_enough(
    unit: UnitOfWork,
    request: Request,
    ids: list[ActionId],
    ballot: Ballot,
    settings: Settings,
) -> frozenset[ActionId]:
    """Return the actions that as many different people approved as the plan needs."""
    if request.plan.need <= 1 or not ballot.by.startswith("person:"):
        return frozenset(ids)
    voters: dict[ActionId, set[str]] = {each: set() for each in ids}
    for vote in unit.requests.votes(request.id):
        if vote.action is not None and vote.action in voters and vote.answer is Answer.APPROVE:
            voters[vote.action].add(vote.by.removeprefix("person:"))
    entitled = entitled_now(request, settings.directory)
    return frozenset(
        each
        for each, people in voters.items()
        if seats_taken(people, entitled, settings.directory) >= request.plan.need
    )


def _record(
    unit: UnitOfWork, request: Request, count: int, waiting: int, ballot: Ballot, now: datetime
) -> None:
    kind = "approve" if ballot.answer is Answer.APPROVE else "deny"
    data = {"count": count, "waiting": waiting, "proof": ballot.proof}
    record(unit, kind, request, now, data, by=ballot.by)
    _logger.info(
        "%s of %d actions of request %s (run %s, rule %s) by %s, proof %s",
        ballot.answer.value,
        count,
        request.id,
        request.run,
        request.rule,
        ballot.by,
        ballot.proof,
    )


# --- scans -------------------------------------------------------------------------------------


def _answer_scan(
    unit: UnitOfWork,
    request: Request,
    digest: str | None,
    ballot: Ballot,
    now: datetime,
    settings: Settings,
) -> Decided:
    votes = [vote for vote in unit.requests.votes(request.id) if vote.action is None]
    if request.state not in (RequestState.OPEN, RequestState.ACKNOWLEDGED):
        if request.state is RequestState.CLOSED and votes and votes[-1].answer is ballot.answer:
            return Decided(requests=(request,), scan=request.scan)
        raise DecisionLost("the request about this scan has ended already")
    if digest is not None and digest != digest_of(request, ()):
        raise DecisionLost("there is a newer scan since this was shown; look at it again")
    check_permission(unit, request, (), ballot.by, settings)
    _check_comment(request, ballot)
    mine = Vote(
        request=request.id,
        action=None,
        answer=ballot.answer,
        by=ballot.by,
        at=now,
        proof=ballot.proof,
        comment=ballot.comment or None,
    )
    unit.requests.vote([mine])
    approvals = {vote.by for vote in (*votes, mine) if vote.answer is Answer.APPROVE}
    people = {by.removeprefix("person:") for by in approvals}
    entitled = entitled_now(request, settings.directory)
    enough = seats_taken(people, entitled, settings.directory) >= request.plan.need
    is_approved = ballot.answer is Answer.APPROVE
    if is_approved and not enough and ballot.by.startswith("person:"):
        _record(unit, request, 0, 1, ballot, now)
        return Decided(requests=(request,), scan=request.scan)
    counts = {"approved": int(is_approved), "rejected": int(not is_approved)}
    if not unit.requests.close(request.id, RequestState.CLOSED, counts, now):
        raise _OvertakenError
    scan = ScanId(request.scan or "")
    if not unit.scans.decide(scan, approved=is_approved, type_name=request.type):
        raise DecisionLost("the scan is not waiting any more; look for a newer one")
    _record(unit, request, 1, 0, ballot, now)
    tell_outcome(unit, request.id, settings, now)
    return Decided(requests=(request,), scan=request.scan)
