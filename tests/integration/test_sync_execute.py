"""Carrying out: intent before effect, every outcome, and nothing twice after a crash."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from hypersync.errors import LeaseHeld, SiloUnreachable
from hypersync.model.actions import ActionState
from hypersync.model.objects import Member, Operation, Refused, RetryAfter, Succeeded, Unknown
from hypersync.model.runs import RunState
from hypersync.pipeline.lease import holding
from hypersync.pipeline.silos import Reach
from tests.worlds import DISABLE, EXECUTIVES, TITLES, World

S = ActionState
RULES = TITLES.replace("limit: 2", "limit: 50")


@pytest.fixture
def titles(world):
    """Ten people whose titles are right."""
    world.rules(RULES)
    world.people(range(10), title="old")
    for number in range(10):
        world.account(number, title="old")
    world.run()
    return world


def crash(world, actions, *, worker="a dead run"):
    """Leave actions as a process does that dies between the claim and the outcome."""
    for action in actions:
        world.execute(
            "UPDATE action SET state = 'executing', worker = ?, finished_at = NULL WHERE id = ?",
            worker,
            action.id,
        )


def queue(world, *numbers, **attributes):
    """Queue changes and do not carry them out."""
    for number in numbers:
        world.change(number, **attributes)
    app = world.app
    world.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    run = world.run()
    world.app = app
    actions = world.actions(run)
    assert {action.state for action in actions} == {S.QUEUED}
    return actions


# --- outcomes --------------------------------------------------------------------------------


def test_what_changed_in_the_silo_meanwhile_is_not_overwritten(titles):
    titles.change(1, title="new")
    titles.later(minutes=1)
    titles.scan()
    titles.account(1, title="by somebody else")
    run = titles.sync()
    assert (run.counts.conflict, run.counts.succeeded) == (1, 0)
    assert titles.get(1)["title"] == "by somebody else"
    assert titles.codes(run) == [("flow-title", "conflict")]
    titles.later(minutes=11)
    titles.sync("delta")
    assert titles.get(1)["title"] == "new"


def test_what_the_silo_refuses_has_failed_and_the_others_go_on(titles):
    titles.change(1, title="new")
    titles.change(2, title="new")
    titles.dir.faults.outcomes.append(Refused("read only today"))
    run = titles.run()
    assert (run.counts.failed, run.counts.succeeded) == (1, 1)
    (error,) = titles.errors(run)
    assert (error.rule, error.code, error.message) == ("flow-title", "failed", "read only today")
    assert run.counts.errors == 1


def test_what_failed_is_tried_again_later(titles):
    titles.change(1, title="new")
    titles.dir.faults.outcomes.append(Refused("read only today"))
    titles.run()
    assert titles.sync("delta").counts.proposed == 0
    titles.later(minutes=10)
    titles.sync("delta")
    assert titles.get(1)["title"] == "new"


def test_what_is_to_be_retried_later_stays_queued_and_is_an_entry_in_errors(titles):
    titles.change(1, title="new")
    titles.dir.faults.outcomes.append(RetryAfter(timedelta(minutes=3), "busy"))
    run = titles.run()
    (action,) = titles.actions(run)
    assert (action.state, action.attempts) == (S.QUEUED, 1)
    assert titles.codes(run) == [("flow-title", "retry_later")]
    titles.later(minutes=1)
    titles.sync("delta")
    assert titles.get(1)["title"] == "old"
    titles.later(minutes=2)
    titles.sync("delta")
    assert titles.get(1)["title"] == "new"


def test_retries_end(titles):
    titles.change(1, title="new")
    titles.dir.faults.outcomes.extend([RetryAfter(timedelta(0), "busy")] * 20)
    run = titles.run()
    (action,) = titles.actions(run)
    assert action.state is S.FAILED
    assert "given up after" in action.error


def test_a_silo_that_does_not_answer_leaves_its_actions_queued(titles):
    titles.change(1, title="new")
    titles.later(minutes=1)
    titles.scan()
    titles.dir.faults.unreachable = "no route to host"
    run = titles.sync()
    (action,) = titles.actions(run)
    assert action.state is S.QUEUED
    assert titles.codes(run) == [(None, "silo_unreachable")]
    titles.dir.faults.unreachable = ""
    titles.later(minutes=2)
    titles.sync("delta")
    assert titles.get(1)["title"] == "new"


def test_a_call_that_breaks_off_is_read_back_and_not_repeated(titles):
    titles.change(1, title="new")
    titles.dir.faults.unknown_after_write = 1
    run = titles.run()
    (action,) = titles.actions(run)
    assert action.state is S.UNKNOWN
    assert run.counts.unknown == 1
    writes = titles.dir.writes
    titles.run()
    assert titles.again(action).state is S.SUCCEEDED
    assert titles.dir.writes == writes


def test_what_was_not_done_after_all_is_done_then(titles):
    titles.change(1, title="new")
    titles.dir.faults.outcomes.append(Unknown("no answer"))
    run = titles.run()
    (action,) = titles.actions(run)
    titles.run()
    assert titles.again(action).state is S.SUCCEEDED
    assert titles.get(1)["title"] == "new"


def test_what_became_something_else_is_a_conflict_and_is_planned_anew(titles):
    titles.change(1, title="new")
    titles.dir.faults.outcomes.append(Unknown("no answer"))
    run = titles.run()
    titles.account(1, title="by somebody else")
    titles.later(minutes=1)
    second = titles.sync("delta")
    (action,) = titles.actions(run)
    assert action.state is S.CONFLICT
    assert titles.codes(second) == [("flow-title", "conflict")]
    (again,) = titles.actions(second)
    assert again.before == {"title": "by somebody else"}


# --- crashes ---------------------------------------------------------------------------------


def test_killed_before_the_call_nothing_is_lost_and_nothing_happens_twice(titles):
    actions = queue(titles, 1, 2, title="new")
    crash(titles, actions)
    writes = titles.dir.writes
    titles.later(minutes=1)
    titles.sync("delta")
    assert titles.states(actions) == [S.SUCCEEDED] * 2
    assert titles.dir.writes == writes + 2
    assert titles.get(1)["title"] == "new"


def test_killed_after_the_call_nothing_is_lost_and_nothing_happens_twice(titles):
    actions = queue(titles, 1, 2, title="new")
    titles.account(1, title="new")
    crash(titles, actions)
    writes = titles.dir.writes
    titles.later(minutes=1)
    titles.sync("delta")
    assert titles.states(actions) == [S.SUCCEEDED] * 2
    assert titles.dir.writes == writes + 1
    with titles.app.store.snapshot() as unit:
        assert unit.objects.get("dir", "account", "u1").attributes["title"] == "new"


def test_killed_and_changed_meanwhile_only_the_new_values_are_written(titles):
    (action,) = queue(titles, 1, title="new")
    crash(titles, [action])
    titles.change(1, title="newer")
    writes = titles.dir.writes
    titles.run()
    assert titles.again(action).state is S.VOID
    assert titles.get(1)["title"] == "newer"
    assert titles.dir.writes == writes + 1


def test_killed_long_ago_the_condition_is_looked_at_again(titles):
    (action,) = queue(titles, 1, title="new")
    crash(titles, [action])
    titles.change(1, title="old")
    titles.later(hours=3)
    titles.scan()
    writes = titles.dir.writes
    titles.sync("delta")
    assert titles.dir.writes == writes
    assert titles.again(action).state is S.STALE


def test_killed_between_plan_and_execution_the_next_sync_goes_on(titles):
    actions = queue(titles, 1, 2, title="new")
    titles.execute("UPDATE run SET state = 'executing' WHERE id = ?", actions[0].run)
    titles.later(minutes=1)
    titles.sync("delta")
    assert titles.states(actions) == [S.SUCCEEDED] * 2
    with titles.app.store.snapshot() as unit:
        run = unit.runs.get(actions[0].run)
    assert run.state is RunState.DONE
    assert (None, "interrupted") in titles.codes(run)


def test_killed_while_planning_the_run_has_failed_and_its_claims_are_free(titles):
    titles.change(1, title="new")
    titles.later(minutes=1)
    titles.scan()
    done = titles.sync(commit=False)
    titles.execute(
        "UPDATE run SET state = 'planning', mode = 'commit', finished_at = NULL WHERE id = ?",
        done.id,
    )
    titles.execute("UPDATE action SET state = 'proposed' WHERE run = ?", done.id)
    titles.execute("UPDATE pending_identity SET run = ?", done.id)
    assert titles.pending() == []
    run = titles.sync("delta")
    assert run.counts.succeeded == 1
    assert titles.get(1)["title"] == "new"
    with titles.app.store.snapshot() as unit:
        dead = unit.runs.get(done.id)
    assert dead.state is RunState.FAILED
    assert titles.actions(dead) == []
    assert titles.codes(dead) == [(None, "interrupted")]


@dataclass
class Interrupted:
    """A sink that is stopped by Ctrl-C while it fires its so-manieth event."""

    at: int = 1

    def fire(self, action):
        self.at -= 1
        if self.at == 0:
            raise KeyboardInterrupt
        return Succeeded(None)


def test_ctrl_c_while_executing_leaves_an_unknown_event_that_is_never_repeated(tmp_path):
    rules = """\
