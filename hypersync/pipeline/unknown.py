"""Finds out what became of actions whose process or connection was lost.

Updates and deletes are read back by anchor; creates are looked for in a scan that ended after the
silo had time to settle. What cannot be told yet stays unknown: nothing runs twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack
from datetime import datetime, timedelta

from hypersync.errors import SiloError
from hypersync.model.actions import Action
from hypersync.model.objects import Outcome, Refused, RetryAfter, SiloObject, Succeeded
from hypersync.pipeline.outcomes import TYPE_GONE, Execution, Recorder
from hypersync.pipeline.read_back import judge_read_back
from hypersync.pipeline.silos import Reach, Silos
from hypersync.ports.store import Store
from hypersync.ports.store.leases import Fence


def settle_unknown(
    store: Store,
    silos: Silos,
    *,
    worker: str,
    clock: Callable[[], datetime],
    fence: Fence | None = None,
    resting: Collection[str] = (),
) -> Execution:
    """Find out what became of actions whose process or connection was lost.

    To be called before a plan is made: what was not done after all goes back into the queue and
    starts when its condition was looked at again.
    """
    report = Execution()
    with store.begin(fence) as unit:
        unit.actions.lost(worker)
    for silo in (*sorted(silos.connectors), ""):
        if silo not in resting:
            with ExitStack() as stack:
                _Settler(store, silos, silo, clock, report, stack).settle()
    return report


class _Settler:
    """Settles the unknown outcomes of one silo."""

    def __init__(
        self,
        store: Store,
        silos: Silos,
        silo: str,
        clock: Callable[[], datetime],
        report: Execution,
        stack: ExitStack,
    ) -> None:
        self._store = store
        self._silos = silos
        self._silo = silo
        self._clock = clock
        self._report = report
        self._reach = Reach(silos, silo, stack)
        self._recorder = Recorder(silos, silo, None, report)

    def settle(self) -> None:
        """Read back what may or may not have been done, whoever did it."""
        try:
            self._settle_unknown()
        except SiloError as error:
            self._report.complain(self._silo, error)

    def _settle_unknown(self) -> None:
        """Read back what may or may not have been done."""
        with self._store.snapshot() as unit:
            unknown = unit.actions.unknown(self._silo)
        for action in unknown:
            outcome = self._read_back(action)
            if outcome is None:
                continue
            with self._store.begin() as unit:
                now = self._clock()
                if isinstance(outcome, RetryAfter):
                    unit.actions.retry(action.id, now, outcome.reason, recheck=True)
                    unit.identities.upsert_pending([action.identity])
                else:
                    self._recorder.record(unit, action, outcome, now)

    def _read_back(self, action: Action) -> Outcome | None:
        """Find out what became of an action; ``None`` when it cannot be told yet."""
        if not self._silo:
            if (action.after or {}).get("repeatable") is True:
                return RetryAfter(timedelta(0), "nobody knows whether it happened; repeated")
            return Refused("nobody knows whether this event happened; it is not repeated")
        kind = self._silos.types.get((action.silo, action.type))
        if kind is None:
            return Refused(TYPE_GONE)
        if action.anchor is None:
            return self._created(action)
        found = self._reach.opened().read(kind, action.anchor)
        with self._store.snapshot() as unit:
            change = self._reach.change(unit, action)
        return judge_read_back(change, found, kind)

    def _created(self, action: Action) -> Outcome | None:
        """Look for a created object in a scan that ended after the silo had time to settle."""
        started = action.queued_at if action.started_at is None else action.started_at
        if started is None:
            return None
        settled = started + self._silos.settle.get(self._silo, timedelta(0))
        with self._store.snapshot() as unit:
            if not unit.scans.applied_since(self._silo, settled):
                return None
            found = unit.objects.in_slot(action.identity, action.slot)
        if found is None:
            return RetryAfter(timedelta(0), "a later scan did not find it; tried again")
        return Succeeded(SiloObject(found.type, found.anchor, found.attributes))
