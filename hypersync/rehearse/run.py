"""Runs a rehearsal: sets the stage, plays the past, and says how it would have gone otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypersync.app import App
from hypersync.config.models import Configuration
from hypersync.errors import NotFound
from hypersync.model.actions import ActionState
from hypersync.model.runs import Run, RunKind
from hypersync.ports.progress import NoProgress, Progress
from hypersync.rehearse.compare import Difference, Side, differences
from hypersync.rehearse.planting import Garden
from hypersync.rehearse.replay import Replay
from hypersync.rehearse.stage import Stage, open_stage
from hypersync.rulebook.rules import RuleKind
from hypersync.store.unit import UnitOfWork

_NOT_REPLAYED = (RunKind.OBJECT, RunKind.UNDO)
_ERRORS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A rule that the guards held in one rehearsed run."""

    at: datetime
    rule: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """How it went: ``was`` what really happened, ``would_be`` what the rehearsed rules did.

    ``start`` is when the first rehearsed run began and ``known_since`` the first run there is.
    ``runs`` really ran, ``rehearsed`` of them had something to do on paper. ``errors`` count sync
    errors by rule and sentence; ``unread`` are attributes (SILO/TYPE: NAME) that the rules read and
    no scan did.
    """

    start: datetime
    known_since: datetime
    runs: int
    rehearsed: int
    was: Side
    would_be: Side
    stopped: Sequence[Stopped]
    errors: Mapping[tuple[str | None, str], int]
    unread: Sequence[str]
    differences: Sequence[Difference]


@dataclass(slots=True)
class _Notes:
    """What is written down while the rehearsal goes on."""

    was: Side = field(default_factory=Side)
    would_be: Side = field(default_factory=Side)
    stopped: list[Stopped] = field(default_factory=list)
    errors: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    runs: int = 0
    rehearsed: int = 0


def rehearse(
    app: App, configuration: Configuration, *, since: datetime, progress: Progress | None = None
) -> Rehearsal:
    """Play the runs since then again under the rules of another configuration.

    Raises `ConfigurationError` for mistakes in these rules and `NotFound` when there was no run.
    """
    shown = progress or NoProgress()
    with app.store.snapshot() as past:
        start, known_since = _start(past, since)
        with open_stage(app, configuration, start) as stage:
            shown.start("setting the stage")
            _set(app, stage, past, start, shown)
            notes = _play(stage, past, start, shown)
            unread = _unread(app, stage)
    return Rehearsal(
        start=start,
        known_since=known_since,
        runs=notes.runs,
        rehearsed=notes.rehearsed,
        was=notes.was,
        would_be=notes.would_be,
        stopped=notes.stopped,
        errors=notes.errors,
        unread=unread,
        differences=differences(notes.was, notes.would_be),
    )


def _start(past: UnitOfWork, since: datetime) -> tuple[datetime, datetime]:
    """Return when the first run since then began, and the first of all."""
    known_since = past.past.first_run()
    first = next(_replayed(past, since), None)
    if first is None or known_since is None:
        text = "there was no committing sync yet, so there is nothing to rehearse"
        if known_since is not None:
            text = f"there was no committing full or delta sync since {since:%Y-%m-%d %H:%M} UTC"
        raise NotFound(text)
    return first.started_at, known_since


def _replayed(past: UnitOfWork, since: datetime) -> Iterator[Run]:
    return (run for run in past.past.committed(since) if run.kind not in _NOT_REPLAYED)


# --- setting the stage -------------------------------------------------------------------------


def _set(app: App, stage: Stage, past: UnitOfWork, start: datetime, progress: Progress) -> None:
    """Bring the rehearsal's store to where the real one was before the first run."""
    garden = Garden(stage.app, start)
    store = stage.app.store
    for some in past.past.objects(start):
        with store.begin() as unit:
            garden.plant(unit, some)
            remembered = past.identities.vips({each.identity for each in some})
            unit.identities.remember_vips({who: _over(vips) for who, vips in remembered.items()})
        progress.advance(len(some))
    scanned = {scan.silo for scan in past.past.scans(None, start)}
    with store.begin() as unit:
        past.past.copy_knowledge(unit.past, before=start, window=_window(stage.app))
        garden.finish(unit, scanned)
    _mark_events(app, stage, past, start)


