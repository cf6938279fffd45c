"""Writes what happened to a request into the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hypersync.model.requests import Request
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.events import Event


def record(
    unit: UnitOfWork,
    kind: str,
    request: Request | None,
    now: datetime,
    data: Mapping[str, object] | None = None,
    *,
    by: str | None = None,
) -> None:
    """Write one event about a request, with the run, rule and silo it is about."""
    unit.events.record(
        Event(
            kind=kind,
            at=now,
            run=None if request is None else request.run,
            rule=None if request is None else request.rule,
            request=None if request is None else request.id,
            silo=None if request is None else request.silo,
            by=by,
            data=data or {},
        )
    )
