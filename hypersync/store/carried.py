"""Reads which runs queued what a later run carries on, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import func, select, true
from sqlalchemy.engine import Connection

from hypersync.model.actions import ActionState
from hypersync.model.ids import ActionId, RunId
from hypersync.store import tables
from hypersync.store.bulk import chunks

_ACTION = tables.action


class Carried:
    """What can be asked about actions that one run queued and another one carries on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def owners(self, actions: Collection[ActionId]) -> Mapping[ActionId, RunId]:
        """Return which run queued each of these actions: its own, or the one that released it."""
        owner = func.coalesce(_ACTION.c.released_by, _ACTION.c.run)
        query = select(_ACTION.c.id, owner)
        found: dict[ActionId, RunId] = {}
        for some in chunks(actions):
            rows = self._connection.execute(query.where(_ACTION.c.id.in_(some))).tuples()
            found.update(rows.all())
        return found

    def carried_on(
        self, run: RunId, owners: Collection[RunId]
    ) -> Mapping[RunId, Mapping[ActionState, int]]:
        """Count by owner and state the actions of these other runs that this run took over."""
        found: dict[RunId, dict[ActionState, int]] = {}
        own = _ACTION.c.released_by.is_(None)
        for some in chunks(owners):
            for owner, mine in ((_ACTION.c.run, own), (_ACTION.c.released_by, true())):
                query = select(owner, _ACTION.c.state, func.count()).where(
                    owner.in_(some), mine, _ACTION.c.worker == run
                )
                rows = self._connection.execute(query.group_by(owner, _ACTION.c.state))
                for name, state, count in rows:
                    found.setdefault(name, {})[state] = count
        return found
