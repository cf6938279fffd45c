"""Closes a request once nothing of it is undecided, and tells those who were asked."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from datetime import datetime

from hypersync.approvals.outbox import tell_outcome
from hypersync.approvals.record import record
from hypersync.approvals.settings import Settings
from hypersync.model.requests import Request, RequestState
from hypersync.ports.store import UnitOfWork

_logger = logging.getLogger(__name__)


def close_if_settled(
    unit: UnitOfWork, request: Request, settings: Settings, now: datetime
) -> Request:
    """Close a request of which no action is suspended any more; return it as it is then."""
    tally = unit.requests.tally(request.id)
    if tally.undecided:
        return request
    counts = {name: count for name, count in asdict(tally).items() if name != "undecided"}
    is_void = tally.total > 0 and tally.void == tally.total
    state = RequestState.VOID if is_void else RequestState.CLOSED
    if not unit.requests.close(request.id, state, counts, now):
        return request
    if is_void:
        record(unit, "void", request, now)
    tell_outcome(unit, request.id, settings, now)
    _logger.info(
        "request %s of run %s, rule %s %s: %s",
        request.id,
        request.run,
        request.rule,
        state.value,
        ", ".join(f"{count} {name}" for name, count in counts.items() if count),
    )
    return replace(request, state=state, closed_at=now, counts=counts, notifying=False)
