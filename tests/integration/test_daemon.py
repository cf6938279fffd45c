"""The daemon in this process: schedules by a clock that is moved, duties, leases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.daemon import Daemon
from hypersync.errors import StoreError
from hypersync.pipeline.lease import holding
from tests.living import NOON, Clock, make_project, people, users

NIGHTLY = """\
schedules:
  - {sync: full, at: "0 3 * * *", timezone: Europe/Paris}
"""
OFTEN = """\
schedules:
  - {scan: hr, full: every 10m}
  - {scan: app, delta: every 10m, full: "0 2 * * *"}
  - {sync: delta, every: 10m}
"""


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stop():
    return threading.Event()


def fire(worker, job):
    start, _ = worker.first(job)
    worker.fire(job, start)


def runs(app):
    with app.store.snapshot() as unit:
        return list(unit.runs.recent(100))


def last(app, job):
    with app.store.snapshot() as unit:
        return unit.schedules.last(job.name)


def test_every_entry_becomes_a_job_per_time_it_names(tmp_path, clock, stop):
    with make_project(tmp_path, more=OFTEN).app(clock) as app:
        names = [job.name for job in Daemon(app, stop).jobs()]
    assert names == [
        "1 scan hr full every 10m",
        "2 scan app full 0 2 * * *",
        "2 scan app delta every 10m",
        "3 sync delta every 10m",
    ]


def test_a_nightly_sync_waits_for_its_night_on_the_clocks_of_its_zone(tmp_path, clock, stop):
    with make_project(tmp_path, more=NIGHTLY).app(clock) as app:
        (job,) = Daemon(app, stop).jobs()
        _, first = Daemon(app, stop).first(job)
    assert first == NOON + timedelta(hours=14)  # 03:00 in Paris is 02:00 UTC in winter


def test_what_was_missed_while_nobody_ran_runs_once_at_the_start(tmp_path, clock, stop):
    project = make_project(tmp_path, more=NIGHTLY)
    with project.app(clock) as app:
        worker = Daemon(app, stop)
        (job,) = worker.jobs()
        start, first = worker.first(job)
        clock.moment = first
        worker.fire(job, start)
        assert len(runs(app)) == 1
    clock.forward(days=3, hours=5)
    with project.app(clock) as app:
        worker = Daemon(app, stop)
        (job,) = worker.jobs()
        start, first = worker.first(job)
        assert first == clock.now()
        worker.fire(job, start)
        worker.fire(job, start)
        assert len(runs(app)) == 2
        assert last(app, job) == NOON + timedelta(days=3, hours=14)


def test_two_daemons_do_not_run_one_due_time_twice(tmp_path, clock, stop):
    project = make_project(tmp_path, more=NIGHTLY)
    with project.app(clock) as one, project.app(clock) as other:
        (job,) = Daemon(one, stop).jobs()
        start, first = Daemon(one, stop).first(job)
        clock.moment = first
        Daemon(one, stop).fire(job, start)
        Daemon(other, stop).fire(Daemon(other, stop).jobs()[0], start)
        assert len(runs(one)) == 1


def test_a_clock_that_is_set_back_runs_nothing_twice(tmp_path, clock, stop):
    with make_project(tmp_path, more=OFTEN).app(clock) as app:
        worker = Daemon(app, stop)
        job = worker.jobs()[3]
        start, _ = worker.first(job)
        worker.fire(job, start)
        clock.forward(minutes=10)
        worker.fire(job, start)
        assert len(runs(app)) == 2
        clock.forward(minutes=-15)
        worker.fire(job, start)
        assert len(runs(app)) == 2
        assert worker.first(job)[1] == NOON + timedelta(minutes=20)
        clock.forward(minutes=25)
        worker.fire(job, start)
        assert len(runs(app)) == 3


def test_a_call_that_comes_a_moment_early_is_not_lost(tmp_path, clock, stop):
    with make_project(tmp_path, more=NIGHTLY).app(clock) as app:
        worker = Daemon(app, stop)
        (job,) = worker.jobs()
        start, first = worker.first(job)
        clock.moment = first - timedelta(milliseconds=50)
        worker.fire(job, start)
        assert last(app, job) == first
        clock.moment = first
        worker.fire(job, start)
        assert len(runs(app)) == 1


def test_the_first_scans_come_before_the_first_sync(tmp_path, clock, stop):
    with make_project(tmp_path, more=OFTEN).app(clock) as app:
        worker = Daemon(app, stop, every=3)
        first = {job.name.split()[1]: worker.first(job)[1] for job in worker.jobs()}
    assert first["scan"] == NOON
    assert first["sync"] == NOON + timedelta(seconds=3)


def test_scheduled_scans_and_syncs_do_the_work_and_say_who_they_are(tmp_path, clock, stop):
    project = make_project(tmp_path, more=OFTEN)
    project.write_hr(people(5, title="Baker"))
    project.write_users(users(4))
    with project.app(clock) as app:
        worker = Daemon(app, stop)
        for job in worker.jobs():
            fire(worker, job)
        (run,) = runs(app)
    assert run.started_by == "schedule:3 sync delta every 10m"
    assert [row["title"] for row in project.rows().values()] == ["Baker"] * 5


def test_a_rehearsal_commits_nothing(tmp_path, clock, stop):
    rehearsal = "schedules:\n  - {sync: full, every: 10m, preview: true}\n"
    project = make_project(tmp_path, more=rehearsal)
    project.write_hr(people(5))
    with project.app(clock) as app:
        app.scan(full=True)
        worker = Daemon(app, stop)
        fire(worker, worker.jobs()[0])
        (run,) = runs(app)
    assert (run.counts.queued, run.mode.value) == (5, "preview")
    assert project.rows() == {}


def test_a_scheduled_sync_waits_for_one_that_runs_until_its_next_turn(tmp_path, clock, caplog):
    class Hurry(threading.Event):
        """Moves the clock instead of waiting."""

        def wait(self, timeout=None):
            clock.forward(seconds=200)
            return False

    with make_project(tmp_path, more=OFTEN).app(clock) as app:
        worker = Daemon(app, Hurry())
        job = worker.jobs()[3]
        with app.store.begin() as unit:
            unit.leases.take("sync", "somebody else", clock.now())
        fire(worker, job)
        assert len(runs(app)) == 1  # the lease of thirty seconds ran out while it waited
        with app.store.begin() as unit:
            unit.leases.take("sync", "somebody else", clock.now() + timedelta(days=1))
        clock.forward(minutes=10)
        fire(worker, job)
        assert len(runs(app)) == 1
    assert "left out: sync is held by somebody else" in caplog.text


def named(job, name):
    return replace(job.scheduled, name=name)


def test_a_schedule_that_fails_says_so_and_leaves_the_others_alone(tmp_path, clock, stop, caplog):
    project = make_project(tmp_path, more=OFTEN)
    with project.app(clock) as app:
        worker = Daemon(app, stop)
        jobs = worker.jobs()
        broken = replace(jobs[0], scheduled=named(jobs[0], "9 broken"), run=explode)
        fire(worker, broken)
        refused = replace(jobs[0], scheduled=named(jobs[0], "9 refused"), run=refuse)
        fire(worker, refused)
        fire(worker, jobs[3])
        assert len(runs(app)) == 1
    assert "schedule 9 broken failed" in caplog.text
    assert "schedule 9 refused failed: the database refused" in caplog.text


def explode():
    raise ValueError("boom")


def refuse():
    raise StoreError("the database refused")


# --- leading -----------------------------------------------------------------------------------


class OneRound(threading.Event):
    """Tells the daemon to stop after a number of waits."""

    def __init__(self, rounds=1):
        super().__init__()
        self.rounds = rounds

    def wait(self, timeout=None):
        self.rounds -= 1
        if self.rounds <= 0:
            self.set()
        return self.is_set()


def test_a_daemon_leads_does_its_duties_and_gives_the_lease_back(tmp_path, caplog):
    caplog.set_level("INFO")
    with make_project(tmp_path).app() as app:
        Daemon(app, OneRound()).run()
        with holding(app.store, "leader", "the next", app.clock.now):
            pass
    assert "leading, with 0 schedules" in caplog.text


def test_a_second_daemon_stands_by(tmp_path, caplog):
    caplog.set_level("INFO")
    with make_project(tmp_path).app() as app:
        with holding(app.store, "leader", "the first", app.clock.now):
            Daemon(app, OneRound()).run()
        assert "standing by: leader is held by the first" in caplog.text
        assert "leading" not in caplog.text


def test_a_daemon_whose_lease_went_to_another_stops_leading(tmp_path, clock, caplog):
    class Thief(OneRound):
        """Takes the lease away after the first round."""

        def wait(self, timeout=None):
            if self.rounds == 3:
                clock.forward(minutes=5)
                with app.store.begin() as unit:
                    unit.leases.take("leader", "another", clock.now())
            return super().wait(timeout)

    with make_project(tmp_path).app(clock) as app:
        Daemon(app, Thief(rounds=3)).run()
    assert "no longer leading: the lease leader went to somebody else" in caplog.text


def test_a_duty_that_fails_is_said_and_tried_again(tmp_path, caplog):
    project = make_project(tmp_path, more="plans: {}\n")
    with project.app() as app:
        broken = Broken(app)
        Daemon(broken, OneRound()).run()
        assert broken.tries > 1
    assert "the duty tick failed" in caplog.text


class Broken:
    """An application whose tick fails."""

    def __init__(self, app):
        self._app = app
        self.tries = 0

    def __getattr__(self, name):
        return getattr(self._app, name)

    def tick(self):
        self.tries += 1
        raise ValueError("boom")


def test_schedules_run_on_a_real_scheduler(tmp_path):
    project = make_project(tmp_path, more="schedules:\n  - {scan: hr, full: every 1h}\n")
    project.write_hr(people(3))
    with project.app() as app:
        stop = threading.Event()
        worker = Daemon(app, stop, every=0.01)

        thread = threading.Thread(target=worker.run)
        thread.start()
        while last(app, worker.jobs()[0]) is None:
            assert thread.is_alive()
        stop.set()
        thread.join(30)
        with app.store.snapshot() as unit:
            assert unit.objects.live("hr", "person") == 3
