"""Reads what happened, in order, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import Connection

from hypersync.model.actions import ActionState
from hypersync.model.ids import RunId
from hypersync.model.runs import Run, RunMode, RunState
from hypersync.ports.store.actions import Unit
from hypersync.ports.store.past import SIMULATED, Wanted
from hypersync.store import tables
from hypersync.store.runs import run_of

_ACTION = tables.action
_RUN = tables.run
_PORTION = 200
"""How many runs are in memory at a time; each holds a report of every rule."""


class Past:
    """What happened, oldest first. Nothing is ever written here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def committed(self, since: datetime) -> Iterator[Run]:
        """Yield the committing runs that began since then and whose plan was made."""
        query = (
            select(_RUN)
            .where(
                _RUN.c.started_at >= since,
                _RUN.c.mode == RunMode.COMMIT,
                _RUN.c.state.in_((RunState.EXECUTING, RunState.DONE)),
            )
            .order_by(_RUN.c.started_at, _RUN.c.id)
            .execution_options(yield_per=_PORTION)
        )
        for row in self._connection.execute(query):
            yield run_of(row)

    def wanted(self, run: RunId) -> Mapping[str, Sequence[Wanted]]:
        """Return by rule what a run's thresholds counted; throttled and limited is not."""
        query = select(
            _ACTION.c.rule,
            _ACTION.c.identity,
            _ACTION.c.operation,
            _ACTION.c.target,
            _ACTION.c.state,
            _ACTION.c.reasons,
        ).where(_ACTION.c.run == run, _ACTION.c.state != ActionState.PROPOSED)
        found: dict[str, list[Wanted]] = {}
        for rule, identity, operation, target, state, reasons in self._connection.execute(query):
            stops = {(reason["guard"], reason["name"]) for reason in reasons or ()}
            if state is ActionState.PLANNED:
                stops.add(SIMULATED)
            unit = Unit(identity, operation, target)
            found.setdefault(rule, []).append(Wanted(unit, frozenset(stops)))
        return found
