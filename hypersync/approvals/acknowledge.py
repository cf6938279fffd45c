"""Acknowledges a request: "I have seen it" stops the telling for a while, and decides nothing.

Whoever may answer may acknowledge, and nobody else: who started the run could silence the others
until an expiry approves it. Nobody else is told until the plan's ``acknowledge_for`` is
over; then the same step goes on with the time that it had left. The request can be answered all the
while, and its own end comes when it would have come.
"""

from __future__ import annotations

import logging
from datetime import datetime

from hypersync.approvals.permission import check_permission
from hypersync.approvals.record import record
from hypersync.approvals.settings import Settings
from hypersync.errors import InvitationEnded, NotFound
from hypersync.model.ids import RequestId
from hypersync.model.requests import Request, RequestState
from hypersync.ports.store import Store

_logger = logging.getLogger(__name__)


def acknowledge(
    store: Store, request: RequestId, person: str, *, proof: str, now: datetime, settings: Settings
) -> Request:
    """Acknowledge a request and return it; one that is acknowledged already stays as it is.

    Raises `NotFound`, `DecisionRefused` for who may not answer it, and `InvitationEnded` once it is
    over.
    """
    with store.begin() as unit:
        known = unit.requests.get(request)
        if known is None:
            raise NotFound("there is no such request")
        by = f"person:{person}"
        check_permission(unit, known, unit.actions.of_request(known.id), by, settings)
        if known.state is RequestState.ACKNOWLEDGED:
            return known
        if known.state is not RequestState.OPEN:
            raise InvitationEnded(f"the request is {known.state.value}")
        span = known.plan.acknowledge_for
        due = None if known.step_due is None else known.step_due + span
        unit.requests.acknowledge(known, by=by, until=now + span, step_due=due)
        data = {"until": (now + span).isoformat(), "proof": proof}
        record(unit, "acknowledge", known, now, data, by=by)
        _logger.info("request %s is acknowledged by %s, proof %s", known.id, by, proof)
        found = unit.requests.get(request)
        return known if found is None else found
