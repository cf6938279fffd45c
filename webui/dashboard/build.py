"""Builds the views of the dashboard. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from hypersync.insight.dashboard import Asked, Open, Population, SiloNow
from hypersync.messages import wording
from hypersync.messages.pages.dashboard import AskedView, NowView, RunShort, ScanView, SiloView
from hypersync.messages.pages.plots import PlotView
from hypersync.model.runs import Run, RunKind
from hypersync.model.scans import Scan, ScanState, TypeCounts
from webui.dashboard.schedules import Coming, due_views
from webui.drawing import Band, Line, lines
from webui.runs.words import counts_text, took, whole_text

_UNEASY = (ScanState.SUSPENDED, ScanState.FAILED, ScanState.REJECTED)
_UNDER_WAY = (ScanState.RUNNING, ScanState.APPLYING)
_MOST_NAMES = 12


def now_view(
    *,
    silos: Sequence[SiloNow],
    waiting: Open,
    runs: Sequence[Run],
    coming: Sequence[Coming],
    leader: str | None,
    now: datetime,
    zone: str,
) -> NowView:
    """Return what changes by itself; times are in ``zone``."""
    is_led = leader is not None
    return NowView(
        title="Dashboard",
        daemon=_daemon(is_led=is_led, has_schedules=bool(coming)),
        is_led=is_led,
        waiting=_waiting(waiting),
        waiting_facts=[*_waiting_facts(waiting, zone)],
        silos=[_silo(each, now, zone) for each in silos],
        runs=[_run(each, zone) for each in runs],
        due=due_views(coming, now, zone, is_led=is_led),
        at=wording.moment(now, zone),
    )


def _daemon(*, is_led: bool, has_schedules: bool) -> str:
    if is_led:
        return "A daemon runs: schedules are kept, mails go out."
    if has_schedules:
        return "No daemon runs: nothing is scanned or synced by itself, and no mail goes out."
    return "No daemon runs, and nothing is scheduled: no mail goes out by itself."


# --- what waits --------------------------------------------------------------------------------


def _waiting(waiting: Open) -> str:
    if not waiting.count:
        return "Nothing waits for a decision."
    verb = "waits" if waiting.count == 1 else "wait"
    return f"{wording.counted(waiting.count, 'request')} {verb} for a decision."


def _waiting_facts(waiting: Open, zone: str) -> Iterator[tuple[str, str]]:
    if waiting.oldest is not None:
        since = wording.moment(waiting.oldest.opened_at, zone)
        yield "Oldest", f"{wording.visible(waiting.oldest.sentence, 160)}, since {since}"
    following = waiting.next_expiring
    if following is not None and following.expires_at is not None:
        end = wording.moment(following.expires_at, zone)
        yield "Ends next", f"{wording.visible(following.sentence, 160)}, {end}"


# --- silos -------------------------------------------------------------------------------------


def _silo(silo: SiloNow, now: datetime, zone: str) -> SiloView:
    live = ", ".join(
        f"{wording.number(each.live)} {wording.visible(each.name, 40)}" for each in silo.types
    )
    scans = [_scan(each, silo, now, zone) for each in silo.scans]
    why = wording.visible(silo.paused_because, 300)
    return SiloView(
        name=wording.visible(silo.name, 60),
        live=live or "never scanned",
        is_paused=silo.is_paused,
        paused_because="" if any(why == each.reason for each in scans) else why,
        scans=scans,
    )


def _scan(scan: Scan, silo: SiloNow, now: datetime, zone: str) -> ScanView:
    applied = silo.applied.get(scan.stream)
    reasons = [scan.reason or "", *(text for v in scan.types.values() for text in v.reasons)]
    return ScanView(
        stream=wording.visible(scan.stream, 60),
        state=f"{scan.kind.value}, {scan.state.value}",
        is_bad=scan.state in _UNEASY,
        when=wording.moment(scan.started_at, zone),
        took=_took(scan, now),
        counts=_scan_counts(scan),
        reason=wording.visible("; ".join(dict.fromkeys(filter(None, reasons))), 300),
        before=""
        if applied is None
        else f"The last one that was applied began {wording.moment(applied.started_at, zone)}.",
    )


def _took(scan: Scan, now: datetime) -> str:
    """Return how long a scan took, or goes on already."""
    if scan.state in _UNDER_WAY:
        return f"for {took(now - scan.started_at)}"
    return "" if scan.finished_at is None else f"took {took(scan.finished_at - scan.started_at)}"


def _scan_counts(scan: Scan) -> str:
    """Return what a scan found, all its types together."""
    total = TypeCounts()
    for verdict in scan.types.values():
        for name, count in asdict(verdict.counts).items():
            setattr(total, name, getattr(total, name) + count)
    return counts_text(asdict(total)) or "nothing new"


def plot_of(population: Population, zone: str) -> PlotView:
    """Return how many objects of a type there were, over the room that the guard left."""
    kind = population.type
    name = f"{wording.visible(kind.silo, 60)}/{wording.visible(kind.name, 60)}"
    thinned = " Of an hour with several scans the lowest count is shown." * population.is_thinned
    return lines(
        f"objects-{kind.id}",
        f"Objects of {name}",
        "How many objects the scans of the last days left. Below the band a scan would be "
        f"suspended, unless new objects came in place of the missing ones.{thinned}",
        all_lines=[Line("objects", [(each.at, each.live) for each in population.points])],
        zone=zone,
        band=Band(
            "believed unasked",
            [(each.at, each.lowest, max(each.lowest, each.live)) for each in population.points],
        ),
    )


# --- runs, and who is asked --------------------------------------------------------------------


def _run(run: Run, zone: str) -> RunShort:
    kind = "undo" if run.kind is RunKind.UNDO else f"{run.kind.value} sync"
    return RunShort(
        id=run.id,
        text=f"{kind}, {run.mode.value}, {run.state.value}",
        when=wording.moment(run.started_at, zone),
        counts=whole_text(run),
    )


def asked_view(asked: Asked) -> AskedView:
    """Return whom a plan would ask first now."""
    need = f" (an approval takes {asked.need})" if asked.need > 1 else ""
    return AskedView(
        plan=wording.visible(asked.plan, 60) or "without a plan",
        first=_names([*asked.first, *asked.lists]) or "nobody",
        entitled=(_names(asked.entitled) or "nobody") + need,
    )


def _names(names: Sequence[str]) -> str:
    shown = [wording.visible(each, 80) for each in names[:_MOST_NAMES]]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
