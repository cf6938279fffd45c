"""An apply that is killed: nothing is lost, nothing is done twice, and the plan runs once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from hypersync.clock import SystemClock
from hypersync.model.actions import ActionState
from hypersync.model.runs import RunState
from tests.living import RULES, Clock, make_project, people, users

ROOT = Path(__file__).parent.parent.parent
COUNT = 12


def a_project(folder):
    """Half of the people have a new title, and the plan that writes them down is stored."""
    project = make_project(folder, rules=RULES)
    project.write_hr([*people(6, title="Baker"), *people(COUNT)[6:]])
    project.write_users(users(COUNT))
    code, _, complaint = project.run("sync", "--scan", "--full", "--out", "plan.jsonl")
    assert code == 0, complaint
    return project


def expected():
    done = users(6, title="Baker") + users(COUNT)[6:]
    return {
        row[0]: dict(zip(("uid", "number", "title", "active"), row, strict=True)) for row in done
    }


def apply(project, number=0):
    """Apply the plan in a process that is killed at one of its commits."""
    process = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    killing = ("commit", str(number), str(int(signal.SIGKILL)))
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.crashing", *killing, "apply", "plan.jsonl", "--json"],
        cwd=project.folder,
        env={**process, **project.process, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def commits(tmp_path_factory):
    """How many commits an undisturbed apply makes."""
    project = a_project(tmp_path_factory.mktemp("undisturbed"))
    code, complaint = apply(project)
    assert code == 0, complaint
    assert project.rows() == expected()
    return int(complaint.splitlines()[-1])


@pytest.mark.parametrize("part", range(5))
def test_a_killed_apply_is_finished_by_the_next_syncs_or_may_be_tried_again(
    tmp_path, commits, part
):
    project = a_project(tmp_path)
    number = 2 + part * (commits - 2) // 4
    code, _ = apply(project, number)
    assert code == -signal.SIGKILL
    clock = Clock(SystemClock().now() + timedelta(minutes=1))
    with project.app(clock) as app:
        with app.store.snapshot() as unit:
            is_planned = any(each.applied_plan for each in unit.runs.recent(10))
        for _ in range(3):
            app.scan_for_rules()
            app.sync(commit=True)
            clock.forward(minutes=12)
        with app.store.snapshot() as unit:
            runs = unit.runs.recent(20)
            assert unit.runs.in_state(RunState.PLANNING) == []
            assert unit.runs.in_state(RunState.EXECUTING) == []
            actions = [action for run in runs for action in unit.actions.of_run(run.id)]
    assert project.rows() == expected()
    done = {each.id: each for each in actions if each.state is ActionState.SUCCEEDED}
    assert len(done) == len({(each.rule, each.identity) for each in done.values()}) == 6
    code, document, _ = project.run("apply", "plan.jsonl")
    assert code == 1
    assert ("applied already" in document["error"]["message"]) is is_planned
    assert project.rows() == expected()
