"""Invitations: who a link's token stands for, and deciding by the code of its mail.

A token says who was invited to which request; it shows that request and decides nothing. Deciding
takes the six digits that stand in the mail as well; five wrong ones lock the token. An unknown
token and one of another request are the same answer, so that nothing can be found out by trying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hypersync.approvals.decide import (
    Ballot,
    Decided,
    OfActions,
    OfSeveral,
    Target,
    actions_of,
    decide,
    decide_several,
    digest_of,
    request_of,
    undecided_of,
)
from hypersync.approvals.links import MOST_WRONG_CODES, Invitation, is_same_code, token_hash
from hypersync.approvals.permission import check_permission
from hypersync.approvals.proof import Proof
from hypersync.approvals.settings import Settings
from hypersync.errors import (
    DecisionRefused,
    HyperSyncError,
    InvitationEnded,
    NotFound,
    WrongCode,
)
from hypersync.model.actions import Action
from hypersync.model.causes import Cluster, by_cluster, waiting_in
from hypersync.model.ids import RequestId
from hypersync.model.requests import Answer, Request
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.deliveries import Delivery, Token
from hypersync.ports.store.requests import Vote

NEEDS_SESSION = "the code of the mail is not enough for this: sign in to decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a link is about, as it is now.

    ``actions`` are what the target names, ``undecided`` those that can still be decided, and
    ``left_out`` how many of the request were there when it was opened but are not decided by this
    any more. ``clusters`` are those of what can be decided, the smallest first, and none for a
    single action; ``cluster`` is the one that the link is about. ``invited`` is the person who
    would answer: who signed in, or the one the token stands for. ``may_answer`` says whether they
    may decide; ``why_not`` why they may not. ``proof`` is what deciding this takes.
    """

    request: Request
    actions: tuple[Action, ...]
    undecided: tuple[Action, ...]
    left_out: int
    digest: str
    votes: tuple[Vote, ...]
    clusters: tuple[Cluster, ...] = ()
    cluster: Cluster | None = None
    invited: str | None = None
    may_answer: bool = False
    why_not: str = ""
    proof: Proof = "code"


def invitation_of(message: Delivery | Token) -> Invitation:
    """Return the invitation of a message, or of the token that was in it."""
    return Invitation(request=message.request, address=message.address, nonce=message.nonce)


def objection(
    unit: UnitOfWork,
    request: Request,
    person: str | None,
    settings: Settings,
    actions: Sequence[Action] = (),
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
        request, actions = _find(unit, target)
        undecided = undecided_of(actions, now)
        why_not = "to decide, use the link in your mail"
        if token is not None:
            invited = _invited(unit, token, request, settings)[0].person
            person = person or invited
        if token is not None or person is not None:
            why_not = objection(unit, request, person, settings, undecided)
        votes = unit.requests.votes(request.id)
    named = {action.id for action in actions}
    clusters = waiting_in(request.clusters, (action.cluster for action in undecided))
    part = None if isinstance(target, OfActions) else target.cluster
    return Subject(
        request=request,
        actions=tuple(actions),
        undecided=tuple(by_cluster(undecided, clusters)),
        clusters=() if isinstance(target, OfActions) else clusters,
        cluster=next((each for each in request.clusters if each.key == part), None),
        left_out=0 if isinstance(target, OfActions) else len(actions) - len(undecided),
        digest=digest_of(request, undecided),
        votes=tuple(vote for vote in votes if vote.action is None or vote.action in named),
        invited=person,
        may_answer=not why_not,
        why_not=why_not,
        proof=settings.proof_for(request, undecided or actions),
    )


def check_invited(store: Store, request: RequestId, token: str, *, settings: Settings) -> None:
    """Raise `NotFound` unless a token invites to a request, `InvitationEnded` once it is over."""
    with store.snapshot() as unit:
        known = unit.requests.get(request)
        if known is None:
            raise NotFound
        _invited(unit, token, known, settings)


def _find(unit: UnitOfWork, target: Target) -> tuple[Request, list[Action]]:
    """Return what a target is about; one action belongs to the request that asks about it."""
    if not isinstance(target, OfActions):
        request = request_of(unit, target)
        if request is not None:
            return request, list(actions_of(unit, request, target))
        raise NotFound
    actions = list(unit.actions.get(target.actions))
    asked = {action.request for action in actions}
    request_id = asked.pop() if len(asked) == 1 else None
    request = None if request_id is None else unit.requests.get(request_id)
    if request is None or len(actions) < len(target.actions):
        raise NotFound
    return request, actions


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
        request, actions = _find(unit, target)
        known, right = _invited(unit, token, request, settings)
        if settings.proof_for(request, actions) == "session":
            raise DecisionRefused(NEEDS_SESSION)
        is_over = known.expires_at is not None and known.expires_at <= now
        if is_over and not undecided_of(actions, now):
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
