"""Tells whether a newer scan claims no more than the one that people were asked about.

What is claimed are absences, and changed join values where there are any. People saw a list; a
newer scan of the same size may miss others. Whatever cannot be told counts as something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hypersync.model.requests import RequestDraft
from hypersync.model.scans import ScanId, claims
from hypersync.ports.store import UnitOfWork

CLAIM = "claim"
"""Where a request's detail keeps the digest of everything that its scan claims."""

_REKEYED = "rekeyed"


def claim_of(unit: UnitOfWork, draft: RequestDraft) -> dict[str, object]:
    """Return what to keep of a scan's claims besides its list; nothing for an unknown scan."""
    scan = None if draft.scan is None else unit.scans.get(ScanId(draft.scan))
    if scan is None or draft.type is None or draft.type not in scan.types:
        return {}
    rekeyed = scan.types[draft.type].rekeyed
    kind = unit.scans.register(scan.silo, [draft.type])[draft.type]
    anchors = sorted(set(unit.scans.staged_anchors(scan.id, kind.id, claims(scan, kind))))
    digest = hashlib.sha256("\0".join(anchors).encode()).hexdigest()[:32]
    return {CLAIM: digest, _REKEYED: rekeyed}


def is_covered(newer: Mapping[str, object], known: Mapping[str, object]) -> bool:
    """Tell whether the detail of a request claims all that the detail of a newer scan claims.

    Both the same, or every missing object on the list that people saw.
    """
    if newer.get(CLAIM) is not None and newer.get(CLAIM) == known.get(CLAIM):
        return True
    found, shown = newer.get("missing"), known.get("missing")
    if newer.get(_REKEYED) != 0 or not isinstance(found, list) or not isinstance(shown, list):
        return False
    return 0 < len(found) == newer.get("missing_total") and set(found) <= set(shown)
