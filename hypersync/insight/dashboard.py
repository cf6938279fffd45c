"""What is going on: silos and their scans, how many objects there were, what waits, who is asked.

Nothing here counts actions or objects one by one: scans and requests know their counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypersync.approvals.directory import EVERYBODY, Directory
from hypersync.model.requests import Plan, Request
from hypersync.model.scans import Scan, ScanState, SiloType
from hypersync.pipeline.source_guard import HIGH_WITHIN, SourceGuard, lowest_believed
from hypersync.ports.store import UnitOfWork
from hypersync.ports.store.scans import Stretch

SHOWN = timedelta(days=8)
"""How far back populations are kept, and shown."""
_RECENT = 20
"""How many scans of a silo are looked at to find the last of each stream."""


# --- silos -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SiloNow:
    """One silo: its types, the last scan of each stream, and why it is paused.

    ``applied`` is by stream the last scan that was applied, where the last one was not and it is
    among the newest few.
    """

    name: str
    types: Sequence[SiloType]
    scans: Sequence[Scan]
    applied: Mapping[str, Scan]
    is_paused: bool
    paused_because: str = ""


def silos_now(unit: UnitOfWork, names: Sequence[str]) -> list[SiloNow]:
    """Return how these silos are."""
    types = unit.scans.types()
    paused, reasons = unit.silos.paused(), unit.silos.reasons()
    found = []
    for name in names:
        recent = unit.scans.recent(_RECENT, name)
        applied = _last([each for each in recent if each.state is ScanState.APPLIED])
        scans = _last(recent)
        found.append(
            SiloNow(
                name=name,
                types=[each for each in types if each.silo == name],
                scans=scans,
                applied={each.stream: each for each in applied if each not in scans},
                is_paused=name in paused,
                paused_because=reasons.get(name, ""),
            )
        )
    return found


def _last(newest_first: Sequence[Scan]) -> list[Scan]:
    """Return the last scan of each stream."""
    found: dict[str, Scan] = {}
    for scan in newest_first:
        found.setdefault(scan.stream, scan)
    return [found[stream] for stream in sorted(found)]


# --- how many objects there were ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Point:
    """How many objects applied scans left, and the fewest that would have been believed."""

    at: datetime
    live: int
    lowest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """How many objects of a type there were, oldest first; the last point is now.

    ``is_thinned`` says that of an hour with several scans only the lowest is shown.
    """

    type: SiloType
    points: Sequence[Point]
    is_thinned: bool


def populations(
    unit: UnitOfWork, guards: Mapping[str, SourceGuard], now: datetime
) -> list[Population]:
    """Return how many objects there were of each type of the silos that have a guard."""
    return [
        _population(unit, each, guards[each.silo], now)
        for each in unit.scans.types()
        if each.silo in guards and each.is_loaded
    ]


def _population(unit: UnitOfWork, kind: SiloType, guard: SourceGuard, now: datetime) -> Population:
    known = unit.scans.populations(kind.id, now - SHOWN)
    # now too: our own actions created and deleted some since the last scan
    present = [] if known and known[-1].at >= now else [Stretch(now, kind.live, kind.live, 1)]
    return Population(
        type=kind,
        points=list(guarded([*known, *present], guard)),
        is_thinned=any(each.scans > 1 for each in known),
    )


def guarded(known: Sequence[Stretch], guard: SourceGuard) -> Iterator[Point]:
    """Yield each count with the fewest that the guard would have believed then.

    It compares with what the scans before left, and with the most within a week before.
    """
    before = known[0].lowest if known else 0
    for number, each in enumerate(known):
        since = each.at - HIGH_WITHIN
        high = max((past.highest for past in known[:number] if past.at >= since), default=before)
        yield Point(each.at, each.lowest, lowest_believed(before, high, guard))
        before = each.lowest


# --- what waits, and who is asked --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The open requests: how many, the oldest, and the one that expires next."""

    count: int
    oldest: Request | None
    next_expiring: Request | None


def open_requests(unit: UnitOfWork) -> Open:
    """Return what waits for an answer, in short."""
    requests = unit.requests.open()
    ending = [(each.expires_at, each) for each in requests if each.expires_at is not None]
    return Open(
        count=len(requests),
        oldest=requests[0] if requests else None,
        next_expiring=min(ending, key=lambda pair: pair[0])[1] if ending else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whom a plan would ask first now; ``plan`` is empty for the one of who names none."""

    plan: str
    first: Sequence[str]
    lists: Sequence[str]
    entitled: Sequence[str]
    need: int


def asked_now(directory: Directory) -> list[Asked]:
    """Return for each plan whom it would ask first, and who may answer."""
    return [_asked(directory, plan) for plan in (EVERYBODY, *directory.plans.values())]


def _asked(directory: Directory, plan: Plan) -> Asked:
    step = next((step for step in plan.steps if not step.inform), None)
    reached = () if step is None else directory.recipients(step.to)
    people = [each.person for each in reached if each.person is not None]
    return Asked(
        plan=plan.name,
        first=[directory.people[each].name for each in people],
        lists=[each.address for each in reached if each.person is None],
        entitled=sorted(
            directory.people[each].name
            for each in directory.entitled(plan)
            if each in directory.people
        ),
        need=plan.need,
    )
