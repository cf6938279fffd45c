"""What the end of their time does to actions: cleared, or approved where the rule says so.

Default-approve is refused, with a sync error, and clears instead, unless somebody who may decide
knew for half of the time and nothing speaks against it. In a blackout window, for a paused silo and
for a simulated rule it waits. Approvals that no committing sync released in time are cleared too.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hypersync.approvals.authors import authors_of
from hypersync.approvals.closing import close_if_settled
from hypersync.approvals.outbox import QUESTION
from hypersync.approvals.permission import barred
from hypersync.approvals.plan import Circumstances, entitled_now, refusal
from hypersync.approvals.record import record
from hypersync.approvals.settings import Settings
from hypersync.model.actions import Action, OnExpiry
from hypersync.model.ids import ActionId, RequestId
from hypersync.model.requests import Answer, Request
from hypersync.model.runs import RunError
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.events import Event
from hypersync.ports.store.requests import Vote

_logger = logging.getLogger(__name__)

EXPIRY = "expiry"


@dataclass(slots=True)
class Expired:
    """How many actions ended which way; ``refused`` are among the cleared."""

    cleared: int = 0
    default_approved: int = 0
    refused: int = 0


def expire_actions(store: Store, *, now: datetime, settings: Settings) -> Expired:
    """End the suspended actions whose time is over, request by request."""
    with store.snapshot() as unit:
        expired = unit.actions.get(unit.requests.expired(now))
    by_request: dict[RequestId | None, list[Action]] = {}
    for action in expired:
        by_request.setdefault(action.request, []).append(action)
    ended = Expired()
    for request_id, actions in by_request.items():
        with store.begin() as unit:
            request = None if request_id is None else unit.requests.get(request_id)
            _expire(unit, request, actions, now, settings, ended)
            if request is not None:
                close_if_settled(unit, request, settings, now)
    return ended


def _expire(
    unit: UnitOfWork,
    request: Request | None,
    actions: Sequence[Action],
    now: datetime,
    settings: Settings,
    ended: Expired,
) -> None:
    known = _circumstances(unit, request, settings)
    wanted = [action for action in actions if action.on_expiry is OnExpiry.APPROVE]
    why = {action.id: refusal(action, request, known) for action in wanted}
    approvable = [action for action in wanted if not why[action.id]]
    kept = {action.id for action in approvable}
    approved = _approve(unit, request, approvable, now, settings)
    cleared = unit.requests.clear(
        [action.id for action in actions if action.id not in kept],
        now=now,
        reason="nobody decided in time",
        ask_until=now + settings.asked_again,
    )
    refused = [action for action in wanted if why[action.id] and action.id in set(cleared)]
    _say_refused(unit, request, refused, why, now)
    ended.default_approved += len(approved)
    ended.cleared += len(cleared)
    ended.refused += len(refused)
    if approved or cleared:
        numbers = {"cleared": len(cleared), "default_approved": len(approved)}
        record(unit, "request_expire", request, now, {"reason": EXPIRY, **numbers})


def _approve(
    unit: UnitOfWork,
    request: Request | None,
    actions: Sequence[Action],
    now: datetime,
    settings: Settings,
) -> Sequence[ActionId]:
    """Approve what nobody stopped; in a blackout, a paused silo or a simulated rule it waits."""
    resting, simulated = unit.silos.paused(), settings.simulated
    ready = [
        action.id
        for action in actions
        if action.silo not in resting and action.rule not in simulated
    ]
    if not ready or settings.is_blackout(now):
        return ()
    until = now + settings.approval_valid
    done = unit.requests.approve(ready, by=EXPIRY, now=now, until=until)
    unit.requests.vote(
        [
            Vote(
                request=None if request is None else request.id,
                action=each,
                answer=Answer.APPROVE,
                by=EXPIRY,
                at=now,
                proof=EXPIRY,
            )
            for each in done
        ]
    )
    return done


def _circumstances(unit: UnitOfWork, request: Request | None, settings: Settings) -> Circumstances:
    if request is None:
        return Circumstances()
    return Circumstances(
        told_at=_told(unit, request, settings),
        is_part_rejected=unit.requests.tally(request.id).rejected > 0,
        approve_deletes=settings.approve_deletes,
        approve_vips=settings.approve_vips,
    )


def _told(unit: UnitOfWork, request: Request, settings: Settings) -> list[datetime]:
    """Return when people who may decide were sent the question.

    Where it is not known who changed the rule, whoever was told first may have.
    """
    directory = settings.directory
    entitled = entitled_now(request, directory)
    own = barred(unit, request, settings)
    told: dict[str, list[datetime]] = {}
    for each in unit.deliveries.of_request(request.id):
        if each.kind != QUESTION or each.sent_at is None or each.person is None:
            continue
        if each.person not in own and directory.seats(entitled, each.person):
            told.setdefault(each.person, []).append(each.sent_at)
    if told and not authors_of(unit, request, directory).is_known:
        del told[min(told, key=lambda person: min(told[person]))]
    return [time for times in told.values() for time in times]


def _say_refused(
    unit: UnitOfWork,
    request: Request | None,
    refused: Sequence[Action],
    why: dict[ActionId, str],
    now: datetime,
) -> None:
    """Log a sync error for each reason for which an expiry did not approve."""
    counted = Counter((action.run, action.rule, why[action.id]) for action in refused)
    for (run, rule, reason), count in counted.items():
        text = f"{count} not approved at their expiry but cleared: {reason}"
        error = RunError(rule, None, "default_approve_refused", text)
        unit.runs.report_errors(run, [error])
        record(unit, "request_expire", request, now, {"reason": reason, "refused": count})
        _logger.warning("run %s, rule %s: %s", run, rule, text)


def end_approvals(store: Store, *, now: datetime, settings: Settings) -> int:
    """Clear what was approved but that no committing sync released in time; return how many."""
    with store.begin() as unit:
        over = unit.requests.run_out(now)
        reason = "the approval ran out before a sync released it"
        ask_until = now + settings.asked_again
        done = unit.requests.clear(
            over, now=now, reason=reason, ask_until=ask_until, is_approved=True
        )
        ended = Counter(
            (action.run, action.rule, action.request) for action in unit.actions.get(done)
        )
        for (run, rule, request), count in ended.items():
            unit.events.record(
                Event(
                    kind="request_expire",
                    at=now,
                    run=run,
                    rule=rule,
                    request=request,
                    data={"reason": "approval_ran_out", "cleared": count},
                )
            )
            _logger.info("request %s, rule %s: %d approvals ran out", request, rule, count)
    return len(done)
