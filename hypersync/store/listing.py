"""Lists requests and actions, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.engine import Connection

from hypersync.model.actions import Action, ActionState
from hypersync.model.ids import ActionId, RequestId
from hypersync.model.requests import Request
from hypersync.ports.store.listing import ActionsWanted, RequestsWanted
from hypersync.store import tables
from hypersync.store.action_rows import action_of
from hypersync.store.request_rows import request_of

_ACTION = tables.action
_REQUEST = tables.request


class Listing:
    """Requests and actions in order. Nothing is written here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def requests(
        self, wanted: RequestsWanted, *, after: RequestId | None, limit: int
    ) -> Sequence[Request]:
        """Return requests, the newest first."""
        query = select(_REQUEST).order_by(_REQUEST.c.opened_at.desc(), _REQUEST.c.id.desc())
        for name in ("state", "kind", "run", "rule", "silo"):
            if (value := getattr(wanted, name)) is not None:
                query = query.where(_REQUEST.c[name] == value)
        if after is not None:
            known = select(_REQUEST.c.opened_at).where(_REQUEST.c.id == after)
            at = self._connection.execute(known).scalar()
            if at is None:
                return []
            same = and_(_REQUEST.c.opened_at == at, _REQUEST.c.id < after)
            query = query.where(or_(_REQUEST.c.opened_at < at, same))
        return [request_of(row) for row in self._connection.execute(query.limit(limit))]

    def actions(
        self, wanted: ActionsWanted, *, after: ActionId | None, limit: int
    ) -> Sequence[Action]:
        """Return actions as they were proposed, those of plans still being made left out."""
        query = select(_ACTION).where(_ACTION.c.state != ActionState.PROPOSED)
        for name in ("request", "state", "rule", "silo", "identity"):
            if (value := getattr(wanted, name)) is not None:
                query = query.where(_ACTION.c[name] == value)
        if after is not None:
            known = select(_ACTION.c.seq).where(_ACTION.c.id == after)
            place = self._connection.execute(known).scalar()
            if place is None:
                return []
            query = query.where(_ACTION.c.seq > place)
        query = query.order_by(_ACTION.c.seq).limit(limit)
        return [action_of(row) for row in self._connection.execute(query)]
