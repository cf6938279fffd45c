"""What a message says, found out right before it is sent.

What is out of date by then is not said, nor what is hidden from everybody. The token of a link is
stored here, as a hash; it and the code are derived again from the delivery at each attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hypersync.approvals.invite import invitation_of, objection
from hypersync.approvals.links import token_hash
from hypersync.approvals.outbox import QUESTION
from hypersync.approvals.settings import Settings
from hypersync.model.actions import Action, ActionState
from hypersync.model.causes import by_cluster, waiting_in
from hypersync.model.requests import Answer, Request, RequestKind, RequestState
from hypersync.ports.channel import Given, Letter, RowLinks
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.deliveries import Delivery, Token
from hypersync.ports.store.requests import Vote


def letter_of(
    unit: UnitOfWork, delivery: Delivery, now: datetime, settings: Settings
) -> Letter | None:
    """Return what a message says now; nothing when it is out of date."""
    request = unit.requests.get(delivery.request)
    if request is None:
        return None
    if delivery.kind != QUESTION:
        return _outcome(unit, delivery, request, now, settings)
    waiting = [
        action
        for action in unit.actions.of_request(request.id)
        if action.state is ActionState.SUSPENDED or action.is_in_doubt
    ]
    is_open = request.state in (RequestState.OPEN, RequestState.ACKNOWLEDGED)
    asks_nothing_else = request.kind in (RequestKind.SCAN, RequestKind.INCIDENT)
    if not is_open or not (waiting or asks_nothing_else):
        return None
    return _question(unit, delivery, request, waiting, now, settings)


def _question(
    unit: UnitOfWork,
    delivery: Delivery,
    request: Request,
    waiting: list[Action],
    now: datetime,
    settings: Settings,
) -> Letter:
    clusters = waiting_in(request.clusters, (action.cluster for action in waiting))
    ordered = by_cluster(waiting, clusters)
    listed = ordered[: settings.rows] if settings.rows else ordered
    shown = [settings.hidden.of_action(action) for action in listed]
    total = len(waiting) or request.count
    letter = _letter(delivery, request, now, settings)
    letter = replace(letter, actions=shown, total=total, clusters=clusters)
    links = settings.links
    is_news = request.kind is RequestKind.INCIDENT and not waiting
    if is_news or objection(unit, request, delivery.person, settings):
        return replace(letter, report=links.report(request.id))
    token = _invite(unit, delivery, request, now, settings)
    return replace(
        letter,
        needs_sign_in=settings.proof_for(request, waiting) == "session",
        code=_code(delivery, request, waiting, settings),
        approve_all=links.request(Answer.APPROVE, request.id, token),
        reject_all=links.request(Answer.REJECT, request.id, token),
        report=links.report(request.id, token),
        links={
            action.id: RowLinks(
                approve=links.action(Answer.APPROVE, action.id, token),
                reject=links.action(Answer.REJECT, action.id, token),
            )
            for action in shown
        },
        cluster_links={
            each.key: RowLinks(
                approve=links.request(Answer.APPROVE, request.id, token, each.key),
                reject=links.request(Answer.REJECT, request.id, token, each.key),
            )
            for each in clusters
            if len(clusters) > 1
        },
    )


def _code(
    delivery: Delivery, request: Request, waiting: Sequence[Action], settings: Settings
) -> str:
    """Return the code of a mail; none where it is enough for nothing."""
    parts = [[action] for action in waiting] or [[]]
    if all(settings.proof_for(request, part) == "session" for part in parts):
        return ""
    return settings.signer.code(invitation_of(delivery))


def _invite(
    unit: UnitOfWork, delivery: Delivery, request: Request, now: datetime, settings: Settings
) -> str:
    """Store whom the links of this message invite; return the token they carry."""
    token = settings.signer.token(invitation_of(delivery))
    unit.deliveries.add_token(
        Token(
            hash=token_hash(token),
            request=request.id,
            person=delivery.person,
            address=delivery.address,
            nonce=delivery.nonce,
            created_at=now,
            expires_at=request.expires_at,
        )
    )
    return token


def _letter(delivery: Delivery, request: Request, now: datetime, settings: Settings) -> Letter:
    person = settings.directory.people.get(delivery.person or "")
    return Letter(
        kind=delivery.kind,
        request=request,
        address=delivery.address,
        recipient="" if person is None else person.name,
        message_id=delivery.message_id,
        thread_id=f"<{request.id}@{settings.links.host}>",
        at=now,
        environment=settings.signer.environment,
        host=settings.links.host,
        timezone="UTC" if person is None else person.timezone,
        language=settings.language if person is None else person.language or settings.language,
        is_forwarded=delivery.step > 0 or delivery.round > 0,
    )


def _outcome(
    unit: UnitOfWork, delivery: Delivery, request: Request, now: datetime, settings: Settings
) -> Letter:
    return replace(
        _letter(delivery, request, now, settings),
        total=request.count,
        answers=_answers(unit.requests.votes(request.id), settings),
        report=settings.links.report(),
    )


def _answers(votes: Sequence[Vote], settings: Settings) -> list[Given]:
    """Return who gave which answer to how many; who decided row by row gave it once."""
    grouped: dict[tuple[str, Answer, str, str | None], list[Vote]] = {}
    for vote in votes:
        grouped.setdefault((vote.by, vote.answer, vote.proof, vote.comment), []).append(vote)
    return [
        Given(
            name=settings.directory.name(by),
            answer=answer,
            count=len(alike),
            at=max(vote.at for vote in alike),
            proof=proof,
            comment=comment or "",
        )
        for (by, answer, proof, comment), alike in grouped.items()
    ]
