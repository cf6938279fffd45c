"""An undo goes through the same guards as anything else, and waits like anything else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hypersync.errors import LeaseHeld
from hypersync.model.actions import ActionState, OnExpiry
from hypersync.model.objects import Unknown
from hypersync.model.requests import Answer, RequestKind
from tests.postgresql import both_databases
from tests.worlds import EXECUTIVES, World

RULES = """\
ruleset: leavers
rules:
  - {id: disable-leaver, kind: deprovision, target: account, throttle: 1h,
     when: "hr.status == 'left' and account.enabled", do: disable,
     threshold: {limit: LIMIT, expires: 10h, on_expiry: approve, lookback: 2h}}
"""


def rules(limit: int) -> str:
    return RULES.replace("LIMIT", str(limit))


def undo(world: World, run, *, commit=True):
    world.later(minutes=1)
    return world.app.undo(run.id, commit=commit)[0]


def requests(world):
    with world.app.store.snapshot() as unit:
        return unit.requests.open()


@pytest.fixture
def left(world):
    """Four of six left and were disabled; by now only three are allowed."""
    world.rules(rules(4))
    world.people(range(1, 7))
    world.run("full")
    world.leave(1, 2, 3, 4)
    run = world.run()
    assert world.disabled() == {"u1", "u2", "u3", "u4"}
    world.rules(rules(3))
    return run


@both_databases
def test_undo_of_too_much_is_suspended_asked_approved_and_released_by_the_next_sync(world, left):
    done = undo(world, left)

    assert world.disabled() == {"u1", "u2", "u3", "u4"}
    assert done.counts.suspended == 4
    (request,) = requests(world)
    assert (request.kind, request.rule) == (RequestKind.VOLUME, "undo:disable-leaver")
    assert request.sentence.startswith(
        f"undo of run {left.id} would enable 4 accounts in dir: 3 allowed"
    )
    world.approve(*world.suspended())
    world.later(minutes=5)
    released = world.sync("delta")

    assert world.disabled() == set()
    assert released.counts.released == 4
    assert released.counts.succeeded == 4
    world.later(hours=2)
    again = world.run("full")
    assert again.counts.proposed == 0
    assert world.disabled() == set()


def test_rule_does_nothing_against_what_is_to_be_undone(world, left):
    undo(world, left)
    for kind in ("full", "delta"):
        world.later(hours=1, minutes=1)
        assert world.run(kind).counts.proposed == 0
    assert len(held(world)) == 4
    assert len(world.suspended()) == 4


def test_restart_with_other_rules_does_not_void_what_is_to_be_undone(world, left):
    undo(world, left)
    world.rules("ruleset: none\nrules: []\n")
    run = world.run("full")
    assert run.counts.void == 0
    world.approve(*world.suspended())

    world.run("delta")

    assert world.disabled() == set()


@both_databases
def test_approved_undo_of_what_changed_since_is_stale(world, left):
    undo(world, left)
    waiting = world.suspended()
    world.approve(*waiting)
    (first,) = [each for each in waiting if each.anchor == "u1"]
    world.account(1, active="true", title="by hand")

    run = world.run("delta")

    assert world.again(first).state is ActionState.STALE
    assert (run.counts.released, run.counts.stale) == (3, 1)
    assert world.disabled() == set()


def test_undo_that_nobody_decided_about_ends_when_its_object_changes(world, left):
    undo(world, left)
    world.account(1, active="true")
    run = world.run("delta")
    assert run.counts.stale == 1
    assert len(world.suspended()) == 3


def test_undo_waits_while_its_object_cannot_be_told(world, left):
    undo(world, left)
    waiting = world.suspended()
    world.approve(*waiting)
    world.dir.faults.invalid.add("u1")
    world.dir.put("account", "u1", {**world.get(1), "title": "odd"})

    run = world.run("delta")

    assert run.counts.released == 3
    (first,) = [each for each in waiting if each.anchor == "u1"]
    assert world.again(first).state is ActionState.APPROVED


def test_rejected_undo_undoes_nothing(world, left):
    undo(world, left)
    world.reject(*world.suspended())
    world.later(minutes=5)
    world.run("full")
    assert world.disabled() == {"u1", "u2", "u3", "u4"}


def held(world):
    """The changes of rules that are held back because they were or are to be undone."""
    return world.rows("undo_hold")


@both_databases
def test_undo_that_came_to_nothing_holds_its_rule_no_longer(world, left):
    undo(world, left)
    first, second, *others = world.suspended()
    assert len(held(world)) == 4
    world.reject(first)
    assert len(held(world)) == 3
    world.account(second.anchor[1:], active="true", title="by hand")
    world.run("delta")
    assert world.again(second).state is ActionState.STALE
    assert len(held(world)) == 2
    world.later(hours=11)
    world.tick()
    assert world.states(others) == [ActionState.CLEARED] * 2
    assert held(world) == []


def test_doing_again_what_was_undone_lets_the_rule_go_only_once_it_is_done(world, left):
    world.rules(rules(9))
    undone = undo(world, left)
    world.rules(rules(3))
    undo(world, undone)
    world.later(hours=3)
    world.run("full")
    assert world.disabled() == set()
    assert len(held(world)) == 4
    world.approve(*world.suspended())

    world.run("delta")

    assert world.disabled() == {"u1", "u2", "u3", "u4"}
    assert held(world) == []


def test_undo_is_asked_once_however_often_it_is_ordered(world, left):
    undo(world, left)
    world.later(minutes=1)

    again, undone = world.app.undo(left.id, commit=True)

    assert again.counts.proposed == 0
    assert {kept.because.value for _, kept in undone.cannot} == {"waiting"}
    assert len(requests(world)) == 1
    assert len(world.suspended()) == 4


def test_undo_is_never_approved_by_its_expiry(world, left):
    undo(world, left)
    assert {each.on_expiry for each in world.suspended()} == {OnExpiry.CLEAR}
    world.later(hours=11)
    world.tick()
    world.run("full")
    assert world.disabled() == {"u1", "u2", "u3", "u4"}


def test_throttle_does_not_hold_an_undo_up(world, left):
    world.rules(rules(9).replace("throttle: 1h", "throttle: 30d"))
    undo(world, left)
    assert world.disabled() == set()


def test_undos_in_portions_are_counted_together(world):
    world.rules(rules(3))
    world.people(range(1, 7))
    world.run("full")
    world.leave(1, 2)
    first = world.run()
    world.later(hours=3)
    world.leave(3, 4)
    second = world.run()

    undo(world, first)
    done = undo(world, second)

    assert world.disabled() == {"u3", "u4"}
    report = done.rules["undo:disable-leaver"]
    assert (report.lookback, report.counts.suspended) == (2, 2)


def test_limits_of_the_silo_hold_for_undos_too(tmp_path):
    world = World(tmp_path, rules(9), limits="    limits: {enable: 1, per: 1d}")
    world.people(range(1, 4))
    world.run("full")
    world.leave(1, 2)
    run = world.run()

    done = undo(world, run)

    assert done.counts.suspended == 2
    assert world.disabled() == {"u1", "u2"}
    world.close()


# --- VIPs ----------------------------------------------------------------------------------------


@pytest.fixture
def led(tmp_path, database_url):
    """Three left, one of them an executive by the time of the undo."""
    made = World(tmp_path, rules(9), more=EXECUTIVES, database=database_url)
    made.people(range(1, 5), level="E")
    made.run("full")
    yield made
    made.close()


def test_undo_on_a_vip_has_a_request_of_its_own(led):
    led.leave(1, 2)
    run = led.run()
    led.change(1, level="C")
    led.scan("hr")

    done = undo(led, run)

    assert led.disabled() == {"u1"}
    (request,) = requests(led)
    assert (request.kind, request.vip, request.count) == (RequestKind.VIP, "executives", 1)
    assert done.counts.suspended == 1


@both_databases
def test_volume_approval_of_an_undo_does_not_cover_who_became_a_vip(led):
    led.leave(1, 2)
    run = led.run()
    led.rules(rules(1), more=EXECUTIVES)
    undo(led, run)
    led.approve(*led.suspended())
    led.change(1, level="C")

    released = led.run("delta")

    assert led.disabled() == {"u1"}
    assert released.counts.released == 1
    (waiting,) = led.suspended()
    assert (waiting.rule, waiting.vip, waiting.anchor) == (
        "undo:disable-leaver",
        "executives",
        "u1",
    )
    assert waiting.undoes is not None
    led.approve(waiting)
    led.run("delta")
    assert led.disabled() == set()


# --- what nobody knows ---------------------------------------------------------------------------


@pytest.mark.parametrize("is_done", [True, False])
def test_undo_whose_outcome_was_lost_is_settled_by_reading_back(world, left, is_done):
    world.rules(rules(9))
    if is_done:
        world.dir.faults.unknown_after_write = 1
    else:
        world.dir.faults.outcomes.append(Unknown("the connection broke"))

    done = undo(world, left)

    assert (done.counts.succeeded, done.counts.unknown) == (3, 1)
    assert len(held(world)) == 4
    world.run("delta")
    assert world.disabled() == set()
    assert world.states(world.actions(done)) == [ActionState.SUCCEEDED] * 4
    world.later(hours=2)
    assert world.run("full").counts.proposed == 0
    assert world.disabled() == set()


# --- runs ----------------------------------------------------------------------------------------


def test_undo_waits_for_its_turn(world, left):
    with world.app.store.begin() as unit:
        unit.leases.take("sync", "somebody", world.clock.now() + timedelta(minutes=2))
    with pytest.raises(LeaseHeld):
        undo(world, left)
    assert undo(world, left, commit=False).counts.proposed == 4


def test_undo_of_a_paused_silo_waits_in_the_queue(world, left):
    world.rules(rules(9))
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", "a test")
    done = undo(world, left)
    assert done.counts.queued == 4
    assert world.disabled() == {"u1", "u2", "u3", "u4"}
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")
    world.later(minutes=20)

    world.sync("delta")

    assert world.disabled() == set()


def test_what_waited_in_the_queue_is_compared_again_before_it_runs(world, left):
    world.rules(rules(9))
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", "a test")
    undo(world, left)
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")
    world.account(1, active="true", title="by hand")
    world.later(minutes=20)

    run = world.run("delta")

    assert run.counts.stale == 1
    assert world.disabled() == set()


def test_released_action_is_undone_with_the_run_that_released_it(world):
    world.rules(rules(1))
    world.people(range(1, 4))
    world.run("full")
    world.leave(1, 2)
    asking = world.run()
    world.decide(Answer.APPROVE, *world.suspended())
    releasing = world.run()
    assert world.disabled() == {"u1", "u2"}
    world.rules(rules(9))

    nothing = undo(world, asking)
    assert nothing.counts.proposed == 0
    undo(world, releasing)

    assert world.disabled() == set()


GONE = """\
ruleset: gone
defaults: {threshold: {limit: 50}}
rules:
  - {id: delete, kind: deprovision, target: account, do: delete, when: "hr.status == 'gone'",
     threshold: {limit: LIMIT}}
  - {id: staff, kind: membership, member: account, group: {slot: team, where: "cn == 'staff'"},
     when: "hr.status == 'active'", mode: authoritative}
