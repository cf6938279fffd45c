"""The documented examples of the guards, word by word, in real runs.

`docs/reference/guards-by-test.md` says which test stands for which promise, and
`docs/reference/traps-by-test.md` which one for which trap of a silo.

A hundred thousand users are a few thousand people and the number that the last applied scan left
behind, which is what percentages are taken of.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hypersync.model.actions import ActionState
from tests.worlds import DISABLE, TITLES, World

S = ActionState
RULE = "disable-leaver"
PEOPLE = 6_001


def leavers(limit: str) -> str:
    return DISABLE.replace("limit: 2", f"limit: {limit}")


def pretend(world: World, live: int, kind: str = "account") -> None:
    """Let the last applied scan have counted so many."""
    world.execute("UPDATE silo_type SET live = ? WHERE silo = 'dir' AND type = ?", live, kind)


@pytest.fixture(scope="module")
def staff(tmp_path_factory):
    """Six thousand people with accounts; nobody has left."""
    world = World(tmp_path_factory.mktemp("staff"), leavers("5%"))
    world.people(range(PEOPLE))
    world.scan()
    yield world
    world.close()


@pytest.fixture
def company(staff):
    yield staff
    for number in range(PEOPLE):
        if (staff.hr.get("person", f"e{number}") or {})["status"] == "left":
            staff.change(number, status="active")


def preview(world: World, rules: str, live: int, left: int):
    """Say what a full sync would do when so many have left."""
    world.rules(rules)
    world.leave(*range(left))
    world.scan()
    pretend(world, live)
    run = world.sync("full", commit=False)
    return run, run.rules[RULE]


# --- thresholds --------------------------------------------------------------------------------


def test_five_percent_of_100_000_users_allow_5_000_and_stop_5_001(company):
    run, report = preview(company, leavers("5%"), 100_000, 5_000)
    assert (run.counts.queued, run.counts.suspended, report.reason) == (5_000, 0, None)
    assert report.limit == 5_000
    run, report = preview(company, leavers("5%"), 100_000, 5_001)
    assert (run.counts.queued, run.counts.suspended) == (0, 5_001)
    assert report.reason == "5 001 actions, 5 000 allowed (5% of 100 000)"


def test_a_silo_of_9_999_may_have_fifty_percent(company):
    run, report = preview(company, leavers("50%"), 9_999, 4_999)
    assert (run.counts.queued, report.limit, company.codes(run)) == (4_999, 4_999, [])
    run, report = preview(company, leavers("50%"), 9_999, 5_000)
    assert (run.counts.queued, run.counts.suspended, company.codes(run)) == (0, 5_000, [])
    run, report = preview(company, leavers("50%"), 10_000, 5_000)
    assert (report.limit, company.codes(run)) == (500, [(RULE, "guard")])


def test_6_000_asked_on_a_silo_of_100_000_becomes_5_000_with_a_sync_error_on_every_run(tmp_path):
    world = World(tmp_path, leavers("6000"))
    world.people(range(3))
    world.scan()
    for kind, commit in (("full", True), ("full", True), ("delta", True), ("delta", False)):
        world.later(minutes=1)
        pretend(world, 100_000)
        run = world.sync(kind, commit=commit)
        assert run.rules[RULE].limit == 5_000
        (error,) = world.errors(run)
        assert (error.rule, error.code) == (RULE, "guard")
        assert error.message.startswith(
            "the limit 6 000 is above the ceiling of 5%; it was reduced to 5% of 100 000, "
            "which is 5 000."
        )
    world.later(minutes=1)
    run = world.sync(object_key=("hr", "person", "e1"))
    assert [each.code for each in world.errors(run)] == ["guard"]
    world.close()


def test_6_000_asked_on_a_silo_of_100_000_stops_5_001(company):
    run, _ = preview(company, leavers("6000"), 100_000, 5_000)
    assert (run.counts.queued, run.counts.suspended) == (5_000, 0)
    run, _ = preview(company, leavers("6000"), 100_000, 5_001)
    assert (run.counts.queued, run.counts.suspended) == (0, 5_001)


@pytest.mark.parametrize(
    ("live", "allowed"), [(100_000, 10), (10_999, 1), (9_999, 1), (100, 1), (1, 1)]
)
def test_a_percentage_is_rounded_down_and_at_least_one(tmp_path, live, allowed):
    world = World(tmp_path, leavers("0.01%"))
    world.person(1)
    world.account(1)
    world.scan()
    pretend(world, live)
    assert world.sync("full", commit=False).rules[RULE].limit == allowed
    world.close()


def test_percentages_are_of_the_last_applied_scan_when_the_run_starts(world):
    world.rules(leavers("50%"))
    world.people(range(10))
    world.run()
    for number in range(10, 20):
        world.account(number)
    world.leave(*range(6))
    world.later(minutes=1)
    world.scan("hr")
    assert world.sync("full", commit=False).counts.suspended == 6
    world.scan("dir")
    assert world.sync("full", commit=False).counts.suspended == 0


EVENT = """\
ruleset: events
defaults: {threshold: {limit: 1%}}
rules:
  - {id: welcome, kind: event, when: "hr.title == 'new'", throttle: 1s,
     do: {webhook: "https://hooks.example.org/welcome"}}
