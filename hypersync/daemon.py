"""The daemon: schedules, duties and, with ``up``, the web pages, in one process.

Schedules are those of the configuration, run by APScheduler with jobs in memory; which due time was
run stands in the store, so a restart goes on where it was, a missed one runs once, and neither a
second node nor a clock change runs one twice. Duties are small and come round every few seconds:
requests move on, the outbox is emptied. One duty that fails does not stop the next; it is logged.
Only the holder of the ``leader`` lease runs schedules.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from hypersync.app import App
from hypersync.config.models import ScheduleConfig
from hypersync.config.values import Cron, Every
from hypersync.errors import HyperSyncError, LeaseHeld
from hypersync.model.ids import new_public_id
from hypersync.pipeline.lease import holding

_log = logging.getLogger(__name__)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
EVERY = 3.0
"""Seconds between two rounds of the duties."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that is scheduled: its name in the store, when, and what."""

    name: str
    timing: Cron | Every
    timezone: str
    run: Callable[[], object]


class Daemon:
    """Runs schedules and duties until told to stop."""

    def __init__(self, app: App, *, every: float = EVERY) -> None:
        self._app = app
        self._every = every
        self._holder = f"daemon {new_public_id()}"
        self._busy = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; what is running then is finished first."""
        while not stop.is_set():
            try:
                with holding(self._app.store, "leader", self._holder, self._app.clock.now):
                    _log.info("leading: %d schedules", len(self.jobs()))
                    self._lead(stop)
            except LeaseHeld as error:
                _log.info("standing by: %s", error.message)
                stop.wait(self._every)

    def _lead(self, stop: threading.Event) -> None:
        with self._scheduler():
            while not stop.is_set():
                self.duties()
                stop.wait(self._every)
        self.duties()

    def duties(self) -> None:
        """Do once what is always to be done."""
        for name, duty in (("tick", self._app.tick),):
            try:
                duty()
            except Exception:  # noqa: BLE001 - one duty must not kill the next
                _log.exception("the duty %s failed; it is tried again", name)

    def jobs(self) -> list[Job]:
        """Return the jobs of the configuration."""
        found = []
        for number, schedule in enumerate(self._app.configuration.schedules, 1):
            found += list(_jobs(self._app, number, schedule))
        return found

    @contextmanager
    def _scheduler(self) -> Iterator[None]:
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for job in self.jobs():
            self._schedule(scheduler, job)
        scheduler.start()
        try:
            yield
        finally:
            scheduler.shutdown(wait=True)

    def _schedule(self, scheduler: BackgroundScheduler, job: Job) -> None:
        now = self._app.clock.now()
        with self._app.store.snapshot() as unit:
            last = unit.schedules.last(job.name)
        trigger = trigger_of(job, last or now)
        due = trigger.get_next_fire_time(last, last or now)
        scheduler.add_job(
            self._run,
            trigger,
            args=(job, trigger),
            id=job.name,
            next_run_time=now if due is not None and due <= now else due,
        )

    def _run(self, job: Job, trigger: Any) -> None:  # noqa: ANN401 - APScheduler has no types
        now = self._app.clock.now()
        with self._app.store.begin() as unit:
            due = latest_due(trigger, unit.schedules.last(job.name), now)
            if not unit.schedules.claim(job.name, due, self._holder, now):
                return
        _log.info("schedule %s, due %s", job.name, due.isoformat())
        try:
            job.run()
        except LeaseHeld as error:
            _log.warning("schedule %s left out: %s", job.name, error.message)
        except HyperSyncError as error:
            _log.error("schedule %s failed: %s", job.name, error.message)
        except Exception:  # noqa: BLE001 - one schedule must not kill the others
            _log.exception("schedule %s failed", job.name)


def _jobs(app: App, number: int, schedule: ScheduleConfig) -> Iterator[Job]:
    """Return the jobs of one entry; its number keeps equal entries apart."""
    zone = schedule.timezone
    if schedule.scan is not None:
        silo = schedule.scan
        for name, timing, full in (
            ("full", schedule.full, True),
            ("delta", schedule.delta, False),
        ):
            if timing is not None:
                run = _scanner(app, silo, full=full)
                yield Job(f"{number} scan {silo} {name} {timing}", timing, zone, run)
        return
    timing = schedule.at or (None if schedule.every is None else Every(schedule.every))
    if timing is not None:
        name = f"{number} sync {schedule.sync} {timing}"
        yield Job(name, timing, zone, _syncer(app, name, schedule))


def _scanner(app: App, silo: str, *, full: bool) -> Callable[[], object]:
    return lambda: app.scan([silo], full=full)


def _syncer(app: App, name: str, schedule: ScheduleConfig) -> Callable[[], object]:
    return lambda: app.sync(
        schedule.sync, commit=not schedule.preview, started_by=f"schedule:{name}"
    )


def trigger_of(job: Job, start: datetime) -> Any:  # noqa: ANN401 - APScheduler has no types
    """Return the trigger of a job; intervals are counted from ``start``."""
    if isinstance(job.timing, Every):
        seconds = job.timing.span.total_seconds()
        return IntervalTrigger(seconds=seconds, start_date=start, timezone="UTC")
    minute, hour, day, month, weekday = job.timing.text.split()
    return CronTrigger(
        minute=minute,
        hour=hour,
        day=day,
        month=month,
        day_of_week=weekdays(weekday),
        timezone=job.timezone,
    )


def weekdays(field: str) -> str:
    """Write a cron line's days of the week by name: its 0 and 7 are Sunday, APScheduler's 6."""
    return ",".join(_weekdays(part) for part in field.split(","))


def _weekdays(part: str) -> str:
    days, _, step = part.partition("/")
    if days == "*":
        return part
    first, _, last = days.partition("-")
    end = int(last or first) if last or not step else 6
    numbers = range(int(first), end + 1, int(step or 1))
    return ",".join(_DAYS[number % 7] for number in numbers)


def latest_due(trigger: Any, last: datetime | None, now: datetime) -> datetime:  # noqa: ANN401
    """Return the latest due time that is not after ``now``; the first run is due now."""
    if last is None:
        return now.replace(second=0, microsecond=0)
    due = last
    while (following := trigger.get_next_fire_time(due, due)) is not None:
        if following > now or following <= due:
            break
        due = following
    return due if due > last else now
