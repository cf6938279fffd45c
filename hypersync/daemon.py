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
from datetime import datetime, timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from hypersync.app import App
from hypersync.audit.chain import chain_keys
from hypersync.audit.memory import Memory
from hypersync.config.values import Every
from hypersync.errors import HyperSyncError, LeaseHeld
from hypersync.model.ids import new_public_id
from hypersync.pipeline.lease import holding
from hypersync.ports.store.leases import Fence
from hypersync.timetable import INSTANT, Scheduled, latest_due, timetable, trigger_of

_log = logging.getLogger(__name__)
EVERY = 3.0
"""Seconds between two rounds of the duties, and between two looks at a lease that is held."""
CLOCKS_DIFFER = timedelta(seconds=1)
"""How early a schedule may be called and still be due: clocks are set back by that much."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is scheduled, and what it runs."""

    scheduled: Scheduled
    run: Callable[[], object]

    @property
    def name(self) -> str:
        """Its name in the store."""
        return self.scheduled.name


class Daemon:
    """Runs schedules and duties until told to stop; ``every`` is in seconds."""

    def __init__(self, app: App, stop: threading.Event, *, every: float = EVERY) -> None:
        self._app = app
        self._stop = stop
        self._every = every
        self._holder = f"daemon {new_public_id()}"
        self._memory = Memory(app.configuration.audit_file, app.settings.signer.environment)

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
        """Seal what was written into the audit trail where it goes on from what is remembered."""
        app = self._app
        self._memory.seal(app.store, chain_keys(app.settings), app.clock.now())

    # --- schedules -----------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """Return the jobs of the configuration."""
        return [Job(each, _runner(self._app, each)) for each in timetable(self._app.configuration)]

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
                trigger_of(job.scheduled, start),
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
        if latest_due(job.scheduled, start, now) is not None:
            return start, now
        if start == now and isinstance(job.scheduled.timing, Every):
            return start, now + timedelta(seconds=self._every * job.scheduled.after)
        return start, trigger_of(job.scheduled, start).get_next_fire_time(
            None, max(start + INSTANT, now)
        )

    def fire(self, job: Job, start: datetime) -> None:
        """Run a job that is due, unless that due time was run already."""
        now = self._app.clock.now()
        with self._app.store.begin() as unit:
            last = unit.schedules.last(job.name)
            due = latest_due(
                job.scheduled, last or start, now + CLOCKS_DIFFER, is_first=last is None
            )
            if due is None or not unit.schedules.claim(job.name, due, self._holder, now):
                return
        _log.info("schedule %s, due %s", job.name, due.isoformat())
        following = trigger_of(job.scheduled, due).get_next_fire_time(due, due)
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


def _runner(app: App, scheduled: Scheduled) -> Callable[[], object]:
    """Return what something that is scheduled does."""
    if scheduled.silo is not None:
        return partial(app.scan, [scheduled.silo], full=scheduled.kind == "full")
    return partial(
        app.sync,
        scheduled.kind,
        commit=not scheduled.is_preview,
        started_by=f"schedule:{scheduled.name}",
    )
