"""Empties the outbox: claims messages that are due, has them written, and sends them.

    claim ──▶ look at the request again ──▶ write ──▶ send ──▶ sent | tried again later | failed

A message is claimed before it is sent and settled after it: a crash in between sends the same
message again, with the same Message-ID, token and code. Failure direction: a server that is down
keeps messages waiting and changes nothing else, and is not tried again in the same round; an
address that is refused for good fails that message only, which is an event. A template that could
not be used is a sync error and an event; the message went out in the shipped form. At most three
mails with questions go to one address in a minute; what is more than that waits and becomes a
digest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypersync.approvals.letters import letter_of
from hypersync.approvals.outbox import QUESTION
from hypersync.approvals.record import record
from hypersync.approvals.settings import Settings
from hypersync.errors import DeliveryFailed
from hypersync.model.ids import RequestId
from hypersync.model.runs import RunError
from hypersync.ports.channel import Channel, Letter, Writer
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.deliveries import Delivery

_logger = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(minutes=5)
"""When a message whose sender is gone is sent again."""

FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=1)
STORM = timedelta(minutes=1)
MOST_AT_ONCE = 3
BATCH = 100
MOST_IN_DIGEST = 20
"""How many questions one digest holds: with more of them Gmail would cut it."""

TEMPLATE = "template"
"""The code of the sync error about a template that could not be used."""


@dataclass(slots=True)
class Delivered:
    """How many messages one round sent, kept for later, gave up, and dropped as out of date."""

    sent: int = 0
    waiting: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Postbox:
    """What delivering works with: channels by name, the writer, and who is doing it.

    ``down`` are the channels that turned out to be shut in this round, and why; ``said`` are the
    faults of templates that it told about, by request.
    """

    store: Store
    channels: Mapping[str, Channel]
    writer: Writer
    worker: str
    clock: Callable[[], datetime]
    settings: Settings
    done: Delivered = field(default_factory=Delivered)
    down: dict[str, DeliveryFailed] = field(default_factory=dict)
    said: set[tuple[RequestId, str]] = field(default_factory=set)


def deliver(
    store: Store,
    *,
    channels: Mapping[str, Channel],
    writer: Writer,
    worker: str,
    clock: Callable[[], datetime],
    settings: Settings,
) -> Delivered:
    """Send everything that is due now; a message that fails is not tried twice in one round."""
    box = Postbox(
        store=store,
        channels=channels,
        writer=writer,
        worker=worker,
        clock=clock,
        settings=settings,
    )
    while True:
        now = clock()
        with store.begin() as unit:
            batch = unit.deliveries.claim(worker, now, again_at=now + AGAIN_AFTER, limit=BATCH)
        for group in in_mails(batch):
            _deliver(box, group)
        if len(batch) < BATCH:
            return box.done


def in_mails(batch: Sequence[Delivery]) -> list[list[Delivery]]:
    """Put deliveries into mails: one each, but too many questions to one address become one."""
    by_address: dict[str, list[Delivery]] = {}
    for delivery in batch:
        if delivery.kind == QUESTION:
            by_address.setdefault(delivery.address, []).append(delivery)
    mails = [[delivery] for delivery in batch if delivery.kind != QUESTION]
    for questions in by_address.values():
        alone = len(questions) if len(questions) <= MOST_AT_ONCE else MOST_AT_ONCE - 1
        mails += [[delivery] for delivery in questions[:alone]]
        rest = questions[alone:]
        mails += [rest[n : n + MOST_IN_DIGEST] for n in range(0, len(rest), MOST_IN_DIGEST)]
    return mails


def _deliver(box: Postbox, group: Sequence[Delivery]) -> None:
    now = box.clock()
    with box.store.begin() as unit:
        if _has_to_wait(unit, box, group, now):
            return
        looked = [(each, letter_of(unit, each, now, box.settings)) for each in group]
        fresh = [(each, letter) for each, letter in looked if letter is not None]
        for each, letter in looked:
            if letter is None:
                unit.deliveries.cancel(each.request, ids=[each.id])
                box.done.dropped += 1
    if not fresh:
        return
    deliveries = [each for each, _ in fresh]
    try:
        faults = _send(box, deliveries[0], [letter for _, letter in fresh])
    except DeliveryFailed as error:
        if error.is_down:
            box.down[deliveries[0].channel] = error
        _keep(box, deliveries, error)
        return
    _settle(box, deliveries, faults)


def _has_to_wait(unit: UnitOfWork, box: Postbox, group: Sequence[Delivery], now: datetime) -> bool:
    """Put questions back when their address was just sent enough of them."""
    if group[0].kind != QUESTION:
        return False
    sent = unit.deliveries.sent_since(group[0].address, QUESTION, now - STORM)
    moments = [each.sent_at for each in sent if each.sent_at is not None]
    if len(moments) < MOST_AT_ONCE:
        return False
    until = moments[-MOST_AT_ONCE] + STORM
    for each in group:
        unit.deliveries.postpone(each.id, box.worker, until)
    box.done.waiting += len(group)
    return True


def _send(box: Postbox, delivery: Delivery, letters: Sequence[Letter]) -> Sequence[str]:
    """Send a message; return what is wrong with the template that was not used for it."""
    channel = box.channels.get(delivery.channel)
    if channel is None:
        raise DeliveryFailed(f"there is no channel {delivery.channel}", permanent=True)
    if (shut := box.down.get(delivery.channel)) is not None:
        raise shut
    message = box.writer.write(letters[0], letters[1:])
    channel.send(message)
    return message.faults


def _settle(box: Postbox, deliveries: Sequence[Delivery], faults: Sequence[str]) -> None:
    now = box.clock()
    with box.store.begin() as unit:
        for each in deliveries:
            unit.deliveries.sent(each.id, box.worker, now)
            for fault in faults:
                _say_fault(unit, box, each.request, fault, now)
    for each in deliveries:
        _logger.info("request %s: %s mail sent to %s", each.request, each.kind, each.address)
    box.done.sent += len(deliveries)


def _say_fault(
    unit: UnitOfWork, box: Postbox, request_id: RequestId, fault: str, now: datetime
) -> None:
    """Tell people that a template could not be used: once a round, however many were asked."""
    request = unit.requests.get(request_id)
    if request is None or (request_id, fault) in box.said:
        return
    box.said.add((request_id, fault))
    if request.run is not None:
        text = f"{fault}; the mail was sent in the shipped form"
        unit.runs.report_errors(request.run, [RunError(request.rule, None, TEMPLATE, text)])
    record(unit, "template_failed", request, now, {"reason": fault})
    _logger.error("request %s: %s", request_id, fault)


def _keep(box: Postbox, deliveries: Sequence[Delivery], error: DeliveryFailed) -> None:
    """Keep messages for later, or give them up where trying again is useless."""
    now = box.clock()
    with box.store.begin() as unit:
        for each in deliveries:
            again = None if error.permanent else now + retry_after(each.attempts)
            is_mine = unit.deliveries.failed(each.id, box.worker, error.message, retry_at=again)
            if error.permanent and is_mine:
                data = {"address": each.address, "reason": error.message, "then": "given_up"}
                request = unit.requests.get(each.request)
                record(unit, "delivery_failed", request, now, data)
    if error.permanent:
        box.done.failed += len(deliveries)
    else:
        box.done.waiting += len(deliveries)
    for each in deliveries:
        _logger.warning(
            "request %s: mail to %s %s: %s",
            each.request,
            each.address,
            "was given up" if error.permanent else "is tried again later",
            error.message,
        )


def retry_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: a minute, doubled up to an hour."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(FIRST_RETRY * (1 << doublings), LAST_RETRY)
