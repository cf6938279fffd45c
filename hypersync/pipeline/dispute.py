"""What a scan told of objects that actions wrote while it ran.

The outcome of an action is newer than what the scan read, so it stays. But it may have been read
back from a server that is behind, and a delta tells of a change or a deletion once. Where the two
do not say the same nobody knows which is true, therefore the stream loses its cursor, and its next
scan reads everything. This costs at most one full scan for each scan in which there is a dispute.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from hypersync.model import scopes
from hypersync.model.objects import ObjectType
from hypersync.model.scans import Finding, Scan, SiloType, Staged
from hypersync.pipeline import parting
from hypersync.pipeline.graph import GONE
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.objects import Current

MARKS: Final = (Finding.MISSED, Finding.UNSETTLED, Finding.BACK)
"""The findings that say nothing of an object but how often it was missed."""

_logger = logging.getLogger(__name__)


def says_it_all(row: Staged, known: Current) -> bool:
    """Tell whether an object was seen just as it is stored: at most it is parted anew."""
    return row.finding is Finding.SEEN and not says_more(row, known)


def says_more(row: Staged, known: Current) -> bool:
    """Tell whether a finding says something else of an object than what is stored.

    What is gone is not gone once more in another way.
    """
    if row.finding is Finding.SEEN:
        return known.hash != row.hash or known.absence is not None
    if row.finding is Finding.INVALID:
        return known.absence != Finding.INVALID.value
    return row.finding not in MARKS and known.absence not in {*GONE, row.finding.value}


def in_dispute(
    scan: Scan,
    types: Mapping[str, SiloType],
    kinds: Mapping[str, ObjectType],
    disputed: Mapping[str, Sequence[str]],
) -> Scan:
    """Return a scan that told something else of these objects than newer outcomes of actions.

    It has no cursor, so that the next scan of the stream reads everything: a delta from there would
    not tell it again. Where members are parted anew its scope says that they are in doubt, because
    these objects were not parted.
    """
    anew = [
        name
        for name, kind in types.items()
        if disputed.get(name) and not parting.is_kept(kind, kinds[name])
    ]
    doubtful = _with_doubts(scan, types, kinds, anew)
    if doubtful != scan:
        objects = [f"{name} {each}" for name, anchors in disputed.items() for each in anchors]
        _logger.info(
            "scan %s of silo %s: actions wrote %s while it ran and left something else than it "
            "read; the next scan of %s is a full one",
            scan.id,
            scan.silo,
            f"{objects[0]} and {len(objects) - 1} more" if objects[1:] else objects[0],
            scan.stream,
        )
    return doubtful


def with_doubts(
    unit: UnitOfWork,
    scan: Scan,
    types: Mapping[str, SiloType],
    kinds: Mapping[str, ObjectType],
) -> Scan:
    """Return a scan that was applied, doubting the members of what it should have parted anew.

    Objects that are there but that it did not write are parted as before: it missed them, did not
    judge them, or actions created them meanwhile.
    """
    left = [
        name
        for name, kind in types.items()
        if not parting.is_kept(kind, kinds[name])
        and not unit.objects.is_parted(kind.id, kinds[name].members)
    ]
    if left:
        _logger.info(
            "scan %s of silo %s left members of %s as they were before another attribute held "
            "them; the next scan of %s is a full one",
            scan.id,
            scan.silo,
            " and ".join(left),
            scan.stream,
        )
    return _with_doubts(scan, types, kinds, left) if left else scan


def _with_doubts(
    scan: Scan,
    types: Mapping[str, SiloType],
    kinds: Mapping[str, ObjectType],
    doubted: Sequence[str],
) -> Scan:
    """Return a scan without a cursor whose scope says that the members of these are in doubt.

    What it said already stays said.
    """
    known = {
        name
        for name, kind in types.items()
        if not parting.is_kept(replace(kind, scope=scan.scope), kinds[name])
    }
    scope = scan.scope
    if known or doubted:
        held = [kinds[name] for name in types]
        scope = parting.with_members(scopes.told(scope) or "", held, {*known, *doubted})
    return replace(scan, cursor=None, scope=scope)
