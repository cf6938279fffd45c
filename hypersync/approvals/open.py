"""Opens requests: stores the question and puts it to the first people of its plan.

Everything happens in the caller's transaction, so that nothing is ever stopped without a question
being stored with it. Plan and approvers are frozen here: a sync must not make its own approver.
When nobody can be asked the request opens all the same and says so.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from hypersync.approvals.authors import Authors, authors_of, change_of, with_one_more
from hypersync.approvals.links import list_digest
from hypersync.approvals.outbox import ask
from hypersync.approvals.permission import barred
from hypersync.approvals.plan import first_place, step_due, too_few
from hypersync.approvals.record import record
from hypersync.approvals.scan_claim import claim_of, is_covered
from hypersync.approvals.settings import Settings
from hypersync.model.ids import RequestId, new_public_id
from hypersync.model.requests import Request, RequestDraft, RequestKind, RequestState
from hypersync.model.said import joined, phrasebook, say
from hypersync.ports.store import UnitOfWork

_logger = logging.getLogger(__name__)

SAID = "said"
"""Where the detail of a request keeps how its sentences are made."""

REPEATS = timedelta(days=30)
"""How far back the same question counts as asked before."""


def open_request(
    unit: UnitOfWork, draft: RequestDraft, now: datetime, *, settings: Settings
) -> RequestId:
    """Ask people about what a guard stopped; return the id of the request.

    The actions of the draft are stored as suspended already. A scan request of a silo and type that
    is open takes over the newer scan; people are asked again when it misses anything else.
    """
    if draft.kind is RequestKind.SCAN:
        draft = replace(draft, detail={**draft.detail, **claim_of(unit, draft)})
    if draft.kind is RequestKind.SCAN and (known := _renewed(unit, draft, now)):
        return known
    request = _request(unit, draft, settings, now)
    authors = authors_of(unit, request, settings.directory)
    plan = with_one_more(request.plan, authors, settings.directory)
    request = replace(request, plan=plan)
    place = first_place(request.plan, settings.directory)
    if place is not None:
        due = step_due(request.plan, place, now)
        request = replace(request, step=place.step, step_due=due)
    else:
        request = replace(request, notifying=False)
    problem = _who_answers(settings) or _problem(unit, request, authors, settings)
    if problem:
        said = {**draft.said, **phrasebook([problem])}
        request = replace(request, detail={**request.detail, "problem": problem, SAID: said})
    unit.requests.add(request, draft.actions)
    told = () if place is None else ask(unit, request, place, settings, now)
    _record(unit, request, [each.address for each in told], now)
    return request.id


def _request(unit: UnitOfWork, draft: RequestDraft, settings: Settings, now: datetime) -> Request:
    plan = settings.directory.plan(draft.plan)
    earlier = unit.requests.times(
        draft.kind, rule=draft.rule, vip=draft.vip, silo=draft.silo, since=now - REPEATS
    )
    asked = unit.actions.get(draft.actions)
    return Request(
        id=RequestId(new_public_id()),
        kind=draft.kind,
        state=RequestState.OPEN,
        sentence=draft.sentence,
        count=draft.count,
        opened_at=now,
        plan=plan,
        step=0,
        step_due=None,
        expires_at=draft.expires_at,
        on_expiry=draft.on_expiry,
        run=draft.run,
        rule=draft.rule,
        vip=draft.vip,
        silo=draft.silo,
        type=draft.type,
        scan=draft.scan,
        template=draft.template,
        cause=draft.cause,
        clusters=tuple(draft.clusters),
        nth=earlier + 1,
        approvers=settings.directory.entitled(plan),
        digest=list_digest([(action.id, action.fingerprint) for action in asked]),
        detail={**draft.detail, SAID: draft.said, **change_of(unit, draft.rule, settings)},
    )


def _who_answers(settings: Settings) -> str:
    """Say who may answer where nobody stands under ``people``; else nothing."""
    if settings.directory.people:
        return ""
    if settings.owner is None:
        return say("nobody is told by mail, and it is not known who owns the configuration")
    return say(
        "nobody is told by mail; {owner} may answer on the command line", owner=settings.owner
    )


def _problem(unit: UnitOfWork, request: Request, authors: Authors, settings: Settings) -> str:
    """Say what stands in the way of an answer, or nothing."""
    found: list[str] = []
    if not authors.is_known:
        found.append(say("who changed the rule is not known, so one person more has to approve"))
    if few := too_few(request, barred(unit, request, settings)):
        found.append(few)
    elif not request.notifying:
        found.append(say("no destination of the plan reaches anybody"))
    return joined("; ", found)


def _record(unit: UnitOfWork, request: Request, told: list[str], now: datetime) -> None:
    cause = {RequestKind.VOLUME: "threshold_tripped", RequestKind.SCAN: "scan_suspended"}
    problem = request.detail.get("problem")
    if request.kind in cause:
        record(unit, cause[request.kind], request, now, {"count": request.count})
    data = {
        "about": request.kind.value,
        "count": request.count,
        "told": told,
        "problem": problem,
    }
    record(unit, "request", request, now, data)
    _logger.info(
        "request %s (%s) of run %s, rule %s: %d waiting, %d told",
        request.id,
        request.kind.value,
        request.run,
        request.rule,
        request.count,
        len(told),
    )
    if problem:
        _logger.warning("request %s: %s", request.id, problem)


def _renewed(unit: UnitOfWork, draft: RequestDraft, now: datetime) -> RequestId | None:
    """Let an open request of the same silo and type ask about the newer scan."""
    if draft.silo is None or draft.type is None or draft.scan is None:
        return None
    known = unit.requests.of_silo(draft.silo, draft.type)
    if known is None:
        return None
    if draft.count > known.count or not is_covered(draft.detail, known.detail):
        unit.requests.close(known.id, RequestState.VOID, {}, now)
        unit.deliveries.cancel(known.id)
        record(unit, "void", known, now, {"superseded_by": draft.scan})
        return None
    unit.requests.update_scan(
        known.id,
        scan=draft.scan,
        sentence=draft.sentence,
        cause=draft.cause,
        count=draft.count,
        detail={**draft.detail, SAID: draft.said},
    )
    _logger.info("request %s of silo %s now asks about scan %s", known.id, draft.silo, draft.scan)
    return known.id
