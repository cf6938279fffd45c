"""What every decision does besides deciding: binds to a list, wants a reason, is written down."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime

from hypersync.approvals.ballot import Ballot
from hypersync.approvals.links import list_digest
from hypersync.approvals.plan import needs_comment
from hypersync.approvals.record import record
from hypersync.approvals.settings import Settings
from hypersync.errors import DecisionRefused
from hypersync.model.actions import Action, ActionState, OnExpiry
from hypersync.model.ids import ActionId
from hypersync.model.requests import Answer, Request, RequestKind
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.requests import Vote

_logger = logging.getLogger(__name__)


class OvertakenError(Exception):
    """Somebody else decided between reading and writing."""


def undecided_of(actions: Sequence[Action], now: datetime) -> list[Action]:
    """Return the actions that can still be decided."""
    return [action for action in actions if _is_open(action, now)]


def digest_of(request: Request, undecided: Sequence[Action]) -> str:
    """Return what stands for what a page shows of a request."""
    if request.kind is RequestKind.SCAN:
        return list_digest([(request.scan or "", str(request.count))])
    return list_digest([(action.id, action.fingerprint) for action in undecided])


def _is_open(action: Action, now: datetime) -> bool:
    """Tell whether somebody may still decide about an action, or say whether it happened.

    One that its expiry approves may wait for the end of a blackout window or for a paused silo.
    Until it is approved it can be stopped.
    """
    if action.state is not ActionState.SUSPENDED:
        return action.is_in_doubt
    in_time = action.expires_at is None or now < action.expires_at
    return in_time or action.on_expiry is OnExpiry.APPROVE


def check_comment(request: Request, ballot: Ballot) -> None:
    """Raise `DecisionRefused` when the plan wants a reason and there is none."""
    wanted = needs_comment(request.plan, is_rejection=ballot.answer is Answer.REJECT)
    if wanted and not (ballot.comment or "").strip():
        raise DecisionRefused("a reason is needed; say why")


def check_proof(
    request: Request, actions: Sequence[Action], ballot: Ballot, settings: Settings
) -> None:
    """Raise `DecisionRefused` when less than a session would decide what takes one.

    It is asked where the answer is written, of what is decided then: what was known when a code was
    looked at may have changed.
    """
    sessions = {"session", "shell"} | ({"token"} if settings.proofs.tokens_as_sessions else set())
    if ballot.proof in sessions or settings.proof_for(request, actions) != "session":
        return
    what = "a token of the API" if ballot.proof == "token" else "the code of the mail"
    raise DecisionRefused(f"{what} is not enough for this; sign in and decide on the page")


def write_votes(
    unit: UnitOfWork,
    request: Request,
    actions: Collection[ActionId | None],
    ballot: Ballot,
    now: datetime,
) -> None:
    """Write down an answer about each action (``None``: the scan) that has it not yet."""
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
            for each in actions
            if each not in voted
        ]
    )


def record_answer(
    unit: UnitOfWork, request: Request, count: int, waiting: int, ballot: Ballot, now: datetime
) -> None:
    """Write an answer to so many into the audit trail and the log."""
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
