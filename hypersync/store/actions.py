"""Stores actions and their states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql.elements import ColumnElement

from hypersync.model.actions import Action, Reason
from hypersync.model.canonical import decode_mapping
from hypersync.model.ids import ActionId, RequestId
from hypersync.store import tables

_ACTION = tables.action


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
        attempts=row.attempts,
        retry_at=row.retry_at,
        replacements=row.replacements,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        approved_until=row.approved_until,
        released_by=row.released_by,
        error=row.error,
        once=decode_mapping(row.once) or {},
    )


class Actions:
    """Actions; every state change is one guarded UPDATE."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, ids: Sequence[ActionId]) -> Sequence[Action]:
        """Return these actions in the order they were proposed; unknown ids are left out."""
        found: list[Action] = []
        for start in range(0, len(ids), 500):
            found += self._where(_ACTION.c.id.in_(ids[start : start + 500]))
        return found

    def of_request(self, request: RequestId) -> Sequence[Action]:
        """Return the actions that a request asks about, whatever their state."""
        return self._where(_ACTION.c.request == request)

    def _where(self, *conditions: ColumnElement[bool]) -> list[Action]:
        query = select(_ACTION).where(*conditions).order_by(_ACTION.c.seq)
        return [action_of(row) for row in self._connection.execute(query)]
