"""Rows of the action table and the values made of them."""

from __future__ import annotations

from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy.engine import Row

from hypersync.model.actions import OPEN_STATES, Action, ActionState, OnExpiry, Reason
from hypersync.model.canonical import decode_mapping
from hypersync.model.ids import RunId
from hypersync.ports.store.actions import Proposal
from hypersync.store import tables

_SAME = (
    "id",
    "run",
    "rule",
    "identity",
    "silo",
    "type",
    "anchor",
    "slot",
    "operation",
    "key",
    "state",
    "fingerprint",
    "title",
    "vip",
    "request",
    "cluster",
    "on_expiry",
    "suspended_at",
    "expires_at",
    "queued_at",
    "started_at",
    "attempts",
    "retry_at",
    "replacements",
    "decided_by",
    "decided_at",
    "approved_until",
    "released_by",
    "error",
    "is_suspect",
    "undoes",
    "kind",
)
_OTHERS = ("object", "before", "after", "reasons", "waits", "once")
_PLACES = {column.name: place for place, column in enumerate(tables.action.c)}
_picked = itemgetter(*(_PLACES[name] for name in (*_SAME, *_OTHERS)))
"""Takes the values of a row by their places: thousands of rows are read at once."""


def action_of(row: Row[Any]) -> Action:
    """Build the value of one row that has every column of the action table, in its order."""
    *same, object_id, before, after, reasons, waits, once = _picked(row)
    values = dict(zip(_SAME, same, strict=True))
    return Action(
        **values,
        object_id=object_id,
        before=decode_mapping(before),
        after=decode_mapping(after),
        reasons=tuple([Reason(**reason) for reason in reasons or ()]),
        waits=waits if values["state"] in OPEN_STATES else None,
        once=decode_mapping(once) or {},
    )


def proposed_row(run: RunId, proposal: Proposal, now: datetime) -> dict[str, object]:
    """Return the row of a proposal."""
    return {
        "id": proposal.id,
        "run": run,
        "rule": proposal.rule,
        "kind": proposal.kind,
        "identity": proposal.identity,
        "object": proposal.object_id,
        "silo": proposal.silo,
        "type": proposal.type,
        "anchor": proposal.anchor,
        "slot": proposal.slot,
        "operation": proposal.operation,
        "key": proposal.key,
        "target": proposal.target,
        "state": ActionState.PROPOSED,
        "before": proposal.before,
        "after": proposal.after,
        "once": proposal.once or None,
        "title": proposal.title,
        "fingerprint": proposal.fingerprint,
        "replacements": proposal.replacements,
        "undoes": proposal.undoes,
        "on_expiry": OnExpiry.CLEAR,
        "proposed_at": now,
        "let_through": False,
        "attempts": 0,
    }
