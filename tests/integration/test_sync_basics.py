"""Syncs from end to end: what is looked at, what is written, and what is not."""

from __future__ import annotations

import pytest

from hypersync.errors import NotFound
from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from hypersync.model.runs import RunKind, RunState
from tests.postgresql import both_databases
from tests.worlds import DISABLE, TITLES

pytestmark = both_databases

UNTOUCHED_BY_PREVIEWS = {"run", "action", "run_error", "verdict_row"}


def plan(world, run):
    return [
        (a.rule, a.identity, a.operation, a.anchor, a.before, a.after, a.state)
        for a in world.actions(run)
    ]


def test_a_committing_sync_executes_before_it_ends(world):
    world.people(range(10))
    world.leave(1)
    run = world.run()
    assert run.state is RunState.DONE
    assert run.counts.succeeded == 1
    assert world.disabled() == {"u1"}


def test_a_preview_writes_nothing_but_itself(world):
    world.people(range(10))
    world.run()
    world.leave(*range(8))
    world.later(minutes=1)
    world.scan()
    before = world.tables()
    run = world.sync(commit=False)
    after = world.tables()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= UNTOUCHED_BY_PREVIEWS
    assert {action.state for action in world.actions(run)} == {ActionState.PLANNED}
    assert run.counts.suspended == 8
    assert world.actions(run)[0].reasons[0].guard == "threshold"
    assert world.suspended() == []
    assert world.disabled() == set()


def test_the_same_input_gives_the_same_plan_in_the_same_order(world):
    world.people(range(30))
    world.rules(TITLES.replace("limit: 2", "limit: 100"))
    for number in range(30):
        world.change(number, title=f"title {number}")
    first = world.run("full", commit=False)
    second = world.sync("full", commit=False)
    assert plan(world, first) == plan(world, second)
    identities = [action.identity for action in world.actions(first)]
    assert identities == sorted(identities)


def test_nothing_said_is_full_first_and_delta_afterwards(world):
    world.people(range(3))
    assert world.run().kind is RunKind.FULL
    assert world.run().kind is RunKind.DELTA


def test_a_preview_or_another_rulebook_makes_the_next_sync_full(world):
    world.people(range(3))
    assert world.run(commit=False).kind is RunKind.FULL
    assert world.run().kind is RunKind.FULL
    world.rules(DISABLE.replace("limit: 2", "limit: 3"))
    assert world.run().kind is RunKind.FULL
    assert world.run().kind is RunKind.DELTA


def test_a_delta_looks_only_at_what_changed(world):
    world.people(range(10))
    world.run()
    world.run()
    world.leave(4)
    run = world.run("delta")
    assert run.counts.identities == 1
    assert world.disabled() == {"u4"}


def test_an_object_sync_looks_at_one_identity(world):
    world.people(range(10))
    world.run()
    world.leave(4, 5)
    world.later(minutes=1)
    world.scan()
    run = world.sync(object_key=("hr", "person", "e5"))
    assert run.kind is RunKind.OBJECT
    assert world.disabled() == {"u5"}
    world.later(minutes=1)
    world.sync("delta")
    assert world.disabled() == {"u4", "u5"}


def test_a_second_sync_without_a_change_does_nothing(world):
    world.people(range(10))
    world.leave(1, 2)
    world.run("full")
    writes = world.dir.writes
    again = world.run("full")
    assert again.counts.proposed == 0
    assert world.dir.writes == writes


def test_a_simulated_rule_plans_and_never_asks_or_executes(world):
    world.rules(DISABLE.replace("do: disable", "do: disable, simulate: true"))
    world.people(range(10))
    world.leave(*range(5))
    run = world.run()
    assert run.counts.planned == 5
    assert run.counts.suspended == run.counts.queued == 0
    assert world.suspended() == []
    assert world.rows("request") == []
    assert world.disabled() == set()


def test_a_simulated_file_plans_only(world):
    world.rules("simulate: true\n" + DISABLE)
    world.people(range(3))
    world.leave(1)
    assert world.run().counts.planned == 1
    assert world.disabled() == set()


def test_a_simulated_installation_plans_only(world):
    world.rules(DISABLE, more="guards: {simulate: true}")
    world.people(range(3))
    world.leave(1)
    assert world.run().counts.planned == 1
    assert world.disabled() == set()


TWO = """\
ruleset: both
rules:
  - {id: broken, kind: update, target: account, throttle: 1s, when: "hr.title < 5",
     set: {title: hr.title}}
  - {id: disable-leaver, kind: deprovision, target: account, throttle: 1s,
     when: "hr.status == 'left' and account.enabled", do: disable, threshold: {limit: 5}}
"""


def test_an_error_of_one_rule_and_identity_stops_nothing_else_and_is_in_the_run(world):
    world.rules(TWO)
    world.people(range(4))
    world.change(2, title="a title")
    world.leave(1, 2, 3)
    run = world.run()
    assert world.disabled() == {"u1", "u2", "u3"}
    assert [(e.rule, e.identity, e.code) for e in world.errors(run)] == [
        ("broken", world.identity(2), "evaluation")
    ]
    assert run.counts.errors == 1
    assert run.rules["broken"].counts.errors == 1


def test_an_identity_in_error_stays_pending_until_it_is_mended(world):
    world.rules(TWO)
    world.people(range(4))
    world.change(2, title="a title")
    world.run()
    world.later(minutes=11)
    assert world.identity(2) in world.pending()


def test_an_object_that_nobody_scanned_is_said(world):
    world.people(range(2))
    world.run()
    with pytest.raises(NotFound, match="hr/person/e77"):
        world.sync(object_key=("hr", "person", "e77"))
    assert world.run().state is RunState.DONE


def test_the_counts_of_rules_add_up_to_those_of_the_run(world):
    world.rules(DISABLE + TITLES.split("rules:\n")[1])
    world.people(range(12), title="clerk")
    world.leave(*range(5))
    run = world.run()
    assert run.counts.proposed == run.counts.suspended + run.counts.queued == 17
    assert run.rules["disable-leaver"].counts.suspended == 5
    assert run.rules["flow-title"].counts.suspended == 12
    assert {a.operation for a in world.actions(run)} == {Operation.DISABLE, Operation.UPDATE}
