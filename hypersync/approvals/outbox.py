"""Puts messages into the outbox: one per request, step and address.

The outbox keeps what is to be said, not the text, and the Message-ID is fixed here: a message that
is sent again after a crash is the same message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from hypersync.approvals.directory import Recipient
from hypersync.approvals.links import Links
from hypersync.approvals.plan import Place
from hypersync.approvals.settings import Settings
from hypersync.model.ids import RequestId, new_public_id
from hypersync.model.requests import Request
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.deliveries import Delivery, DeliveryState

QUESTION = "request"
OUTCOME = "decided"


def ask(
    unit: UnitOfWork, request: Request, place: Place, settings: Settings, now: datetime
) -> tuple[Recipient, ...]:
    """Put the question to everybody a step reaches; return whom that is."""
    recipients = settings.directory.recipients(request.plan.steps[place.step].to)
    unit.deliveries.add(
        [_delivery(request.id, QUESTION, who, place, settings.links, now) for who in recipients]
    )
    return recipients


def tell_outcome(unit: UnitOfWork, request: RequestId, settings: Settings, now: datetime) -> None:
    """Cancel what was not sent yet, and tell everybody who was asked how it ended."""
    asked = [each for each in unit.deliveries.of_request(request) if each.kind == QUESTION]
    unit.deliveries.cancel(request, kind=QUESTION)
    told = {each.address: each for each in asked if each.state is DeliveryState.SENT}
    unit.deliveries.add(
        [
            _delivery(request, OUTCOME, Recipient(address, each.person), _END, settings.links, now)
            for address, each in told.items()
        ]
    )


_END = Place(0, 0)


def _delivery(
    request: RequestId, kind: str, who: Recipient, place: Place, links: Links, now: datetime
) -> Delivery:
    parts: Iterable[str] = (kind, str(place.step), str(place.rounds), who.address)
    mark = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return Delivery(
        request=request,
        kind=kind,
        channel="email",
        address=who.address,
        person=who.person,
        nonce=new_public_id(),
        message_id=f"<{request}.{mark}@{links.host}>",
        created_at=now,
        step=place.step,
        round=place.rounds,
        next_at=now,
    )
