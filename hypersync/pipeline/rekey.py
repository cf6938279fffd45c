"""Joins everything anew when the ``joins:`` of the configuration changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from hypersync.model.scans import SiloType
from hypersync.pipeline.apply import rejoin
from hypersync.pipeline.join import Joins
from hypersync.ports.store import Store
from hypersync.ports.store.leases import Fence

BATCH = 2_000
"""How many objects are looked at in one transaction."""

_logger = logging.getLogger(__name__)


def rekey(
    store: Store,
    joins: Joins,
    kind: SiloType,
    fence: Fence,
    clock: Callable[[], datetime],
) -> None:
    """Give every object of a type the slot and key of the joins in force, when these changed.

    Each batch is idempotent; the revision is noted with the last.
    """
    revision = joins.revision(kind.silo, kind.name)
    if kind.join_revision == revision or not kind.is_loaded:
        return
    _logger.info("the joins of %s/%s changed: joining its objects anew", kind.silo, kind.name)
    after: str | None = ""
    while after is not None:
        with store.begin(fence) as unit:
            after = rejoin(unit, joins, kind, after=after, limit=BATCH, now=clock())
    with store.begin(fence) as unit:
        unit.scans.set_join_revision(kind.id, revision)
