"""Writes proposals while a run still looks: in batches, invisible until its plan is complete."""

from __future__ import annotations

from datetime import datetime

from hypersync.model.ids import ActionId, RunId
from hypersync.ports.store import Store
from hypersync.ports.store.actions import Proposal
from hypersync.ports.store.leases import Fence

BATCH = 5_000


class Spool:
    """The proposals of one run on their way into the store."""

    def __init__(self, store: Store, run: RunId, fence: Fence | None, now: datetime) -> None:
        self._store = store
        self._run = run
        self._fence = fence
        self._now = now
        self._fresh: list[Proposal] = []
        self._discarded: set[ActionId] = set()

    def add(self, proposal: Proposal) -> None:
        """Take in a proposal; a full batch is written."""
        self._fresh.append(proposal)
        if len(self._fresh) >= BATCH:
            self.flush()

    def discard(self, action: ActionId) -> None:
        """Take back a proposal, written or not."""
        self._discarded.add(action)

    def flush(self) -> None:
        """Write what is left."""
        if not (self._fresh or self._discarded):
            return
        with self._store.begin(self._fence) as unit:
            unit.actions.spool(self._run, self._fresh, self._now)
            unit.actions.discard(self._run, self._discarded)
        self._fresh.clear()
        self._discarded.clear()
