"""Opens incidents, one per cause, and ends them when their cause is gone.

An incident is a request that nobody can answer: something has to be put right where it is wrong. It
stays open as long as its cause lasts, however often it is found again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from hypersync.model.requests import RESUMED, Request, RequestDraft, RequestKind, RequestState
from hypersync.pipeline.engine import OpenRequest, TellEnd
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.events import Event

CAUSE = "cause"
"""Where the detail of a request keeps what it was opened for."""

_logger = logging.getLogger(__name__)


def known_causes(unit: UnitOfWork, about: str) -> dict[str, Request]:
    """Return the open incidents whose cause begins like this, by the rest of it."""
    return {
        cause.removeprefix(about): request
        for request in unit.requests.open()
        if request.kind is RequestKind.INCIDENT
        and (cause := str(request.detail.get(CAUSE, ""))).startswith(about)
    }


def update_incidents(
    unit: UnitOfWork,
    about: str,
    found: Mapping[str, RequestDraft],
    now: datetime,
    *,
    open_request: OpenRequest,
    lasting: Collection[str] = (),
    tell_end: TellEnd | None = None,
    is_resumed: bool = False,
) -> None:
    """Open what is new among ``found``, and end what is neither found nor ``lasting``.

    ``about`` begins the causes of one kind; ``found`` are drafts by the rest of their cause. With
    ``tell_end`` those who heard of an incident hear of its end, and of one that ``is_resumed``
    that somebody ended it, whatever became of the cause.
    """
    known = known_causes(unit, about)
    for cause, draft in found.items():
        if cause not in known:
            detail = {**draft.detail, CAUSE: about + cause}
            open_request(unit, replace(draft, detail=detail), now)
    for cause, request in known.items():
        if cause not in found and cause not in lasting:
            _end(unit, request, now, tell_end, {RESUMED: 1} if is_resumed else {})


def _end(
    unit: UnitOfWork,
    request: Request,
    now: datetime,
    tell_end: TellEnd | None,
    counts: Mapping[str, int],
) -> None:
    """Close an incident whose cause is gone, or which somebody ended."""
    if not unit.requests.close(request.id, RequestState.VOID, counts, now):
        return
    unit.deliveries.cancel(request.id)
    if tell_end is not None:
        tell_end(unit, request.id, now)
    unit.events.record(Event(kind="void", at=now, request=request.id, silo=request.silo))
    how = "it was resumed" if counts else "its cause is gone"
    _logger.info("incident %s ended: %s", request.id, how)
