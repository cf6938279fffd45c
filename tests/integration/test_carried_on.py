"""What a run carries on of earlier ones is said, and what became of the earlier ones is shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from hypersync.cli.documents import run_document, run_text
from hypersync.cli.frame import Exit
from hypersync.insight.became import what_became
from hypersync.insight.runs import became
from hypersync.model.actions import ActionState
from hypersync.model.objects import Refused
from hypersync.model.runs import CarriedOn, RunState
from tests.api import EVERY
from tests.integration.test_api_looking import program
from tests.integration.test_query_plans import traced, walks
from tests.living import MAIN, make_project, people
from tests.operating import PEOPLE, Desk
from tests.postgresql import both_databases
from tests.worlds import DISABLE, TITLES, World

S = ActionState
ROOT = Path(__file__).parent.parent.parent
JOINERS = """\
ruleset: joiners
rules:
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'", throttle: 1s,
     set: {uid: hr.id, number: hr.id}, threshold: {limit: 300}}
"""


class Struck:
    """Outcomes of which there are none, until Ctrl-C is pressed at the change after so many."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __bool__(self) -> bool:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return False


def interrupted(world, after: int):
    """Scan and sync, until Ctrl-C is pressed; return the run."""
    usual, world.dir.faults.outcomes = world.dir.faults.outcomes, Struck(after)
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.dir.faults.outcomes = usual
    return recent(world)[0]


def recent(world):
    with world.app.store.snapshot() as unit:
        return unit.runs.recent(50)


def again(world, run):
    """A run as it is stored now."""
    with world.app.store.snapshot() as unit:
        return unit.runs.get(run.id)


def now_of(world, run):
    """The states of a run's actions now, if its counts do not say them."""
    return became(world.app.store, [again(world, run)]).get(run.id)


def queued(world):
    """Sync in a blackout, so that nothing is carried out."""
    app = world.app
    world.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    run = world.run()
    world.app = app
    return run


@pytest.fixture
def titles(tmp_path, database_url):
    """Ten people whose titles are about to change."""
    world = World(tmp_path, TITLES.replace("limit: 2", "limit: 50"), database=database_url)
    world.people(range(10), title="old")
    for number in range(10):
        world.account(number, title="old")
    world.run()
    yield world
    world.close()


@pytest.fixture
def leavers(tmp_path, database_url):
    """Three who left, one more than is let through."""
    world = World(tmp_path, DISABLE, database=database_url)
    world.people(range(20))
    world.run()
    world.leave(1, 2, 3)
    yield world
    world.close()


# --- at the command line -----------------------------------------------------------------------


def told(project, *arguments: str) -> tuple[int, list[str]]:
    """Run the program; return its exit code and the lines of its answer to people."""
    process = project.start(*arguments)
    answer, _ = process.communicate(timeout=120)
    return process.returncode, answer.splitlines()