ruleset: events
rules:
  - {id: welcome, kind: event, when: "hr.title == 'new'", throttle: 1s, repeatable: %s,
     do: {webhook: "https://hooks.example.org/welcome"}}
"""
    for repeatable, state, times in (("false", S.UNKNOWN, 0), ("true", S.SUCCEEDED, 1)):
        folder = tmp_path / repeatable
        world = World(folder, rules % repeatable)
        world.person(1, title="new")
        app = world.app
        silos = replace(app.engine.silos, events=Interrupted())
        world.app = replace(app, engine=replace(app.engine, silos=silos))
        with pytest.raises(KeyboardInterrupt):
            world.run()
        world.app = app
        (row,) = world.rows("action")
        world.later(minutes=1)
        world.run("full")
        with app.store.snapshot() as unit:
            (action,) = unit.actions.get([row[1]])
        assert action.state is state
        world.run("full")
        assert len(world.sink.fired) == times
        world.close()


def test_ctrl_c_leaves_one_event_in_doubt_and_not_those_that_were_fired_before(tmp_path):
    rules = """\
ruleset: events
rules:
  - {id: welcome, kind: event, when: "hr.title == 'new'", throttle: 1s,
     do: {webhook: "https://hooks.example.org/welcome"}}
"""
    world = World(tmp_path, rules)
    for number in (1, 2, 3):
        world.person(number, title="new")
    app = world.app
    silos = replace(app.engine.silos, events=Interrupted(at=2))
    world.app = replace(app, engine=replace(app.engine, silos=silos))
    with pytest.raises(KeyboardInterrupt):
        world.run()
    with app.store.snapshot() as unit:
        (run,) = unit.runs.recent(1)
        states = [action.state for action in unit.actions.of_run(run.id)]
    assert states == [S.SUCCEEDED, S.EXECUTING, S.QUEUED]
    world.close()


def test_ctrl_c_while_planning_leaves_nothing(titles):
    titles.change(1, title="new")
    titles.later(minutes=1)
    titles.scan()

    def stop():
        raise KeyboardInterrupt

    titles.meanwhile.done.append(stop)
    with pytest.raises(KeyboardInterrupt):
        titles.sync()
    assert len(titles.pending()) == 1
    assert titles.sync().counts.succeeded == 1


# --- order -----------------------------------------------------------------------------------


def test_creates_run_before_references_and_references_before_deletes(tmp_path):
    rules = """\
