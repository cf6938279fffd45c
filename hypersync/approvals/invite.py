"""Invitations: who a link's token stands for, and deciding by the code of its mail.

A token says who was invited to which request; it shows that request and decides nothing. Deciding
takes the six digits that stand in the mail as well; five wrong ones lock the token. An unknown
token and one of another request are the same answer, so that nothing can be found out by trying.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hypersync.approvals.decide import (
    Ballot,
    Decided,
    OfActions,
    OfSeveral,
    Target,
    check_cluster,
    decide,
    decide_several,
    digest_of,
    request_of,
    undecided_of,
)
from hypersync.approvals.links import (
    MOST_WRONG_CODES,
    Invitation,
    is_same_code,
    list_digest,
    token_hash,
)
from hypersync.approvals.permission import Concerning, check_permission
from hypersync.approvals.proof import Proof
from hypersync.approvals.settings import Settings
from hypersync.errors import (
    DecisionRefused,
    HyperSyncError,
    InvitationEnded,
    NotFound,
    WrongCode,
)
from hypersync.model.actions import Action, ActionState
from hypersync.model.causes import Cluster, waiting_in
from hypersync.model.ids import RequestId
from hypersync.model.objects import Operation
from hypersync.model.requests import Answer, Request, RequestKind
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.deliveries import Delivery, Token
from hypersync.ports.store.requests import Vote
from hypersync.ports.store.waiting import Slip, Sought

NEEDS_SESSION = "the code of the mail is not enough for this: sign in to decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a link is about, as it is now.

    ``count`` says how many of the actions it names can still be decided, ``actions`` are the first
    of those, or of all when there are none, and ``ended`` counts the others by what became of them.
    ``clusters`` are those of what can be decided, the smallest first, and none for a single action;
    ``cluster`` is the one that the link is about. ``answers`` are those given so far, and of each
    how many are alike. ``invited`` is the person who would answer: who signed in, or the one the
    token stands for. ``may_answer`` says whether they may decide; ``why_not`` why they may not.
    ``proof`` is what deciding this takes.
    """

    request: Request
    actions: tuple[Action, ...]
    count: int
    ended: Mapping[ActionState, int]
    digest: str
    answers: tuple[tuple[Vote, int], ...]
    clusters: tuple[Cluster, ...] = ()
    cluster: Cluster | None = None
    is_single: bool = False
    invited: str | None = None
    may_answer: bool = False
    why_not: str = ""
    proof: Proof = "code"


SHOWN = 100
"""How many of the actions that a link is about its page lists; the report has all of them."""


def invitation_of(message: Delivery | Token) -> Invitation:
    """Return the invitation of a message, or of the token that was in it."""
    return Invitation(request=message.request, address=message.address, nonce=message.nonce)


def objection(
    unit: UnitOfWork,
    request: Request,
    person: str | None,
    settings: Settings,
    actions: Sequence[Concerning] = (),
) -> str:
    """Say why somebody may not decide a request, or these actions of it, or nothing."""
    if person is None:
        return "this address belongs to nobody who may answer"
    try:
        check_permission(unit, request, actions, f"person:{person}", settings)
    except DecisionRefused as refused:
        return refused.message
    return ""


