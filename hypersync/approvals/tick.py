"""Moves requests on: steps whose time is over, deliveries that failed, everything that expires.

    tick ──▶ actions that expired ──▶ approvals nobody released ──▶ failed steps ──▶ due steps
         ──▶ requests with nothing left to decide ──▶ rejections that no longer hold
         ──▶ requests that somebody had seen, and whose rest is over

Each change is a transaction of its own with a guarded UPDATE, so that two ticks at once do
everything once. The end of a plan decides nothing: only the rule's expiry does. What a tick cannot
do itself, an exhausted plan, it returns to its caller.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from hypersync.approvals.closing import close_if_settled
from hypersync.approvals.expiry import Expired, end_approvals, expire_actions
from hypersync.approvals.outbox import QUESTION, ask
from hypersync.approvals.plan import Place, next_place, step_due
from hypersync.approvals.record import record
from hypersync.approvals.settings import Settings
from hypersync.model.ids import RequestId
from hypersync.model.requests import Request, RequestState
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.deliveries import DeliveryState

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class TickReport:
    """What one tick did; ``exhausted`` are the requests whose plans came to their end."""

    expired: Expired = field(default_factory=Expired)
    run_out: int = 0
    forwarded: int = 0
    closed: int = 0
    holds_ended: int = 0
    exhausted: list[RequestId] = field(default_factory=list)


def tick(store: Store, *, now: datetime, settings: Settings) -> TickReport:
    """Do everything that is due now, once."""
    report = TickReport()
    report.expired = expire_actions(store, now=now, settings=settings)
    report.run_out = end_approvals(store, now=now, settings=settings)
    _move_on(store, now, settings, report)
    _close(store, now, settings, report)
    with store.begin() as unit:
        report.holds_ended = unit.requests.end_holds(now)
        unit.requests.resume(now)
    return report


# --- steps -------------------------------------------------------------------------------------


def _move_on(store: Store, now: datetime, settings: Settings, report: TickReport) -> None:
    with store.snapshot() as unit:
        failed = [each for each in unit.requests.open() if _has_failed(unit, each)]
        due = unit.requests.due(now)
    seen = {request.id for request in failed}
    for request in failed:
        with store.begin() as unit:
            _after_failure(unit, request, now, settings, report)
    for request in due:
        if request.id not in seen:
            with store.begin() as unit:
                _advance(unit, request, now, settings, report, is_timeout=True)


def _has_failed(unit: UnitOfWork, request: Request) -> bool:
    """Tell whether every message of the current step failed for good."""
    if not request.notifying or request.state is not RequestState.OPEN:
        return False
    here = [
        each.state
        for each in unit.deliveries.of_request(request.id)
        if each.kind == QUESTION and (each.step, each.round) == (request.step, request.rounds)
    ]
    return bool(here) and all(state is DeliveryState.FAILED for state in here)


def _after_failure(
    unit: UnitOfWork, request: Request, now: datetime, settings: Settings, report: TickReport
) -> None:
    if request.plan.on_delivery_failure == "next":
        _advance(unit, request, now, settings, report, is_timeout=False)
    elif unit.requests.stop_notifying(request):
        step = request.plan.steps[request.step].to
        record(unit, "delivery_failed", request, now, {"destination": step, "then": "stop"})
        _logger.warning("request %s: nothing could be delivered to %s", request.id, step)


def _advance(
    unit: UnitOfWork,
    request: Request,
    now: datetime,
    settings: Settings,
    report: TickReport,
    *,
    is_timeout: bool,
) -> None:
    """Go to the next destination, or end the plan."""
    here = Place(request.step, request.rounds)
    place = next_place(request.plan, here, settings.directory, is_timeout=is_timeout)
    was = request.plan.steps[here.step].to
    if place is None:
        _end_plan(unit, request, now, report, "timeout" if is_timeout else "undeliverable")
        return
    due = step_due(request.plan, place, now)
    if not unit.requests.go_on(request, step=place.step, rounds=place.rounds, step_due=due):
        return
    told = ask(unit, request, place, settings, now)
    where = request.plan.steps[place.step].to
    data = {
        "from": was,
        "to": where,
        "previous": here.step,
        "current": place.step,
        "skipped": _skipped(request, here, place),
        "told": [each.address for each in told],
    }
    record(unit, "request_forward" if is_timeout else "delivery_failed", request, now, data)
    _logger.info("request %s goes from %s to %s", request.id, was, where)
    report.forwarded += 1


def _skipped(request: Request, here: Place, place: Place) -> list[str]:
    """Return the destinations between two places: they reach nobody."""
    first = here.step + 1 if here.rounds == place.rounds else 0
    return [step.to for step in request.plan.steps[first : place.step]]


def _end_plan(
    unit: UnitOfWork, request: Request, now: datetime, report: TickReport, reason: str
) -> None:
    """End the notifying; the request stays open and can still be answered."""
    if unit.requests.stop_notifying(request):
        record(unit, "request_expire", request, now, {"reason": reason})
        _logger.warning(
            "request %s: nobody is left to tell (%s); it stays open until %s",
            request.id,
            reason,
            request.expires_at,
        )
        report.exhausted.append(request.id)


# --- requests that are over --------------------------------------------------------------------


def _close(store: Store, now: datetime, settings: Settings, report: TickReport) -> None:
    with store.snapshot() as unit:
        settled = unit.requests.settled()
        overdue = unit.requests.overdue(now)
    for request_id in settled:
        with store.begin() as unit:
            request = unit.requests.get(request_id)
            if request is not None:
                after = close_if_settled(unit, request, settings, now)
                report.closed += after.state is not request.state
    for request in overdue:
        with store.begin() as unit:
            if unit.requests.close(request.id, RequestState.EXPIRED, {}, now):
                unit.deliveries.cancel(request.id)
                record(unit, "request_expire", request, now, {"reason": "timeout"})
                report.closed += 1
