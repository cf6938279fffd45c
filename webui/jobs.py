"""Runs that people start from a page: each in a thread of this process, watched by its page.

One at a time in this process; among all processes the lease of committing runs lets one through,
and says whose it is. Whoever presses the button started the run: ``person:ID`` stands in it, so
that they, and who stands in for them, may not approve what it suspends.

A preview is kept until somebody commits it: a commit names the preview that its person looked at,
and does what that one was ordered to look at. A process that is told to stop waits for its run; one
that is killed leaves it as every crash does, for the next committing run to clean up.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from flask import current_app

from hypersync.app import App
from hypersync.errors import HyperSyncError, LeaseHeld, NotFound, UsageError
from hypersync.model.ids import RunId, new_public_id
from hypersync.model.runs import Run
from webui.failed import told

_logger = logging.getLogger(__name__)

KEPT = 30
"""How many jobs are remembered; older ones are found as runs."""
GOOD_FOR = timedelta(minutes=30)
"""How long after a preview its commit may be ordered."""
_WENT_WRONG = "Something went wrong; it was written to the log. Look at the newest run."


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done: a sync of a kind, or the undo of a run; ``scan`` reads the silos first.

    ``kind`` None is a delta, or a full sync when one is due. ``target`` is silo, type and anchor of
    an object sync. ``preview`` is the job that a commit carries out.
    """

    commit: bool = False
    kind: str | None = None
    target: tuple[str, str, str] | None = None
    scan: bool = False
    undoes: RunId | None = None
    rule: str | None = None
    preview: str = ""


class JobState(Enum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class Job:
    """One job, and how far it is; only its own thread writes to it.

    ``done`` of ``total`` (``None``: not known) steps of ``stage`` are over. ``kind`` is what a sync
    turned out to be. ``cannot`` counts what an undo leaves as it is, ``incomplete`` what it does
    not bring back whole. ``is_used`` is a preview that was committed.
    """

    id: str
    order: Order
    person: str
    name: str
    started_at: datetime
    ended_at: datetime | None = None
    state: JobState = JobState.RUNNING
    stage: str = "starting"
    done: int = 0
    total: int | None = None
    run: RunId | None = None
    kind: str | None = None
    error: str = ""
    cannot: int = 0
    incomplete: int = 0
    is_used: bool = False
    scans: list[str] = field(default_factory=list)

    def start(self, what: str, total: int | None = None) -> None:
        """Begin a stage; this is the progress that the run tells."""
        self.stage, self.done, self.total = what, 0, total

    def advance(self, count: int = 1) -> None:
        """Count steps of the stage."""
        self.done += count


class Busy(HyperSyncError):
    """Somebody's run is under way here."""

    code = "busy"

    def __init__(self, job: Job) -> None:
        super().__init__(f"{job.name} started a run here that is still under way; wait for it")
        self.job = job


class Jobs:
    """The jobs of one process."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._threads: dict[str, threading.Thread] = {}

    def start(self, order: Order, *, person: str, name: str) -> Job:
        """Begin in the background and return at once; raises `Busy`.

        A commit uses its preview up; raises `UsageError` for one that has none left.
        """
        with self._lock:
            running = self.running
            if running is not None:
                raise Busy(running)
            if order.commit:
                self._use_up(order)
            now = self._app.clock.now()
            job = Job(id=new_public_id(), order=order, person=person, name=name, started_at=now)
            self._jobs[job.id] = job
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)
            thread = threading.Thread(target=self._work, args=(job,), name=f"job {job.id}")
            self._threads = {job.id: thread}
            thread.start()
        return job

    def _use_up(self, order: Order) -> None:
        preview = self._jobs.get(order.preview)
        if preview is None or preview.is_used:
            raise UsageError("there is no preview of yours to commit; look first")
        preview.is_used = True

    @property
    def running(self) -> Job | None:
        """The job that is under way."""
        return next(
            (job for job in list(self._jobs.values()) if job.state is JobState.RUNNING), None
        )

    def get(self, name: str) -> Job:
        """Return a job; raises `NotFound`."""
        job = self._jobs.get(name)
        if job is None:
            raise NotFound(f"there is no job {name!r}")
        return job

    def wait(self, job: Job) -> Job:
        """Wait for the end of a job."""
        thread = self._threads.get(job.id)
        if thread is not None:
            thread.join()
        return job

    def committed(self, name: str, *, person: str, knows: int | None) -> Order:
        """Return what commits a preview; raises `NotFound` and `UsageError`.

        Only whoever looked at it, for half an hour. ``knows`` is how many changes of an undo they
        said stay as they are.
        """
        job = self.get(name)
        is_over = job.state is JobState.DONE and not job.is_used
        if job.person != person or job.order.commit or not is_over:
            raise UsageError("there is no preview of yours to commit; look first")
        if job.ended_at is None or self._app.clock.now() - job.ended_at > GOOD_FOR:
            raise UsageError("this preview is too old; look again before you commit")
        if job.cannot and knows != job.cannot:
            raise UsageError(
                f"{job.cannot} changes stay as they are; type this number to say that you know"
            )
        return replace(job.order, commit=True, scan=False, kind=job.kind, preview=job.id)

    # --- in the thread -------------------------------------------------------------------------

    def _work(self, job: Job) -> None:
        try:
            run = self._run(job)
            is_sync = job.order.undoes is None and job.order.target is None
            job.run, job.kind = run.id, run.kind.value if is_sync else None
            job.state, job.ended_at = JobState.DONE, self._app.clock.now()
        except LeaseHeld as error:
            self._fail(job, error.message)
            self._give_back(job.order)
        except HyperSyncError as error:
            self._fail(job, error.message)
        except Exception as error:  # noqa: BLE001 - the page of the job has to say that it ended
            _logger.error("a run that was started from the page failed: %s", told(error))  # noqa: TRY400 - see told
            self._fail(job, _WENT_WRONG)

    def _give_back(self, order: Order) -> None:
        """Let a preview be committed after all: nothing of it was done."""
        preview = self._jobs.get(order.preview)
        if preview is not None:
            preview.is_used = False

    def _fail(self, job: Job, why: str) -> None:
        job.error, job.ended_at, job.state = why, self._app.clock.now(), JobState.FAILED

    def _run(self, job: Job) -> Run:
        order = job.order
        app = replace(self._app, started_by=f"person:{job.person}", progress=job)
        if order.undoes is not None:
            run, undone = app.undo(order.undoes, order.rule, commit=order.commit)
            job.cannot, job.incomplete = len(undone.cannot), len(undone.incomplete)
        else:
            if order.scan:
                reports = app.scan_for_rules()
                job.scans = [f"{each.silo}: {each.state.value}" for each in reports]
            run = app.sync(
                order.kind, object_key=order.target, commit=order.commit, scans=job.scans
            )
        if order.commit:
            app.tick()
        return run


def jobs() -> Jobs:
    """Return the jobs of the site that answers."""
    found = current_app.extensions["jobs"]
    assert isinstance(found, Jobs)  # noqa: S101 - `create_app` put it there
    return found
