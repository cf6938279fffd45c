"""Judges whether what a scan found may be believed. Pure.

Absence is a claim. Objects that are missing, not offset by new ones, are measured against what the
last applied scan left and against the most there were within seven days; so are objects whose join
value changed. Named canaries must have been seen, and a silo that was not empty does not become
empty. Measured under another scope (filter, base, attributes) than the last applied scan, no
absence at all is believed. Whatever trips suspends the whole scan, and people are asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from hypersync.model.limit import Limit, parse_limit

HIGH_WITHIN = timedelta(days=7)
DROP = parse_limit("5%")
REKEYED = parse_limit("1%")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGuard:
    """What a scan of a silo may claim.

    ``drop`` and ``rekeyed`` are the most objects that may be missing or change their join value;
    they do not apply where fewer than ``min_population`` objects live. ``canaries`` are anchors,
    or ``TYPE/ANCHOR``. An absence is believed when so many more complete scans as ``grace`` says
    miss the object too.
    """

    drop: Limit = DROP
    min_population: int = 20
    rekeyed: Limit = REKEYED
    canaries: tuple[str, ...] = ()
    grace: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a scan found of one type, and what was known before.

    ``live`` are the objects after the last applied scan, ``high`` the most within seven days.
    ``seen`` counts what is there now; a delta is not complete and does not see everything.
    ``missing`` counts live objects that were not seen or are reported deleted.
    """

    live: int
    high: int
    seen: int
    missing: int
    is_complete: bool = True
    rekeyed: int = 0
    lost_canaries: Collection[str] = ()
    scope_changed: bool = False


def judge(evidence: Evidence, guard: SourceGuard) -> tuple[str, ...]:
    """Return why the scan must not be believed, sentence by sentence; nothing when it may be."""
    if _is_emptied(evidence):
        return (f"it is empty, and {evidence.live} objects were there", *_canaries(evidence))
    return (
        *_canaries(evidence),
        *_scope(evidence),
        *_drop(evidence, guard),
        *_rekeyed(evidence, guard),
    )


def lowest_believed(live: int, high: int, guard: SourceGuard) -> int:
    """Return how few of ``live`` objects a complete scan may leave and still be believed.

    None of them new: new ones that came in the place of missing ones do not count against it.
    """
    lowest = min(live, 1)
    for most in (live, high):
        if most >= guard.min_population:
            lowest = max(lowest, most - guard.drop.allowed(most))
    return min(lowest, live)


def _is_emptied(evidence: Evidence) -> bool:
    """Tell whether nothing is left; of a delta, whether it deletes everything."""
    if evidence.live == 0 or evidence.seen > 0:
        return False
    return evidence.is_complete or evidence.missing >= evidence.live


def _canaries(evidence: Evidence) -> tuple[str, ...]:
    lost = sorted(evidence.lost_canaries)
    if not lost:
        return ()
    return (f"{_named(len(lost), 'canary', 'canaries')} not seen: {', '.join(lost)}",)


def _scope(evidence: Evidence) -> tuple[str, ...]:
    if not (evidence.scope_changed and evidence.missing):
        return ()
    missing = _named(evidence.missing, "object is", "objects are")
    return (f"the filter, base or attributes changed, and {missing} missing",)


def _drop(evidence: Evidence, guard: SourceGuard) -> tuple[str, ...]:
    if evidence.missing == 0:
        return ()
    if evidence.live >= guard.min_population:
        allowed = guard.drop.allowed(evidence.live)
        if evidence.missing > allowed:
            limit = _allowed(guard.drop, allowed)
            return (f"{evidence.missing} of {evidence.live} objects are missing, {limit}",)
    if evidence.high >= guard.min_population:
        lost = evidence.high - (evidence.live - evidence.missing)
        allowed = guard.drop.allowed(evidence.high)
        if lost > allowed:
            limit = _allowed(guard.drop, allowed)
            return (f"{lost} fewer objects than the {evidence.high} of this week, {limit}",)
    return ()


def _rekeyed(evidence: Evidence, guard: SourceGuard) -> tuple[str, ...]:
    if evidence.live < guard.min_population:
        return ()
    allowed = guard.rekeyed.allowed(evidence.live)
    if evidence.rekeyed <= allowed:
        return ()
    limit = _allowed(guard.rekeyed, allowed)
    return (f"{evidence.rekeyed} of {evidence.live} objects changed their join value, {limit}",)


def _allowed(limit: Limit, allowed: int) -> str:
    return f"{allowed} allowed ({limit})" if limit.is_percent else f"{allowed} allowed"


def _named(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
