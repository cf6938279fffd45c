"""Rows of the action table and the values made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from hypersync.model.actions import OPEN_STATES, Action, ActionState, OnExpiry, Reason
from hypersync.model.canonical import decode_mapping
from hypersync.model.ids import RunId
from hypersync.ports.store.actions import Proposal


def action_of(row: Row[Any]) -> Action:
    """Build the value of one row of the action table."""
    return Action(
        id=row.id,
        run=row.run,
        rule=row.rule,
        identity=row.identity,
        object_id=row.object,
        silo=row.silo,
        type=row.type,
        anchor=row.anchor,
        slot=row.slot,
        operation=row.operation,
        key=row.key,
        state=row.state,
        before=decode_mapping(row.before),
        after=decode_mapping(row.after),
        fingerprint=row.fingerprint,
        title=row.title,
        reasons=tuple(Reason(**reason) for reason in row.reasons or ()),
        vip=row.vip,
        request=row.request,
        on_expiry=row.on_expiry,
        suspended_at=row.suspended_at,
        expires_at=row.expires_at,
        queued_at=row.queued_at,
        started_at=row.started_at,
        attempts=row.attempts,
        retry_at=row.retry_at,
        replacements=row.replacements,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        approved_until=row.approved_until,
        released_by=row.released_by,
        error=row.error,
        waits=row.waits if row.state in OPEN_STATES else None,
        once=decode_mapping(row.once) or {},
        cluster=row.cluster,
        undoes=row.undoes,
        kind=row.kind,
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