ruleset: order
defaults: {throttle: 1s, threshold: {limit: 50}}
rules:
  - {id: a-delete, kind: deprovision, target: account, when: "hr.status == 'gone'", do: delete}
  - {id: b-join, kind: membership, group: {slot: team, where: "cn == 'all'"}, member: account,
     when: "hr.status == 'active'", mode: additive}
  - {id: c-title, kind: update, target: account, set: {title: hr.title}}
  - {id: d-create, kind: provision, target: account, when: "hr.status == 'active'",
     set: {uid: hr.id, number: hr.id}}
  - {id: e-event, kind: event, when: "hr.title == 'new'", do: {webhook: "https://h.example.org/"}}
"""
    world = World(tmp_path, rules)
    world.people(range(3))
    world.group("all", "x")
    world.change(0, status="gone")
    world.change(1, title="new")
    world.person(9)
    run = world.run()
    done = [action.operation for action in world.actions(run) if action.state is S.SUCCEEDED]
    assert set(done) == {
        Operation.CREATE,
        Operation.UPDATE,
        Operation.ADD_MEMBER,
        Operation.DELETE,
        Operation.EVENT,
    }
    changed = sorted(
        (version.sequence, kind, version.attributes is None)
        for (kind, anchor), version in world.dir._versions.items()
        if version.sequence > 4
    )
    assert [each[1:] for each in changed] == [
        ("account", False),
        ("account", False),
        ("group", False),
        ("account", True),
    ]
    world.close()


@pytest.fixture
def joining(tmp_path):
    """One account that is to be a member of one group."""
    rules = """\
