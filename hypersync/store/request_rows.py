"""A request as a row of its table, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy.engine import Row

from hypersync.model.causes import Cluster
from hypersync.model.requests import Request
from hypersync.store import plan_json

_SAME = (
    "id",
    "kind",
    "state",
    "run",
    "rule",
    "vip",
    "silo",
    "type",
    "scan",
    "sentence",
    "cause",
    "count",
    "nth",
    "digest",
    "template",
    "step",
    "step_due",
    "rounds",
    "notifying",
    "on_expiry",
    "opened_at",
    "expires_at",
    "closed_at",
)


def values_of(request: Request) -> dict[str, object]:
    """Return the row of a request."""
    return {
        **{name: getattr(request, name) for name in _SAME},
        "plan": plan_json.written(request.plan),
        "approvers": sorted(request.approvers),
        "clusters": [asdict(each) for each in request.clusters] or None,
        "counts": dict(request.counts) or None,
        "detail": dict(request.detail) or None,
    }


def request_of(row: Row[Any]) -> Request:
    """Build the value of one row of the request table."""
    return Request(
        **{name: getattr(row, name) for name in _SAME},
        plan=plan_json.read(row.plan),
        approvers=frozenset(row.approvers),
        clusters=tuple(Cluster(**each) for each in row.clusters or ()),
        counts=row.counts or {},
        detail=row.detail or {},
    )