def _over(vips: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """Keep what is remembered of VIP rules that no longer hold; the others are asked anew."""
    return {name: until for name, until in vips.items() if until is not None}


def _window(app: App) -> timedelta:
    """Return the longest time that a rule or a silo looks back."""
    spans = [rule.threshold.lookback.span for rule in app.rulebook.rules]
    spans += [limits.per for limits in app.engine.limits.values()]
    return max(spans, default=timedelta(0))


def _mark_events(app: App, stage: Stage, past: UnitOfWork, start: datetime) -> None:
    """Let event rules that were there already fire only for what becomes true from now on.

    Who has a true condition at the start was told before, except those whom the first run told.
    """
    events = [
        rule.id
        for rule in stage.app.rulebook.rules
        if rule.kind is RuleKind.EVENT and app.rulebook.rule(rule.id) is not None
    ]
    if not events:
        return
    first = next(_replayed(past, start))
    preview = stage.app.sync("full")
    with stage.app.store.begin() as unit:
        for rule in events:
            fired = {each.identity for each in past.actions.of_run(first.id, rule)}
            true = {each.identity for each in unit.actions.of_run(preview.id, rule)}
            unit.marks.set_held([(rule, each) for each in sorted(true - fired)], held=True)


# --- playing -----------------------------------------------------------------------------------


def _play(stage: Stage, past: UnitOfWork, start: datetime, progress: Progress) -> _Notes:
    notes = _Notes()
    replay = Replay(stage, past.past.facts(start))
    progress.start("rehearsing")
    before = start
    for run in past.past.committed(start):
        if run.kind is RunKind.UNDO:
            continue
        _take(notes.was, past, run)
        if run.kind is RunKind.OBJECT:
            continue
        stage.clock.time = now = run.started_at
        found = replay.up_to(now)
        replay.scanned(past.past.scans(before, now))
        before = now
        kind = run.kind if notes.runs else RunKind.FULL
        notes.runs += 1
        if kind is RunKind.FULL or found or _is_something_due(stage.app, now):
            _rehearse_run(stage.app, kind, notes)
        progress.advance()
    return notes


def _is_something_due(paper: App, now: datetime) -> bool:
    """Tell whether a delta would do anything; most of them would not."""
    with paper.store.snapshot() as unit:
        return bool(
            unit.identities.count_pending(now)
            or unit.requests.expired(now)
            or unit.requests.run_out(now)
            or unit.actions.count(ActionState.APPROVED)
        )


def _rehearse_run(paper: App, kind: RunKind, notes: _Notes) -> None:
    """Commit a sync on paper, with what is due before and after it."""
    paper.tick()
    run = paper.sync(kind.value, commit=True)
    paper.tick()
    notes.rehearsed += 1
    with paper.store.snapshot() as unit:
        _take(notes.would_be, unit, run)
        notes.errors.update((e.rule, e.message) for e in unit.runs.errors(run.id, limit=_ERRORS))
    notes.stopped += [
        Stopped(
            at=run.started_at,
            rule=rule,
            count=report.counts.suspended,
            reason=report.reason or "",
        )
        for rule, report in run.rules.items()
        if report.counts.suspended
    ]


def _take(side: Side, unit: UnitOfWork, run: Run) -> None:
    actions = [each for each in unit.actions.of_run(run.id) if each.run == run.id]
    keys = unit.identities.keys({each.identity for each in actions})
    side.take(actions, run.started_at, keys)


def _unread(app: App, stage: Stage) -> list[str]:
    """Return the attributes that the rehearsed rules read and scans do not."""
    found = []
    for (silo, kind), names in sorted(stage.app.rulebook.attributes.items()):
        read = app.engine.silos.types.get((silo, kind))
        if read is not None and read.attributes:
            found += [f"{silo}/{kind}: {name}" for name in sorted(names - read.attributes)]
    return found