ruleset: staff
defaults: {throttle: 1s, threshold: {limit: 50}}
rules:
  - {id: join, kind: membership, group: {slot: team, where: "cn == 'all'"}, member: account,
     when: "hr.status == 'active'", mode: additive}
"""
    world = World(tmp_path, rules)
    world.people(range(1))
    world.account(0, dn="cn=e0,ou=people,dc=x")
    world.group("all", "x")
    yield world
    world.close()


def test_a_membership_tells_the_anchor_of_its_member_beside_its_name(joining):
    (join,) = joining.actions(joining.run())
    silos = joining.app.engine.silos
    with ExitStack() as stack, joining.app.store.snapshot() as unit:
        change = Reach(silos, join.silo, stack).change(unit, join, joining.clock.now)
    assert change.after == {"member": "cn=e0,ou=people,dc=x"}
    assert change.member == Member(silos.types["dir", "account"], join.after["member"])


def test_a_membership_of_unknown_outcome_is_not_believed_for_who_has_the_name_now(joining):
    joining.dir.faults.outcomes.append(Unknown("no answer"))
    (join,) = joining.actions(joining.run())
    assert join.state is S.UNKNOWN
    joining.account(0, dn="cn=another,ou=people,dc=x")
    joining.group("all", "x", "cn=e0,ou=people,dc=x")
    joining.dir.faults.outcomes.append(Refused("asked again"))
    joining.sync("delta")
    assert joining.again(join).error == "asked again"


# --- rest ------------------------------------------------------------------------------------


def test_a_paused_silo_rests_and_asks_and_goes_on_afterwards(titles):
    with titles.app.store.begin() as unit:
        unit.silos.pause("dir", "maintenance")
    titles.change(1, title="new")
    run = titles.run()
    assert [action.state for action in titles.actions(run)] == [S.QUEUED]
    with titles.app.store.begin() as unit:
        unit.silos.resume("dir")
    titles.run()
    assert titles.get(1)["title"] == "new"


def test_what_waited_too_long_is_looked_at_again_before_it_starts(titles):
    (action,) = queue(titles, 1, title="new")
    titles.later(minutes=30)
    run = titles.sync("delta")
    assert titles.again(action).state is S.SUCCEEDED
    assert run.counts.stale == 0
    (action,) = queue(titles, 2, title="new")
    titles.later(minutes=30)
    titles.change(2, title="old")
    titles.scan()
    assert titles.sync("delta").counts.stale == 1
    assert titles.get(2)["title"] == "old"


def test_what_waited_and_changed_runs_with_its_new_values_only(titles):
    (action,) = queue(titles, 1, title="new")
    titles.change(1, title="newer")
    writes = titles.dir.writes
    titles.run()
    assert titles.again(action).state is S.VOID
    assert titles.get(1)["title"] == "newer"
    assert titles.dir.writes == writes + 1


def test_a_retry_whose_change_became_another_does_not_write_the_old_one(tmp_path):
    world = World(tmp_path, RULES.replace("1s", "1h"))
    world.person(1, title="one")
    world.account(1)
    world.dir.faults.outcomes.append(RetryAfter(timedelta(seconds=30), "busy"))
    world.run()
    world.change(1, title="two")
    run = world.run()
    assert run.counts.throttled == 1
    assert "title" not in world.get(1)
    world.later(hours=1)
    world.sync("delta")
    assert world.get(1)["title"] == "two"
    world.close()


def test_who_became_a_vip_while_it_waited_is_asked_about(tmp_path):
    world = World(tmp_path, DISABLE, more=EXECUTIVES)
    world.people(range(5), level="E")
    world.run()
    (action,) = queue(world, 1, status="left")
    world.change(1, level="C")
    world.run()
    assert world.disabled() == set()
    assert world.again(action).state is S.VOID
    assert [each.vip for each in world.suspended()] == ["executives"]
    world.close()


def test_what_is_queued_for_a_rule_that_is_only_simulated_now_does_not_run(tmp_path):
    world = World(tmp_path, DISABLE)
    world.people(range(5))
    world.run()
    (action,) = queue(world, 1, status="left")
    world.rules("simulate: true\n" + DISABLE)
    world.run()
    assert world.disabled() == set()
    assert world.again(action).state is S.VOID
    world.rules(DISABLE)
    world.run()
    assert world.disabled() == {"u1"}
    world.close()


# --- leases and what happens meanwhile -------------------------------------------------------


def test_a_second_committing_sync_is_told_whose_the_first_is(titles):
    app = titles.app
    with (
        holding(app.store, "sync", "cli:ann (run 7)", titles.clock.now),
        pytest.raises(LeaseHeld, match=r"cli:ann \(run 7\)"),
    ):
        titles.sync()
    assert titles.sync().state is RunState.DONE


def test_a_preview_runs_beside_a_committing_sync(titles):
    with holding(titles.app.store, "sync", "cli:ann", titles.clock.now):
        assert titles.sync(commit=False).state is RunState.DONE


def test_what_changes_while_a_full_sync_runs_is_not_lost(titles):
    def meanwhile():
        titles.change(1, title="new")
        titles.scan("hr")

    titles.meanwhile.done.append(meanwhile)
    titles.sync("full")
    assert titles.get(1)["title"] == "old"
    titles.later(minutes=1)
    titles.sync("delta")
    assert titles.get(1)["title"] == "new"


def test_what_changes_while_a_delta_runs_joins_it_and_counts_once(titles):
    titles.change(2, title="new")
    titles.later(minutes=1)
    titles.scan()

    def meanwhile():
        titles.change(1, title="new")
        titles.change(2, title="newer")
        titles.scan("hr")

    titles.meanwhile.done.append(meanwhile)
    run = titles.sync("delta")
    assert (titles.get(1)["title"], titles.get(2)["title"]) == ("new", "newer")
    assert run.counts.proposed == 2
    assert len(titles.actions(run)) == 2


def test_who_came_back_while_a_delta_ran_is_not_disabled_by_it(tmp_path):
    world = World(tmp_path, DISABLE)
    world.people(range(10))
    world.run()
    world.leave(1, 2)
    world.later(minutes=1)
    world.scan()

    def meanwhile():
        world.change(1, status="active")
        world.scan("hr")

    world.meanwhile.done.append(meanwhile)
    run = world.sync("delta")
    assert world.disabled() == {"u2"}
    assert (run.counts.identities, run.counts.proposed) == (2, 1)
    world.close()


def test_those_who_join_a_delta_count_in_its_threshold(tmp_path):
    world = World(tmp_path, DISABLE)
    world.people(range(10))
    world.run()
    world.leave(1, 2)
    world.later(minutes=1)
    world.scan()

    def meanwhile():
        world.leave(3)
        world.scan("hr")

    world.meanwhile.done.append(meanwhile)
    assert world.sync("delta").counts.suspended == 3
    assert world.disabled() == set()
    world.close()


def test_a_silo_that_goes_away_between_two_batches_is_read_back(titles):
    class Gone:
        def __init__(self, session):
            self._session = session

        def __getattr__(self, name):
            return getattr(self._session, name)

        def apply(self, changes):
            self._session.apply(changes[:1])
            raise SiloUnreachable("the line broke")

    connector = titles.app.engine.silos.connectors["dir"]

    class Breaking:
        @contextmanager
        def open(self):
            with connector.open() as session:
                yield Gone(session)

    app = titles.app
    connectors = {**app.engine.silos.connectors, "dir": Breaking()}
    silos = replace(app.engine.silos, connectors=connectors)
    titles.change(1, title="new")
    titles.change(2, title="new")
    titles.later(minutes=1)
    titles.scan()
    titles.app = replace(app, engine=replace(app.engine, silos=silos))
    run = titles.sync()
    assert run.counts.unknown == 2
    titles.app = app
    writes = titles.dir.writes
    titles.later(minutes=1)
    titles.sync("delta")
    assert titles.states(titles.actions(run)) == [S.SUCCEEDED] * 2
    assert titles.dir.writes == writes + 1
