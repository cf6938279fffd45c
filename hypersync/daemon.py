"""The daemon: schedules and duties in one process.

Schedules are those of the configuration, run by APScheduler with jobs in memory; which due time was
run stands in the store. A restart therefore goes on where it was, what was missed meanwhile runs
once, and neither a second node nor a clock change runs one twice. Duties are small and come round
every few seconds: requests move on, the outbox is emptied, events are sealed. One that fails does
not stop the others; it is logged. Actions that were put off wait for the next committing sync,
which looks at their condition again. Only the holder of the ``leader`` lease works, the others
stand by.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from hypersync.app import App
from hypersync.audit.chain import Head, chain_keys
from hypersync.audit.sealing import seal
from hypersync.config.models import ScheduleConfig
from hypersync.config.values import Cron, Every
from hypersync.errors import HyperSyncError, LeaseHeld
from hypersync.model.ids import new_public_id
from hypersync.pipeline.lease import holding
from hypersync.ports.store.leases import Fence

_log = logging.getLogger(__name__)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_INSTANT = timedelta(microseconds=1)
_WINDOWS = tuple(map(timedelta, (0.01, 1, 32, 366, 366 * 30)))
EVERY = 3.0
"""Seconds between two rounds of the duties, and between two looks at a lease that is held."""
CLOCKS_DIFFER = timedelta(seconds=1)
"""How early a schedule may be called and still be due: clocks are set back by that much."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that is scheduled: its name in the store, when, and what.

    ``after`` counts the rounds that it waits before its very first run: scans come before syncs.
    """

    name: str
    timing: Cron | Every
    timezone: str
    run: Callable[[], object]
    after: int = 0


class Daemon:
    """Runs schedules and duties until told to stop; ``every`` is in seconds."""

    def __init__(self, app: App, stop: threading.Event, *, every: float = EVERY) -> None:
        self._app = app
        self._stop = stop
        self._every = every
        self._holder = f"daemon {new_public_id()}"
        self._head: Head | None = None

    def run(self) -> None:
        """Work until told to stop; what is running then is finished first."""
        is_known = False
        while not self._stop.is_set():
            try:
                with holding(self._app.store, "leader", self._holder, self._app.clock.now) as fence:
                    is_known = False
                    self._lead(fence)
            except LeaseHeld as error:
                _log.log(logging.DEBUG if is_known else logging.INFO, "standing by: %s", error)
                is_known = True
            except HyperSyncError as error:
                _log.error("no longer leading: %s", error.message)
            self._stop.wait(self._every)

    def _lead(self, fence: Fence) -> None:
        jobs = self.jobs()
        _log.info("leading, with %d schedules", len(jobs))
        with self._scheduler(jobs):
            while not self._stop.is_set():
                self._check(fence)
                self._duties()
                self._stop.wait(self._every)
        self._duties()

    def _check(self, fence: Fence) -> None:
        """Raise `FenceLost` when somebody else leads by now."""
        with self._app.store.snapshot() as unit:
            unit.leases.check(fence)

    def _duties(self) -> None:
        """Do once what is always to be done."""
        for name, duty in (("tick", self._app.tick), ("seal", self._seal)):
            try:
                duty()
            except Exception:  # noqa: BLE001 - a failing duty must not end the daemon
                _log.exception("the duty %s failed; it is tried again", name)

    def _seal(self) -> None:
        """Seal what was written into the audit trail; the end is remembered while it runs."""
        app = self._app
        self._head = seal(app.store, chain_keys(app.settings), app.clock.now(), self._head).head

    # --- schedules -----------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """Return the jobs of the configuration."""
        found = []
        for number, schedule in enumerate(self._app.configuration.schedules, 1):
            found += list(_jobs(self._app, number, schedule))
        return found

    @contextmanager
    def _scheduler(self, jobs: list[Job]) -> Iterator[None]:
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(max(1, len(jobs)))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for job in jobs:
            start, first = self.first(job)
            scheduler.add_job(
                self.fire,
                trigger_of(job, start),
                args=(job, start),
                id=job.name,
                next_run_time=first,
            )
        scheduler.start()
        try:
            yield
        finally:
            scheduler.shutdown(wait=True)

    def first(self, job: Job) -> tuple[datetime, datetime | None]:
        """Return since when a job counts, and when it runs first: now, when one was missed."""
        now = self._app.clock.now()
        with self._app.store.snapshot() as unit:
            start = unit.schedules.last(job.name) or now
        if latest_due(job, start, now) is not None:
            return start, now
        if start == now and isinstance(job.timing, Every):
            return start, now + timedelta(seconds=self._every * job.after)
        return start, trigger_of(job, start).get_next_fire_time(None, max(start + _INSTANT, now))

    def fire(self, job: Job, start: datetime) -> None:
        """Run a job that is due, unless that due time was run already."""
        now = self._app.clock.now()
        with self._app.store.begin() as unit:
            last = unit.schedules.last(job.name)
            due = latest_due(job, last or start, now + CLOCKS_DIFFER, is_first=last is None)
            if due is None or not unit.schedules.claim(job.name, due, self._holder, now):
                return
        _log.info("schedule %s, due %s", job.name, due.isoformat())
        following = trigger_of(job, due).get_next_fire_time(due, due)
        try:
            self._run(job, following)
        except HyperSyncError as error:
            _log.error("schedule %s failed: %s", job.name, error.message)
        except Exception:  # noqa: BLE001 - one schedule must not kill the others
            _log.exception("schedule %s failed", job.name)

    def _run(self, job: Job, until: datetime | None) -> None:
        """Run a job; while somebody else holds its lease wait, until the next one is due."""
        while True:
            try:
                job.run()
            except LeaseHeld as error:
                is_late = until is not None and self._app.clock.now() >= until
                if is_late or self._stop.wait(self._every):
                    _log.warning("schedule %s left out: %s", job.name, error.message)
                    return
            else:
                return


def _jobs(app: App, number: int, schedule: ScheduleConfig) -> Iterator[Job]:
    """Return the jobs of one entry; its number keeps equal entries apart."""
    zone = schedule.timezone
    if schedule.scan is not None:
        silo = schedule.scan
        for kind, timing in (("full", schedule.full), ("delta", schedule.delta)):
            if timing is not None:
                run = _scanner(app, silo, full=kind == "full")
                yield Job(f"{number} scan {silo} {kind} {timing}", timing, zone, run)
        return
    timing = schedule.at or (None if schedule.every is None else Every(schedule.every))
    if timing is not None:
        name = f"{number} sync {schedule.sync} {timing}"
        yield Job(name, timing, zone, _syncer(app, name, schedule), after=1)


def _scanner(app: App, silo: str, *, full: bool) -> Callable[[], object]:
    return lambda: app.scan([silo], full=full)


def _syncer(app: App, name: str, schedule: ScheduleConfig) -> Callable[[], object]:
    return lambda: app.sync(
        schedule.sync, commit=not schedule.preview, started_by=f"schedule:{name}"
    )


# --- due times ---------------------------------------------------------------------------------


def trigger_of(job: Job, start: datetime) -> Any:  # noqa: ANN401 - APScheduler has no types
    """Return the trigger of a job; intervals are counted from ``start``.

    With both a day of the month and a day of the week a cron line means either, as cron has it.
    """
    if isinstance(job.timing, Every):
        seconds = job.timing.span.total_seconds()
        return IntervalTrigger(seconds=seconds, start_date=start, timezone="UTC")
    minute, hour, day, month, weekday = job.timing.text.split()
    days = [(day, "*"), ("*", weekday)] if "*" not in (day, weekday) else [(day, weekday)]
    either = [
        CronTrigger(
            minute=minute,
            hour=hour,
            day=of_month,
            month=month,
            day_of_week=weekdays(of_week),
            timezone=job.timezone,
        )
        for of_month, of_week in days
    ]
    return either[0] if len(either) == 1 else OrTrigger(either)


def weekdays(field: str) -> str:
    """Write a cron line's days of the week by name: its 0 and 7 are Sunday, APScheduler's 6."""
    return ",".join(_weekdays(part) for part in field.split(","))


def _weekdays(part: str) -> str:
    days, _, step = part.partition("/")
    if part == "*":
        return part
    first, _, last = ("0", "-", "6") if days == "*" else days.partition("-")
    end = int(last or first) if last or not step else 6
    numbers = range(int(first), end + 1, int(step or 1))
    return ",".join(_DAYS[number % 7] for number in numbers)


def latest_due(
    job: Job, since: datetime, now: datetime, *, is_first: bool = False
) -> datetime | None:
    """Return the latest due time after ``since`` and not after ``now``; ``None``: none is due.

    ``is_first`` says that the job never ran: then an interval is due at ``since`` as well.
    """
    if isinstance(job.timing, Every):
        rounds = (now - since) // job.timing.span
        return since + rounds * job.timing.span if rounds > 0 or is_first else None
    zone = ZoneInfo(job.timezone)
    trigger = trigger_of(job, since)
    for window in _WINDOWS:
        found = _last_between(trigger, max(since, now - window), now)
        if found is not None and _on_the_wall(found, zone) != _on_the_wall(since, zone):
            return found
        if now - window <= since:
            return None
    return None


def _last_between(trigger: Any, after: datetime, until: datetime) -> datetime | None:  # noqa: ANN401
    found = None
    following = _following(trigger, after)
    while following is not None and following <= until:
        found = following
        following = _following(trigger, following)
    return found


def _following(trigger: Any, after: datetime) -> datetime | None:  # noqa: ANN401
    """Return the first due time after a moment, in UTC.

    In the hour that a zone has twice, APScheduler may name a time before the one it was asked for;
    it is asked again for later ones.
    """
    asked = after + _INSTANT
    for _ in range(24):
        found: datetime | None = trigger.get_next_fire_time(None, asked)
        if found is None or found.astimezone(UTC) > after:
            return None if found is None else found.astimezone(UTC)
        asked += timedelta(minutes=15)
    return None


def _on_the_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what a clock on the wall shows: a time that comes twice in a night is one."""
    return moment.astimezone(zone).replace(tzinfo=None)