"""


@pytest.mark.parametrize(("count", "fired"), [(100, 100), (101, 0)])
def test_an_event_rule_fires_a_hundred_times_in_a_run_whatever_percentage_is_the_default(
    world, count, fired
):
    world.rules(EVENT)
    for number in range(count):
        world.person(number, title="new")
    world.run()
    assert len(world.sink.fired) == fired
    assert len(world.suspended()) == count - fired


def test_an_attribute_of_its_own_limit_trips_the_whole_rule(world):
    rules = TITLES.replace("set: {title: hr.title}", "set: {title: hr.title, name: hr.name}")
    world.rules(rules.replace("limit: 2", "limit: 50, attribute: {title: 1}"))
    world.people(range(9), title="old")
    for number in range(9):
        world.account(number, title="old", name=f"Person {number}")
    world.run()
    world.change(1, title="new")
    for number in (2, 3):
        world.change(number, name="new")
    assert world.run().counts.succeeded == 3
    world.change(1, title="newer")
    world.change(4, title="new")
    world.change(5, name="new")
    run = world.run("full")
    assert (run.counts.queued, run.counts.suspended) == (0, 3)
    assert run.rules["flow-title"].reason == "title changes on 2 objects, 1 allowed"


MEMBERS = """\
ruleset: members
rules:
  - id: sales
    kind: membership
    group: {slot: team, where: "cn == 'sales'"}
    member: account
    when: "hr.title == 'sales'"
    mode: authoritative
    throttle: THROTTLE
    threshold: {limit: LIMIT}
"""


def in_sales(world, size, *, throttle="1s", limit="1000"):
    world.rules(MEMBERS.replace("THROTTLE", throttle).replace("LIMIT", limit))
    world.people(range(size), title="sales")
    world.group("sales", *(f"u{number}" for number in range(size)))
    assert world.run().counts.proposed == 0


@pytest.mark.parametrize(("size", "leaving", "stopped"), [(10, 2, 0), (10, 3, 3), (9, 8, 0)])
def test_a_fifth_of_a_group_may_leave_it_and_small_groups_are_not_measured(
    world, size, leaving, stopped
):
    in_sales(world, size)
    for number in range(leaving):
        world.change(number, title="support")
    run = world.run()
    assert (run.counts.suspended, run.counts.succeeded) == (stopped, leaving - stopped)


def test_a_membership_rule_counts_additions_and_removals_by_the_type_of_the_member(world):
    in_sales(world, 10, limit="10%")
    world.person(20, title="sales")
    world.account(20)
    world.change(1, title="support")
    run = world.run("full")
    assert run.rules["sales"].limit_text == "10% of 11"
    assert run.rules["sales"].reason == "2 actions, 1 allowed (10% of 11)"


def test_a_membership_rests_per_group_and_member(world):
    in_sales(world, 10, throttle="1h")
    world.change(1, title="support")
    assert world.run().counts.succeeded == 1
    world.change(1, title="sales")
    world.change(2, title="support")
    run = world.run("full")
    assert (run.counts.throttled, run.counts.succeeded) == (1, 1)
    assert "u1" not in world.members("sales")


def test_what_was_suspended_for_volume_counts_in_the_lookback_only_where_the_rule_says_so(world):
    for more, stopped in (("", 0), (", lookback: {span: 1h, suspended: true}", 2)):
        world.rules(leavers(f"2{more}"))
        start = len(world.suspended())
        first = 10 * (start + 1)
        world.people(range(first, first + 6))
        world.run("full")
        world.leave(*range(first, first + 3))
        world.run("delta")
        assert len(world.suspended()) == start + 3
        world.leave(first + 3, first + 4)
        assert world.run("delta").counts.suspended == stopped


def test_a_delta_is_sealed_when_enough_identities_joined_it(world):
    world.rules(leavers("1"))
    world.people(range(6))
    world.run("full")
    guards = world.app.engine.guards
    world.set_guards(delta_identities=1)
    world.leave(1)
    world.later(minutes=1)
    world.scan()

    def meanwhile():
        world.leave(2)
        world.scan("hr")

    world.meanwhile.done.append(meanwhile)
    first = world.sync("delta")
    assert (first.counts.identities, first.counts.succeeded) == (1, 1)
    world.set_guards(delta_identities=guards.delta_identities)
    second = world.sync("delta")
    assert (second.counts.suspended, second.rules[RULE].lookback) == (1, 1)


def test_a_delta_is_sealed_when_its_time_is_over(world):
    world.rules(leavers("50"))
    world.people(range(6))
    world.run("full")
    world.leave(1)
    world.later(minutes=1)
    world.scan()

    def meanwhile():
        world.leave(2)
        world.scan("hr")
        world.later(seconds=61)

    world.meanwhile.done.append(meanwhile)
    assert world.sync("delta").counts.succeeded == 1
    assert world.sync("delta").counts.succeeded == 1


# --- the index ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "least"), [("guards-by-test", 100), ("traps-by-test", 300)])
def test_every_test_that_stands_for_a_promise_is_there(page: str, least: int):
    root = Path(__file__).parent.parent.parent
    index = (root / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", index))
    contract = root / "hypersync" / "connectors" / "contract"
    paths = [*(root / "tests").rglob("test_*.py"), *contract.glob("*.py")]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    known = set(re.findall(r"def (test_\w+)", sources))
    assert len(named) > least
    assert sorted(named - known) == []
    rows = [line for line in index.splitlines() if line.startswith("|") and "---" not in line]
    heads = [row for row in rows if row.endswith("| tests |")]
    assert all("`test_" in row for row in rows if row not in heads)
