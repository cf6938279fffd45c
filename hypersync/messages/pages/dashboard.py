"""What the dashboard shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.pages.plots import PlotView


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanView:
    """The last scan of a stream; ``is_bad`` marks one that somebody has to look at."""

    stream: str
    state: str
    is_bad: bool
    when: str
    took: str
    counts: str
    reason: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiloView:
    """One silo with its last scans; ``paused_because`` is empty where a scan says it."""

    name: str
    live: str
    is_paused: bool
    paused_because: str
    scans: Sequence[ScanView]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShort:
    """One run in short."""

    id: str
    text: str
    when: str
    counts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueView:
    """One schedule: what it does, when it is due next, and when it was last."""

    what: str
    due: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedView:
    """Whom a plan would ask first now, and who may answer."""

    plan: str
    first: str
    entitled: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NowView:
    """What changes by itself, and is asked for again and again."""

    title: str
    daemon: str
    is_led: bool
    waiting: str
    waiting_facts: Sequence[tuple[str, str]]
    silos: Sequence[SiloView]
    runs: Sequence[RunShort]
    due: Sequence[DueView]
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardPage:
    """The start page; ``asked_note`` says why ``asked`` is empty."""

    title: str
    now: NowView
    plots: Sequence[PlotView]
    asked: Sequence[AskedView]
    asked_note: str
