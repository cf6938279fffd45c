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
from hypersync.model.said import Said, say, say_many

HIGH_WITHIN = timedelta(days=7)
DROP = parse_limit("5%")
REKEYED = parse_limit("1%")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGuard:
    """What a scan of a silo may claim.

    ``drop`` and ``rekeyed`` are the most objects that may be missing or change their join value;
    they do not apply where fewer than ``min_population`` objects live. ``canaries`` are anchors,
    or ``TYPE/ANCHOR``. An absence is believed when so many more complete scans as ``grace`` says
    miss the object too, each ``settle`` later at least, but not of what changed less than
    ``settle`` before the scan: the server that was read may not know it yet.
    """

    drop: Limit = DROP
    min_population: int = 20
    rekeyed: Limit = REKEYED
    canaries: tuple[str, ...] = ()
    grace: int = 0
    settle: timedelta = timedelta(0)


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
        empty = say("it is empty, and {count} objects were there", count=evidence.live)
        return (empty, *_canaries(evidence))
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
    said = say_many(
        "{count} canary not seen: {names}",
        "{count} canaries not seen: {names}",
        len(lost),
        names=", ".join(lost),
    )
    return (said,)


def _scope(evidence: Evidence) -> tuple[str, ...]:
    if not (evidence.scope_changed and evidence.missing):
        return ()
    said = say_many(
        "the filter, base, account or attributes changed, and {count} object is missing",
        "the filter, base, account or attributes changed, and {count} objects are missing",
        evidence.missing,
    )
    return (said,)


def _drop(evidence: Evidence, guard: SourceGuard) -> tuple[str, ...]:
    if evidence.missing == 0:
        return ()
    if evidence.live >= guard.min_population:
        allowed = guard.drop.allowed(evidence.live)
        if evidence.missing > allowed:
            said = say(
                "{count} of {live} objects are missing, {allowed}",
                count=evidence.missing,
                live=evidence.live,
                allowed=_allowed(guard.drop, allowed),
            )
            return (said,)
    if evidence.high >= guard.min_population:
        lost = evidence.high - (evidence.live - evidence.missing)
        allowed = guard.drop.allowed(evidence.high)
        if lost > allowed:
            said = say(
                "{count} fewer objects than the {high} of this week, {allowed}",
                count=lost,
                high=evidence.high,
                allowed=_allowed(guard.drop, allowed),
            )
            return (said,)
    return ()


def _rekeyed(evidence: Evidence, guard: SourceGuard) -> tuple[str, ...]:
    if evidence.live < guard.min_population:
        return ()
    allowed = guard.rekeyed.allowed(evidence.live)
    if evidence.rekeyed <= allowed:
        return ()
    said = say(
        "{count} of {live} objects changed their join value, {allowed}",
        count=evidence.rekeyed,
        live=evidence.live,
        allowed=_allowed(guard.rekeyed, allowed),
    )
    return (said,)


def _allowed(limit: Limit, allowed: int) -> Said:
    if limit.is_percent:
        return say("{count} allowed ({how})", count=allowed, how=str(limit))
    return say("{count} allowed", count=allowed)
