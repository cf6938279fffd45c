"""Invitations: who a link's token stands for, and deciding by the code of its mail.

A token says who was invited to which request; it shows that request and decides nothing. Deciding
takes the six digits that stand in the mail as well; five wrong ones lock the token. An unknown
token and one of another request are the same answer, so that nothing can be found out by trying.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hypersync.approvals.decide import (
    Ballot,
    Decided,
    OfActions,
    OfSeveral,
    Target,
    decide,
    decide_several,
)
from hypersync.approvals.links import (
    MOST_WRONG_CODES,
    Invitation,
    is_same_code,
    token_hash,
)
from hypersync.approvals.permission import Concerning, check_permission
from hypersync.approvals.settings import Settings
from hypersync.approvals.subject import Subject, asking, digest_of_slips, named_by, telling
from hypersync.errors import (
    DecisionRefused,
    HyperSyncError,
    InvitationEnded,
    NotFound,
    WrongCode,
)
from hypersync.model.ids import RequestId
from hypersync.model.requests import Answer, Request
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.deliveries import Delivery, Token

NEEDS_SESSION = "the code of the mail is not enough for this: sign in to decide"


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
        request = asking(unit, target)
        why_not = "to decide, use the link in your mail"
        invited = None if token is None else _invited(unit, token, request, settings)[0].person
        person = person or invited
        found = named_by(unit, request, target, now)
        if token is not None or person is not None:
            why_not = objection(unit, request, person, settings, found.slips)
        proof = settings.proof_for(request, telling(unit, request, found, now))
    return Subject(
        request=request,
        actions=tuple(found.actions),
        count=len(found.slips),
        ended=found.ended,
        clusters=found.clusters,
        cluster=next((each for each in request.clusters if each.key == found.cluster), None),
        is_single=isinstance(target, OfActions),
        digest=digest_of_slips(request, found.slips),
        answers=tuple(found.answers),
        invited=person,
        may_answer=not why_not,
        why_not=why_not,
        proof=proof,
    )


def check_invited(store: Store, request: RequestId, token: str, *, settings: Settings) -> None:
    """Raise `NotFound` unless a token invites to a request, `InvitationEnded` once it is over."""
    with store.snapshot() as unit:
        known = unit.requests.get(request)
        if known is None:
            raise NotFound
        _invited(unit, token, known, settings)


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
        request = asking(unit, target)
        known, right = _invited(unit, token, request, settings)
        found = named_by(unit, request, target, now)
        if settings.proof_for(request, telling(unit, request, found, now)) == "session":
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