def struck(folder: Path, database_url: str):
    """A project whose first commit was stopped by Ctrl-C after 200 of its 300 creates."""
    project = make_project(folder, main=MAIN.replace("sqlite:///var/hypersync.db", database_url))
    project.write_hr(people(300))
    process = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    at = ("claim", "2", str(int(signal.SIGINT)))
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.crashing", *at, "sync", "--scan", "--commit"],
        cwd=folder,
        env={**process, **project.process, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == Exit.STOPPED, done.stderr
    assert len(project.rows()) == 200
    return project


@both_databases
def test_a_sync_tells_what_it_carried_on_and_history_what_became_of_it(tmp_path, database_url):
    project = struck(tmp_path, database_url)
    code, (line,) = told(project, "history")
    first = line.split()[0]
    assert line.endswith(
        "300 queued, 0 suspended, 0 succeeded, 0 errors; now: 100 queued, 200 succeeded"
    )

    code, lines = told(project, "sync", "--scan", "--commit")

    assert (code, len(project.rows())) == (Exit.DONE, 300)
    carried = f"carried on: 100 actions of run {first} succeeded"
    assert lines[3:] == ["  all: nothing new", f"  {carried}"]
    code, lines = told(project, "history")
    assert lines[0].endswith(f"0 queued, 0 suspended, 0 succeeded, 0 errors; {carried}")
    assert lines[1].endswith("300 queued, 0 suspended, 200 succeeded, 1 errors; now: 300 succeeded")
    code, lines = told(project, "history", first)
    assert lines[2:4] == ["  all: 300 queued, 200 succeeded, 1 errors", "  now: 300 succeeded"]


@both_databases
def test_what_goes_wrong_with_what_is_carried_on_is_told_and_counts(tmp_path, database_url):
    project = struck(tmp_path, database_url)
    with project.users.open("a", encoding="utf-8") as file:
        file.write("uE250,X1,Clerk,yes\n")  # somebody else took the name of one to be created

    code, document, _ = project.run("sync", "--scan", "--commit")

    assert code == Exit.WITH_ERRORS
    _, listed, _ = project.run("history")
    first = listed["runs"][1]
    (carried,) = document["carried_on"]
    wrong = carried["failed"] + carried["conflict"]
    assert (carried["run"], carried["succeeded"], wrong) == (first["run"], 99, 1)
    assert (carried["unknown"], carried["waiting"]) == (0, 0)
    assert (document["counts"]["queued"], document["counts"]["errors"]) == (0, 1)
    assert [error["rule"] for error in document["errors"]] == ["provision"]
    assert listed["runs"][0]["carried_on"] == [carried]
    assert first["carried_on"] == []
    assert first["counts"]["succeeded"] == 200
    assert (first["now"]["succeeded"], first["now"]["failed"] + first["now"]["conflict"]) == (
        299,
        1,
    )
    assert set(first["now"]) == {state.value for state in S if state is not S.PROPOSED}
    _, shown, _ = project.run("history", first["run"])
    assert shown["now"] == first["now"]


# --- what is counted ---------------------------------------------------------------------------


@both_databases
def test_what_was_being_written_when_ctrl_c_came_is_carried_on_too(tmp_path, database_url):
    world = World(tmp_path, JOINERS, database=database_url)
    for number in range(300):
        world.person(number)
    first = interrupted(world, 81)
    assert first.state is RunState.EXECUTING
    known = now_of(world, first).get(S.SUCCEEDED, 0)
    accounts = {anchor for kind, anchor in world.dir._versions if kind == "account"}
    assert len(accounts) == 81

    second = world.run()

    assert second.counts.succeeded == second.counts.errors == 0
    assert second.carried_on == (CarriedOn(run=first.id, succeeded=219, found=81 - known),)
    assert again(world, second) == second
    assert now_of(world, first) == {S.SUCCEEDED: 300}
    world.close()


@both_databases
def test_what_cannot_be_carried_on_yet_is_said_to_wait(titles):
    for number in range(3):
        titles.change(number, title="new")
    first = queued(titles)
    titles.dir.faults.unreachable = "gone"
    second = titles.sync()
    assert second.carried_on == (CarriedOn(run=first.id, waiting=3),)
    lines = run_text(titles.app, second, limit=10).splitlines()
    assert lines[1:3] == ["  all: 1 errors", f"  still waiting: 3 actions of run {first.id}"]


@both_databases
def test_some_succeed_and_some_fail_of_several_earlier_runs(titles):
    titles.change(1, title="new")
    titles.change(2, title="new")
    first = queued(titles)
    titles.change(3, title="new")
    second = queued(titles)
    titles.dir.faults.outcomes.append(Refused("read only today"))
    titles.later(minutes=1)
    third = titles.sync()
    assert third.carried_on == (
        CarriedOn(run=first.id, succeeded=1, failed=1),
        CarriedOn(run=second.id, succeeded=1),
    )
    lines = run_text(titles.app, third, limit=10).splitlines()
    assert lines[2:4] == [
        f"  carried on: 2 actions of run {first.id}: 1 succeeded, 1 failed",
        f"  carried on: 1 action of run {second.id} succeeded",
    ]
    assert third.counts.errors == 1
    assert now_of(titles, first) == {S.SUCCEEDED: 1, S.FAILED: 1}


@both_databases
def test_carrying_on_that_is_interrupted_too_is_counted_once_by_each(titles):
    for number in range(6):
        titles.change(number, title="new")
    first = queued(titles)
    second = interrupted(titles, 2)
    assert second.carried_on == (CarriedOn(run=first.id, waiting=6),)
    third = titles.run()
    (by_second,) = again(titles, second).carried_on
    (by_third,) = third.carried_on
    assert (by_second.run, by_third.run) == (first.id, first.id)
    assert by_second.succeeded + by_third.succeeded + by_third.found == 6
    assert by_second.total == 6
    assert (by_third.waiting, now_of(titles, first)) == (0, {S.SUCCEEDED: 6})


@both_databases
def test_a_preview_carries_nothing_on_and_has_nothing_to_become_of(titles):
    titles.change(1, title="new")
    queued(titles)
    run = titles.sync(commit=False)
    assert run.carried_on == ()
    assert run_document(titles.app, run, limit=1)["now"] is None


# --- what was approved -------------------------------------------------------------------------


@both_databases
def test_what_was_released_is_of_both_runs_and_carried_on_of_none(leavers):
    first = leavers.run()
    assert now_of(leavers, first) is None
    leavers.approve(*leavers.suspended()[:2])
    assert now_of(leavers, first) == {S.SUSPENDED: 1, S.APPROVED: 2}
    leavers.reject(*leavers.suspended())
    second = leavers.run()
    assert (second.counts.released, second.counts.succeeded) == (2, 2)
    assert (second.carried_on, now_of(leavers, second)) == ((), None)
    assert now_of(leavers, first) == {S.SUCCEEDED: 2, S.REJECTED: 1}
    assert again(leavers, first) == first
    assert "  now: 2 succeeded, 1 rejected\n" in run_text(leavers.app, first, limit=10)


@both_databases
def test_what_was_released_and_not_carried_out_is_carried_on_of_the_run_that_released_it(leavers):
    first = leavers.run()
    leavers.approve(*leavers.suspended())
    leavers.later(minutes=1)
    leavers.scan()
    leavers.dir.faults.unreachable = "gone"
    second = leavers.sync()
    leavers.dir.faults.unreachable = ""
    leavers.later(minutes=5)
    third = leavers.sync()
    assert (second.counts.released, second.counts.succeeded) == (3, 0)
    assert third.carried_on == (CarriedOn(run=second.id, succeeded=3),)
    assert now_of(leavers, second) == now_of(leavers, first) == {S.SUCCEEDED: 3}


@both_databases
def test_the_counts_of_a_run_whose_actions_all_ended_are_what_became_of_them(leavers):
    leavers.leave(4)
    leavers.run()
    leavers.approve(*leavers.suspended())
    leavers.person(5, status="left")
    done = leavers.run()
    with leavers.app.store.snapshot() as unit:
        found = what_became(unit, [done])[done.id]
        counted: Counter[ActionState] = Counter()
        for states in unit.actions.states(done.id).values():
            counted.update(states)
    assert found == dict(counted)


# --- on the pages, and what it costs -----------------------------------------------------------


def test_the_pages_show_what_was_carried_on_and_what_became_of_it(tmp_path):
    desk = Desk(tmp_path, TITLES)
    world = desk.world
    world.people(range(1), title="new")
    first = queued(world)
    second = world.run()
    history = desk.text("/report/runs", "vic")
    assert "now: 1 succeeded" in history
    assert f"Carried on: 1 action of run {first.id} succeeded" in history
    assert "Its actions now: 1 succeeded." in desk.text(f"/report/runs/{first.id}", "vic")
    page = desk.get(f"/report/runs/{second.id}", "vic").get_data(as_text=True)
    assert f'<a href="/report/runs/{first.id}">Carried on: 1 action of run {first.id} ' in page
    assert "nothing new" in page
    assert f"carried on: 1 action of run {first.id} succeeded" in desk.text("/dashboard", "vic")
    desk.close()


def test_no_table_is_walked_through_for_what_was_carried_on(tmp_path):
    world = World(tmp_path, TITLES)
    world.people(range(1), title="new")
    first = queued(world)
    with traced(world) as statements:
        world.later(minutes=1)
        second = world.sync("delta")
        assert now_of(world, first) == {S.SUCCEEDED: 1}
    assert second.carried_on == (CarriedOn(run=first.id, succeeded=1),)
    assert any("coalesce(action.released_by" in each for each in statements)
    assert walks(world, statements) == set()
    world.close()


def test_the_api_says_both(tmp_path):
    world = World(tmp_path, TITLES, more=PEOPLE)
    world.people(range(1), title="new")
    first = queued(world)
    second = world.run()
    api = program(world, "vic", *EVERY)
    assert api.get(f"/runs/{first.id}").json["now"] == {"succeeded": 1}
    carried = {"run": first.id, "succeeded": 1, "failed": 0}
    carried |= {"conflict": 0, "unknown": 0, "found": 0, "waiting": 0}
    assert api.get(f"/runs/{second.id}").json["carried_on"] == [carried]
    world.close()


def test_the_document_can_be_printed(tmp_path):
    world = World(tmp_path, TITLES)
    assert json.dumps(run_document(world.app, world.run(), limit=1)["carried_on"]) == "[]"
    world.close()
