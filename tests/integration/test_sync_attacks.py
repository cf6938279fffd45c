"""What a hostile reader tried: nothing that should be stopped is let through, nothing is lost.

Each test is an attack that worked once.
"""

from datetime import timedelta

from hypersync.approvals.tick import tick
from hypersync.model.actions import ActionState
from hypersync.model.runs import RunMode
from hypersync.pipeline.engine import Order
from hypersync.pipeline.sync import sync
from tests.worlds import DISABLE, TITLES, World

PROVISION = """\
ruleset: p
rules:
  - id: prov
    kind: provision
    target: account
    when: "hr.status == 'active'"
    throttle: 1s
    set: {uid: "'n' + hr.id", number: hr.id}
    threshold: {limit: 1000}
"""
SALES = """\
ruleset: m
defaults: {throttle: 1s, threshold: {limit: 100, members: 100%}}
rules:
  - id: sales
    kind: membership
    group: {slot: team, where: "cn == 'sales'"}
    member: account
    when: "hr.title == 'Sales'"
    mode: authoritative
  - id: also
    kind: membership
    group: {slot: team, where: "cn == 'sales'"}
    member: account
    when: "hr.level == 'A'"
    mode: authoritative
"""
ANN = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"


def paused(world: World, reason: str = "maintenance") -> None:
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", reason)


def resumed(world: World) -> None:
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")


def with_accounts(world: World, count: int, **attributes: str) -> None:
    world.people(range(count), **attributes)
    for number in range(count):
        world.account(number, **attributes)
    world.run()


def leaver_in_the_queue(world: World):
    """Queue a leaver's disabling while the directory rests."""
    world.people(range(10))
    world.run()
    world.leave(1)
    paused(world)
    (action,) = world.actions(world.run())
    assert world.again(action).state is ActionState.QUEUED
    return action


def test_a_queued_action_is_rechecked_by_whichever_sync_comes_next(world):
    world.rules(DISABLE)
    action = leaver_in_the_queue(world)
    world.change(1, status="active")
    world.change(2, status="left")
    world.later(minutes=1)
    world.scan()
    resumed(world)
    world.app.sync("object", commit=True, object_key=("hr", "person", "e2"))
    assert world.disabled() == {"u2"}
    assert world.again(action).state is ActionState.STALE


def test_a_queued_action_waits_while_its_condition_cannot_be_told(world):
    world.rules(DISABLE)
    action = leaver_in_the_queue(world)
    world.execute("UPDATE object SET absence = 'invalid' WHERE anchor = 'e1'")
    world.later(seconds=1)
    resumed(world)
    world.sync("delta")
    assert world.disabled() == set()
    assert world.again(action).state is ActionState.QUEUED


def test_a_pause_stops_a_run_that_is_executing(world):
    world.rules(TITLES.replace("limit: 2", "limit: 5000"))
    with_accounts(world, 450, title="old")
    for number in range(450):
        world.change(number, title="new")

    world.scan()
    run = sync(world.app.engine, Order(mode=RunMode.COMMIT), Executing(lambda: paused(world)))
    assert 0 < run.counts.succeeded < run.counts.queued


class Executing:
    """A progress that does something after the first batch was executed."""

    def __init__(self, then):
        self._then = then
        self._is_executing = False

    def start(self, what, total=None):
        self._is_executing = what == "executing"

    def advance(self, count=1):
        if self._is_executing:
            self._then()


def test_a_target_that_was_never_scanned_is_not_taken_for_empty(world):
    world.rules(PROVISION)
    world.people(range(50))
    world.scan("hr")
    run = world.sync("full")
    assert (run.counts.suspended, run.counts.succeeded) == (50, 0)
    assert "not known" in world.suspended()[0].reasons[0].text


def test_what_changed_shortly_before_its_end_is_not_approved_by_it(world):
    world.rules(TITLES.replace("limit: 2", "limit: 2, on_expiry: approve"), more=ANN)
    with_accounts(world, 10, title="old")
    for number in (1, 2, 3):
        world.change(number, title="new")
    world.run()
    world.clock.time = world.suspended()[0].expires_at - timedelta(minutes=4)
    world.change(1, title="other")
    world.run("delta")
    (late,) = [each for each in world.suspended() if each.after == {"title": "other"}]
    assert late.on_expiry.value == "clear"
    world.later(minutes=5)
    world.tick()
    world.run("delta")
    assert world.again(late).state is ActionState.CLEARED
    assert world.get(1)["title"] == "old"


def test_what_is_cleared_while_a_delta_runs_is_asked_again(world):
    world.rules(DISABLE.replace("throttle: 1s, ", ""))
    world.people(range(10))
    world.run()
    world.leave(1, 2, 3)
    world.run()
    end = world.suspended()[0].expires_at
    world.clock.time = end - timedelta(seconds=30)
    world.change(1, name="touched")
    world.scan()

    def expire():
        world.clock.time = end + timedelta(seconds=1)
        tick(world.app.store, now=world.clock.time, settings=world.app.settings)

    world.meanwhile.done.append(expire)
    world.sync("delta")
    world.later(minutes=1)
    world.sync("delta")
    assert world.disabled() == set()
    assert [each.anchor for each in world.suspended()] == ["u1", "u2", "u3"]


def test_two_rules_together_empty_no_group(world):
    world.rules(SALES)
    with_accounts(world, 2, title="Sales", level="A")
    world.group("sales", "u0", "u1")
    world.run()
    world.change(0, title="IT", level="A")
    world.change(1, title="Sales", level="B")
    run = world.run()
    assert world.members("sales") == ("u0", "u1")
    assert run.counts.suspended == 2


def test_two_runs_together_empty_no_group(world):
    world.rules(SALES)
    with_accounts(world, 2, title="Sales", level="A")
    world.group("sales", "u0", "u1")
    world.run()
    world.change(0, title="IT", level="B")
    paused(world)
    world.run()
    world.change(1, title="IT", level="B")
    world.later(minutes=1)
    run = world.run()
    assert run.counts.suspended > 0
    resumed(world)
    world.run()
    assert world.members("sales") == ("u1",)


def test_a_rejected_value_also_ends_the_queued_one_it_replaces(world):
    world.rules(TITLES.replace("limit: 2", "limit: 0"))
    with_accounts(world, 10, title="old")
    world.change(1, title="Y")
    world.run()
    world.reject(*world.suspended())
    world.rules(TITLES)
    world.run("full")
    paused(world)
    world.change(1, title="X")
    (queued,) = world.actions(world.run("delta"))
    world.change(1, title="Y")
    world.run("delta")
    resumed(world)
    world.sync("delta")
    assert world.get(1)["title"] == "old"
    assert world.again(queued).state is not ActionState.SUCCEEDED
