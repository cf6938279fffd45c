"""Decides: approves or rejects suspended actions, or a suspended scan.

The web pages and the command line come here. First decision wins: each change is one guarded
UPDATE, and whoever is late is told who decided and when. Several ids are decided all together or
not at all. An approval binds to what was shown: with a digest, a list that changed since is
refused. Nothing is carried out here; that is left to the next committing sync.

Order: what it is about, whether this person may answer, whether a reason is there, then the votes.
One rejection decides; an approval takes as many different people as the plan needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hypersync.approvals.ballot import (
    Ballot,
    Decided,
    OfActions,
    OfRequest,
    OfRule,
    OfSeveral,
    Target,
)
from hypersync.approvals.casting import as_decided, cast
from hypersync.approvals.closing import close_if_settled
from hypersync.approvals.decide_scan import answer_scan
from hypersync.approvals.links import mark_of
from hypersync.approvals.permission import check_permission
from hypersync.approvals.settings import Settings
from hypersync.approvals.voting import (
    OvertakenError,
    check_comment,
    check_proof,
    digest_of,
    undecided_of,
)
from hypersync.errors import DecisionLost, DecisionRefused, NotFound
from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, RequestId
from hypersync.model.requests import Answer, Request, RequestKind
from hypersync.ports.store import Store, UnitOfWork

__all__ = [
    "Ballot",
    "Decided",
    "OfActions",
    "OfRequest",
    "OfRule",
    "OfSeveral",
    "Target",
    "actions_of",
    "check_cluster",
    "decide",
    "decide_several",
    "digest_of",
    "has_answer",
    "request_of",
    "undecided_of",
]

_LET_GO = frozenset(ActionState) - {
    ActionState.SUSPENDED,
    ActionState.REJECTED,
    ActionState.CLEARED,
    ActionState.STALE,
    ActionState.VOID,
    ActionState.PROPOSED,
    ActionState.PLANNED,
}


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
    except OvertakenError:
        with store.begin() as unit:
            return _decide(unit, target, ballot, now, settings)


def decide_several(
    store: Store, target: OfSeveral, ballot: Ballot, *, now: datetime, settings: Settings
) -> Decided:
    """Decide what somebody chose on a page, in one transaction: all of it or nothing.

    Raises what `decide` raises, and `DecisionLost` when an action is another than was shown.
    """
    try:
        with store.begin() as unit:
            return _decide_several(unit, target, ballot, now, settings)
    except OvertakenError:
        with store.begin() as unit:
            return _decide_several(unit, target, ballot, now, settings)


def _decide(
    unit: UnitOfWork, target: Target, ballot: Ballot, now: datetime, settings: Settings
) -> Decided:
    if isinstance(target, OfActions):
        named = _named(unit, target.actions)
        return _answer(unit, named, ballot, now, settings, is_all_or_none=True)
    request = request_of(unit, target)
    if request is None:
        raise NotFound("there is no such request")
    actions = actions_of(unit, request, target)
    if request.kind is RequestKind.SCAN:
        return answer_scan(unit, request, target.digest, ballot, now, settings)
    undecided = _undecided_as_shown(request, actions, target, now)
    return _answer(unit, undecided or actions, ballot, now, settings, is_all_or_none=False)


def _undecided_as_shown(
    request: Request, actions: Sequence[Action], target: OfRequest | OfRule, now: datetime
) -> list[Action]:
    """Return what can be decided, if it is the list that was shown."""
    if request.kind is RequestKind.INCIDENT and not actions:
        raise DecisionRefused("an incident is not approved or rejected: put right what it says")
    undecided = undecided_of(actions, now)
    if target.digest not in (None, digest_of(request, undecided)) and undecided:
        raise DecisionLost("the list changed since it was shown; look at it again")
    return undecided


def _decide_several(
    unit: UnitOfWork, target: OfSeveral, ballot: Ballot, now: datetime, settings: Settings
) -> Decided:
    named = _named(unit, target.actions, [part.request for part in target.parts])
    chosen = {action.id: action for action in _as_shown(named, target)}
    scans: list[OfRequest] = []
    for part in target.parts:
        request = unit.requests.get(part.request)
        if request is None:
            raise NotFound("there is no such request")
        if request.kind is RequestKind.SCAN:
            scans.append(part)
            continue
        actions = actions_of(unit, request, part)
        undecided = _undecided_as_shown(request, actions, part, now)
        chosen |= {action.id: action for action in undecided or actions}
    decided = Decided()
    if chosen:
        given = list(chosen.values())
        decided = _answer(unit, given, ballot, now, settings, is_all_or_none=True)
    if decided.lost:
        return decided
    for part in scans:
        found = _decide(unit, part, ballot, now, settings)
        decided = replace(
            decided,
            requests=(*decided.requests, *found.requests),
            scan=found.scan,
            needs_another=decided.needs_another or found.needs_another,
        )
    return decided


def _as_shown(found: Sequence[Action], target: OfSeveral) -> Sequence[Action]:
    """Return the actions that were chosen one by one, if they are what was shown."""
    shown = dict(zip(target.actions, target.marks, strict=True))
    if any(mark_of(action.id, action.fingerprint) != shown[action.id] for action in found):
        raise DecisionLost("an action changed since it was shown; look at it again")
    return found


def _named(
    unit: UnitOfWork, ids: Sequence[ActionId], others: Sequence[RequestId] = ()
) -> Sequence[Action]:
    """Return these actions; their requests, and ``others``, are locked from here on.

    Everybody locks in the same order, so that nobody waits for each other.
    """
    wanted = list(dict.fromkeys(ids))
    asking = {action.request for action in unit.actions.get(wanted) if action.request is not None}
    for each in sorted(asking.union(others)):
        unit.requests.get(each)
    found = unit.actions.get(wanted)
    if missing := set(wanted) - {action.id for action in found}:
        raise NotFound(f"there is no action {min(missing)}")
    return found


def request_of(unit: UnitOfWork, target: OfRequest | OfRule) -> Request | None:
    """Return the request that a target is about."""
    if isinstance(target, OfRequest):
        return unit.requests.get(target.request)
    return unit.requests.of_rule(target.run, target.rule)


def actions_of(unit: UnitOfWork, request: Request, target: OfRequest | OfRule) -> Sequence[Action]:
    """Return the actions of a request that a target is about; raises `NotFound` for a cluster."""
    check_cluster(request, target.cluster)
    actions = unit.actions.of_request(request.id)
    return [action for action in actions if target.cluster in (None, action.cluster)]


def check_cluster(request: Request, cluster: str | None) -> None:
    """Raise `NotFound` for a cluster that a request has not; ``None`` is all of it."""
    known = [each.key for each in request.clusters]
    if cluster is not None and cluster not in known:
        some = f"it has {', '.join(known)}" if known else "it has none; decide all of it"
        raise NotFound(f"the request has no cluster {cluster!r}: {some}")


def has_answer(action: Action, answer: Answer) -> bool:
    """Tell whether somebody gave this answer about an action already."""
    if action.was_in_doubt:
        yes, no = ActionState.SUCCEEDED, ActionState.FAILED
        return action.state is (yes if answer is Answer.APPROVE else no)
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
        check_proof(request, _of(request, fresh), ballot, settings)
        check_comment(request, ballot)
    if (lost and is_all_or_none) or not fresh:
        return Decided(decided=same, lost=lost, requests=tuple(requests.values()))
    waiting: list[Action] = []
    for request in requests.values():
        waiting += cast(unit, request, _of(request, fresh), ballot, now, settings)
    behind = {action.id for action in waiting}
    had = {action.id for action in same}
    closed = [close_if_settled(unit, each, settings, now) for each in requests.values()]
    return Decided(
        decided=[
            action if action.id in had else as_decided(action, ballot, now, settings)
            for action in actions
            if action.id in known and action.id not in behind
        ],
        lost=lost,
        waiting=waiting,
        requests=tuple(closed),
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