def show(
    store: Store,
    target: Target,
    token: str | None,
    *,
    now: datetime,
    settings: Settings,
    person: str | None = None,
) -> Subject:
    """Return what a link is about; nothing changes.

    ``token`` is ``None`` for somebody who may see everything, ``person`` for nobody who signed in;
    whoever did answers for themselves, whosoever link it is. Raises `NotFound` for what does not
    exist and for a token that is not for this, and `InvitationEnded` for one whose key is revoked.
    """
    with store.snapshot() as unit:
        request = _asking(unit, target)
        why_not = "to decide, use the link in your mail"
        invited = None if token is None else _invited(unit, token, request, settings)[0].person
        person = person or invited
        found = _named(unit, request, target, now)
        if token is not None or person is not None:
            why_not = objection(unit, request, person, settings, found.slips)
        proof = settings.proof_for(request, _telling(unit, request, found, now))
    return Subject(
        request=request,
        actions=tuple(found.actions),
        count=len(found.slips),
        ended=found.ended,
        clusters=found.clusters,
        cluster=next((each for each in request.clusters if each.key == found.cluster), None),
        is_single=isinstance(target, OfActions),
        digest=_digest(request, found.slips),
        answers=tuple(found.answers),
        invited=person,
        may_answer=not why_not,
        why_not=why_not,
        proof=proof,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What a target names of its request: what can be decided, the first rows, and the rest."""

    slips: Sequence[Slip]
    actions: Sequence[Action]
    ended: Mapping[ActionState, int]
    answers: Sequence[tuple[Vote, int]]
    clusters: tuple[Cluster, ...] = ()
    cluster: str | None = None


def _named(unit: UnitOfWork, request: Request, target: Target, now: datetime) -> _Named:
    """Return what a target names; of thousands of actions only the first are read whole."""
    if isinstance(target, OfActions):
        actions = unit.actions.get(target.actions)
        open_ones = undecided_of(actions, now)
        ended = Counter(action.state for action in actions if action not in open_ones)
        slips = [Slip(each.id, each.fingerprint, None, each.identity) for each in open_ones]
        answers = unit.waiting.answers(request.id, actions=target.actions)
        return _Named(slips=slips, actions=open_ones or actions, ended=ended, answers=answers)
    check_cluster(request, target.cluster)
    slips = [
        slip
        for slip in unit.waiting.slips(request.id, now)
        if target.cluster in (None, slip.cluster)
    ]
    clusters = waiting_in(request.clusters, (slip.cluster for slip in slips))
    return _Named(
        slips=slips,
        actions=unit.waiting.page(
            Sought(requests=(request.id,), cluster=target.cluster),
            now,
            clusters=[each.key for each in clusters],
            limit=SHOWN,
        )
        or unit.waiting.decided(request.id, SHOWN, target.cluster),
        ended=unit.waiting.states(request.id, now, target.cluster),
        answers=unit.waiting.answers(request.id, cluster=target.cluster),
        clusters=clusters,
        cluster=target.cluster,
    )


def _digest(request: Request, slips: Sequence[Slip]) -> str:
    if request.kind is RequestKind.SCAN:
        return digest_of(request, ())
    return list_digest([(slip.id, slip.fingerprint) for slip in slips])


def _telling(unit: UnitOfWork, request: Request, found: _Named, now: datetime) -> Sequence[Action]:
    """Return actions that tell what deciding all of them takes: a delete and a VIP among them."""
    if len(found.slips) <= len(found.actions):
        return found.actions
    mine = Sought(requests=(request.id,), cluster=found.cluster)
    deletes = unit.waiting.page(replace(mine, operation=Operation.DELETE), now, limit=1)
    vips = unit.waiting.page(replace(mine, is_vip=True), now, limit=1)
    return [*found.actions, *deletes, *vips]


def check_invited(store: Store, request: RequestId, token: str, *, settings: Settings) -> None:
    """Raise `NotFound` unless a token invites to a request, `InvitationEnded` once it is over."""
    with store.snapshot() as unit:
        known = unit.requests.get(request)
        if known is None:
            raise NotFound
        _invited(unit, token, known, settings)


def _asking(unit: UnitOfWork, target: Target) -> Request:
    """Return the request that a target is about; one action belongs to the one that asks."""
    if not isinstance(target, OfActions):
        request = request_of(unit, target)
    else:
        actions = unit.actions.get(target.actions)
        asked = {action.request for action in actions if len(actions) == len(target.actions)}
        request_id = asked.pop() if len(asked) == 1 else None
        request = None if request_id is None else unit.requests.get(request_id)
    if request is None:
        raise NotFound
    return request


def _invited(
    unit: UnitOfWork, token: str, request: Request, settings: Settings
) -> tuple[Token, str]:
    """Return the stored token and its code."""
    known = unit.deliveries.token(token_hash(token))
    if known is None or known.request != request.id:
        raise NotFound
    code = settings.signer.code_of(token, invitation_of(known))
    if code is None:
        raise InvitationEnded("this link was made with a key that is no longer in force")
    return known, code


def answer_in_session(
    store: Store,
    target: Target | OfSeveral,
    answer: Answer,
    *,
    person: str,
    comment: str | None,
    now: datetime,
    settings: Settings,
) -> Decided:
    """Decide as somebody who signed in; raises everything that `decide` raises."""
    ballot = Ballot(answer=answer, by=f"person:{person}", proof="session", comment=comment)
    if isinstance(target, OfSeveral):
        return decide_several(store, target, ballot, now=now, settings=settings)
    return decide(store, target, ballot, now=now, settings=settings)


def answer_by_code(
    store: Store,
    target: Target,
    answer: Answer,
    *,
    token: str,
    code: str,
    comment: str | None,
    now: datetime,
    settings: Settings,
) -> Decided:
    """Decide as the person who was invited, proven by the code in their mail.

    Raises `NotFound` for what does not exist and for a token that is not for this, `WrongCode`,
    `InvitationEnded`, and everything that `decide` raises.
    """
    by = _prove(store, target, token, code, now, settings)
    ballot = Ballot(answer=answer, by=by, proof="code", comment=comment)
    return decide(store, target, ballot, now=now, settings=settings)


def _prove(
    store: Store, target: Target, token: str, code: str, now: datetime, settings: Settings
) -> str:
    """Return who is invited; a wrong code is counted even though nothing else is written."""
    with store.begin() as unit:
        request = _asking(unit, target)
        known, right = _invited(unit, token, request, settings)
        found = _named(unit, request, target, now)
        if settings.proof_for(request, _telling(unit, request, found, now)) == "session":
            raise DecisionRefused(NEEDS_SESSION)
        is_over = known.expires_at is not None and known.expires_at <= now
        if is_over and not found.slips:
            raise InvitationEnded
        problem = _problem(unit, known, right, code)
    if problem is not None:
        raise problem
    if known.person is None:
        raise DecisionRefused("this address belongs to nobody who may answer")
    return f"person:{known.person}"


def _problem(unit: UnitOfWork, known: Token, right: str, code: str) -> HyperSyncError | None:
    if known.wrong_codes >= MOST_WRONG_CODES:
        return DecisionRefused("this link is locked after five wrong codes; ask for another")
    if is_same_code(code, right):
        return None
    if not code.strip():
        return WrongCode("the confirmation code is missing; it stands in the mail, beside the link")
    if not unit.deliveries.wrong_code(known.hash, MOST_WRONG_CODES):
        return DecisionRefused("this link is locked after five wrong codes; ask for another")
    left = MOST_WRONG_CODES - known.wrong_codes - 1
    return WrongCode(f"that is not the code that stands in the mail; {left} more tries")