"""


def gone(world):
    """One of twenty in a group is deleted, which also takes him out of the group."""
    world.rules(GONE.replace("LIMIT", "1"))
    world.people(range(1, 21))
    world.group("staff", *(f"u{number}" for number in range(1, 21)))
    world.run("full")
    world.change(1, status="gone")
    run = world.run()
    assert world.get(1) is None
    assert "u1" not in world.members("staff")
    return run


def test_deleted_account_comes_back_with_its_memberships(world):
    run = gone(world)
    undo(world, run)
    assert world.get(1) is not None
    assert "u1" in world.members("staff")


def test_membership_waits_for_the_account_that_has_to_come_back_first(world):
    run = gone(world)
    world.rules(GONE.replace("LIMIT", "0"))
    world.later(minutes=1)

    done, undone = world.app.undo(run.id, commit=True)

    assert [(kept.because.value, kept.text) for _, kept in undone.cannot] == [
        ("waiting", "its object comes back first; undo the run again then")
    ]
    assert "u1" not in world.members("staff")
    assert (done.counts.proposed, done.counts.suspended, done.counts.queued) == (1, 1, 0)
    world.approve(*world.suspended())
    world.run("delta")
    assert world.get(1) is not None
    undo(world, run)
    assert "u1" in world.members("staff")
