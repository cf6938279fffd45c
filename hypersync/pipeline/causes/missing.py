"""Says what the objects have in common that a scan does not find any more.

Failure direction: what is said is advice. When it cannot be found, people are asked without it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from hypersync.model.scans import Finding, ScanId
from hypersync.pipeline.causes.choose import partition
from hypersync.pipeline.causes.clues import find_clues
from hypersync.pipeline.causes.subjects import MissingObjects
from hypersync.pipeline.causes.text import cause_of
from hypersync.ports.store import Store

_logger = logging.getLogger(__name__)


def cause_of_missing(
    store: Store,
    scan: ScanId,
    silo_type: int,
    findings: Collection[Finding],
    now: datetime,
    *,
    unsaid: frozenset[str],
) -> str:
    """Say what the objects share of which a suspended scan says one of ``findings``.

    Nothing is said of the attributes in ``unsaid``.
    """
    try:
        with store.snapshot() as unit:
            anchors = unit.scans.staged_anchors(scan, silo_type, findings)
            clues = find_clues(unit, MissingObjects(unit, silo_type, anchors), unsaid=unsaid)
        count = len(anchors)
        return cause_of(partition(clues, count), clues, count, {}, now).text
    except Exception:
        _logger.exception("scan %s: what is missing shares could not be computed", scan)
        return ""
