"""What a hostile reader tried on lookbacks and on what waits in the queue.

What was let through counts by the time it first was, whatever became of it, under every limit and
under the next name of the rule too; and a run looks at what it could start, not at what rests.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.objects import RetryAfter, Unknown
from tests.postgresql import both_databases
from tests.worlds import DISABLE, World

pytestmark = both_databases

S = ActionState
RULE = "disable-leaver"


@pytest.fixture
def staff(world):
    """Six people with accounts; two may be disabled within an hour."""
    world.people(range(1, 7))
    world.run("full")
    return world


def paused(world: World) -> None:
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", "maintenance")


def resumed(world: World) -> None:
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")


# --- what was let through counts, whatever became of it --------------------------------------


def test_what_was_let_through_counts_in_the_next_delta(staff):
    staff.leave(1, 2)
    staff.run("delta")
    staff.leave(3, 4)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules[RULE].lookback) == (2, 2)


def test_a_lost_answer_takes_nothing_out_of_the_lookback(staff):
    staff.leave(1, 2)
    staff.dir.faults.outcomes.extend([Unknown("no answer")] * 2)
    staff.run("delta")
    assert staff.disabled() == set()
    staff.leave(3, 4)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules[RULE].lookback) == (2, 2)
    assert staff.disabled() == {"u1", "u2"}


def test_a_process_that_dies_between_claim_and_outcome_takes_nothing_out_of_it(staff):
    staff.leave(1, 2)
    paused(staff)
    staff.run("delta")
    staff.execute(
        "UPDATE action SET state = 'executing', worker = run, started_at = queued_at "
        "WHERE state = 'queued'"
    )
    resumed(staff)
    staff.leave(3, 4)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules[RULE].lookback) == (2, 2)
    assert staff.disabled() == {"u1", "u2"}


def test_a_lost_answer_takes_nothing_out_of_a_silo_limit(tmp_path, database_url):
    world = World(
        tmp_path,
        DISABLE.replace("limit: 2", "limit: 100"),
        limits="    limits: {disable: 2, per: 1h}",
        database=database_url,
    )
    world.people(range(1, 7))
    world.run("full")
    world.leave(1, 2)
    world.dir.faults.outcomes.extend([Unknown("no answer")] * 2)
    world.run("delta")
    world.leave(3, 4)
    run = world.run("delta")
    assert run.counts.suspended == 2
    assert world.disabled() == {"u1", "u2"}
    world.close()


def test_a_silo_that_keeps_breaking_off_lets_no_more_through_in_small_deltas(staff):
    for number in range(1, 7):
        staff.leave(number)
        staff.dir.faults.outcomes.append(Unknown("no answer"))
        staff.run("delta")
    staff.dir.faults.outcomes.clear()
    staff.later(minutes=20)  # what broke a connection by itself waits before it is tried again
    staff.run("delta")
    assert len(staff.disabled()) == 2
    assert len(staff.suspended()) == 4


def test_what_waits_in_a_paused_silo_counts_from_when_it_was_let_through(staff):
    paused(staff)
    staff.leave(1, 2)
    staff.run("delta")
    for _ in range(3):
        staff.later(hours=2)
        staff.run("full")
    staff.leave(3)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules[RULE].lookback) == (0, 0)
    resumed(staff)
    staff.run("delta")
    assert staff.disabled() == {"u1", "u2", "u3"}


# --- every limit looks back ------------------------------------------------------------------

SALES = """\
ruleset: groups
rules:
  - {id: sales, kind: membership, group: {slot: team, where: "cn == 'sales'"}, member: account,
     when: "hr.title == 'Sales'", mode: authoritative, throttle: 1s,
     threshold: {limit: 1000, members: {limit: 20%, min_size: 10}}}
"""
FLOW = """\
ruleset: titles
rules:
  - {id: flow, kind: update, target: account, throttle: 1s, clear_if_missing: [title, office],
     set: {title: hr.title, office: hr.country}, threshold: THRESHOLD}
"""


@pytest.fixture
def titled(tmp_path, database_url):
    """Twenty people with titles and offices, all of them in the group sales."""
    world = World(tmp_path, SALES, database=database_url)
    world.people(range(20), title="Sales", country="AT")
    for number in range(20):
        world.account(number, title="Sales", office="AT")
    world.group("sales", *(f"u{number}" for number in range(20)))
    yield world
    world.close()


def settled(world: World, rules: str) -> None:
    world.rules(rules)
    assert world.run("full").counts.queued == 0


def each_loses(world: World, numbers, **attributes) -> int:
    """Change people one by one, a delta each; return how many of them were let through."""
    through = 0
    for number in numbers:
        world.change(number, **attributes)
        through += world.run("delta").counts.queued
    return through


def reasons(world: World) -> set[str]:
    return {reason.text for action in world.suspended() for reason in action.reasons}


def test_a_group_is_not_emptied_in_portions(titled):
    settled(titled, SALES)
    assert each_loses(titled, range(12), title="other") == 4
    assert len(titled.members("sales")) == 16
    text = "1 member leaves the group sales and 4 in the last hour, 4 allowed (20% of 20)"
    assert reasons(titled) == {text}


def test_members_that_left_count_for_an_hour(titled):
    settled(titled, SALES)
    assert each_loses(titled, range(4), title="other") == 4
    titled.later(hours=1)
    assert each_loses(titled, range(4, 8), title="other") == 3  # 20 % of 16


def test_a_removal_of_unknown_outcome_counts_and_the_member_too(titled):
    settled(titled, SALES)
    titled.dir.faults.outcomes.append(Unknown("no answer"))
    assert each_loses(titled, range(6), title="other") == 4


def test_an_object_sync_looks_back_at_members_too_and_a_full_one_does_not(titled):
    settled(titled, SALES)
    each_loses(titled, range(4), title="other")
    titled.change(4, title="other")
    titled.later(minutes=1)
    titled.scan()
    assert titled.sync(object_key=("hr", "person", "e4")).counts.suspended == 1
    titled.change(5, title="other")
    assert titled.run("full").counts.queued == 1


def test_values_are_not_cleared_in_portions(titled):
    settled(titled, FLOW.replace("THRESHOLD", "{limit: 1000, clears: 1%}"))
    assert each_loses(titled, range(10), title=None) == 5
    text = "1 value becomes empty and 5 in the last hour, 5 allowed (1% of 20, at least 5)"
    assert reasons(titled) == {text}


def test_another_value_of_the_same_person_counts_as_well(titled):
    settled(titled, FLOW.replace("THRESHOLD", "{limit: 1000, clears: 5}"))
    assert each_loses(titled, range(3), title=None) == 3
    assert each_loses(titled, range(3), country=None) == 2


def test_an_attribute_does_not_change_in_portions(titled):
    threshold = "{limit: 1000, attribute: {title: 20%}}"
    settled(titled, FLOW.replace("THRESHOLD", threshold))
    assert each_loses(titled, range(8), title="Boss") == 4
    assert reasons(titled) == {
        "title changes on 1 object and 4 in the last hour, 4 allowed (20% of 20)"
    }


def test_an_attribute_that_changes_back_counts_its_object_once(titled):
    settled(titled, FLOW.replace("THRESHOLD", "{limit: 1000, attribute: {title: 1}}"))
    assert each_loses(titled, [1, 1], title="Boss") == 1
    assert each_loses(titled, [1], title="Clerk") == 1
    assert each_loses(titled, [2], title="Boss") == 0


def test_what_no_limit_counts_is_not_read_again(titled):
    threshold = "{limit: 1000, attribute: {office: 1}}"
    settled(titled, FLOW.replace("THRESHOLD", threshold))
    assert each_loses(titled, range(3), title="Boss") == 3
    assert each_loses(titled, [4, 5], country="CH") == 1


# --- the next name of a rule -----------------------------------------------------------------

RENAMED = DISABLE.replace(RULE, "leaver-disable")


def said_renamed(world: World, run) -> list[str]:
    return [each.message for each in world.errors(run) if each.code == "renamed"]


def test_a_renamed_rule_counts_what_its_old_name_was_let_through_for(staff):
    staff.leave(1, 2)
    staff.run("delta")
    staff.rules(RENAMED)
    staff.leave(3, 4)
    run = staff.run("delta")
    assert (run.counts.suspended, run.rules["leaver-disable"].lookback) == (2, 2)
    assert staff.disabled() == {"u1", "u2"}
    staff.later(hours=1)
    staff.leave(5)
    assert staff.run("delta").rules["leaver-disable"].lookback == 0


@pytest.mark.parametrize("rest", ["enabled: false", "simulate: true"])
def test_a_copy_counts_it_too_while_the_rule_itself_rests(staff, rest):
    staff.leave(1, 2)
    staff.run("delta")
    copy = RENAMED.split("rules:\n")[1]
    staff.rules(DISABLE.replace("do: disable", f"do: disable, {rest}") + copy)
    staff.leave(3)
    assert staff.run("delta").rules["leaver-disable"].lookback == 2
    assert staff.disabled() == {"u1", "u2"}


def test_the_other_limits_look_back_under_a_new_name_too(titled):
    settled(titled, SALES)
    each_loses(titled, range(4), title="other")
    titled.rules(SALES.replace("id: sales", "id: sales-team"))
    assert each_loses(titled, range(4, 8), title="other") == 0


def test_a_rule_of_another_kind_target_or_operation_is_no_heir(staff):
    staff.leave(1, 2)
    staff.run("delta")
    staff.rules(DISABLE.replace(RULE, "delete-leaver").replace("do: disable", "do: delete"))
    staff.leave(3)
    run = staff.run("delta")
    assert run.rules["delete-leaver"].lookback == 0
    assert said_renamed(staff, run) == []


def test_a_rename_is_said_by_every_preview_and_by_the_first_run_after_it(staff):
    staff.leave(1, 2, 3)
    staff.run("delta")
    assert len(staff.suspended()) == 3
    staff.rules(RENAMED)
    text = (
        "rule disable-leaver is gone and leaver-disable is new, with the same kind, target and "
        "operation (disable account): for a rename, what disable-leaver was let through for "
        "counts on, but its throttles and what it remembers of events start anew, and what it had "
        "open is void"
    )
    assert said_renamed(staff, staff.run(commit=False)) == [text]
    assert said_renamed(staff, staff.run(commit=False)) == [text]
    run = staff.run()
    assert said_renamed(staff, run) == [text]
    assert run.rules["leaver-disable"].counts.errors == 1
    assert said_renamed(staff, staff.run("full")) == []


def test_a_new_rule_beside_the_old_one_is_no_rename(staff):
    staff.leave(1)
    staff.run("delta")
    staff.rules(DISABLE + RENAMED.split("rules:\n")[1])
    assert said_renamed(staff, staff.run("full")) == []


def test_an_undo_is_not_taken_for_a_rule_that_is_gone(staff):
    staff.leave(1, 2)
    undone = staff.run("delta")
    staff.app.undo(undone.id, commit=True)
    staff.rules(RENAMED)
    (said,) = said_renamed(staff, staff.run("full"))
    assert said.startswith("rule disable-leaver is gone")


# --- a run looks at what it could start ------------------------------------------------------


@pytest.fixture
def many(tmp_path, database_url):
    """Thirty people with accounts, all of whom may be disabled at once."""
    world = World(tmp_path, DISABLE.replace("limit: 2", "limit: 30"), database=database_url)
    world.people(range(30))
    world.run("full")
    yield world
    world.close()


def looked_at(world: World, **more) -> int:
    """How many identities a sync looks at, a minute later, in which nothing changed."""
    world.later(minutes=1)
    return world.sync(**more).counts.identities


def all_leave(world: World) -> None:
    """Disable everybody, have the outcome looked at, and let nothing be pending any more."""
    world.leave(*range(30))
    world.run("delta")
    world.sync("delta")


def test_what_is_queued_in_a_paused_silo_is_not_looked_at_until_the_pause_ends(many):
    paused(many)
    all_leave(many)
    assert looked_at(many, kind="delta") == 0
    assert looked_at(many, object_key=("hr", "person", "e1")) == 1
    resumed(many)
    assert looked_at(many, kind="delta") == 30
    assert len(many.disabled()) == 30


def test_what_is_queued_is_not_looked_at_in_a_blackout_until_it_ends(many):
    app = many.app
    many.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    all_leave(many)
    assert looked_at(many, kind="delta") == 0
    many.app = app
    assert looked_at(many, kind="delta") == 30
    assert len(many.disabled()) == 30


def test_what_waits_for_its_next_attempt_is_not_looked_at_before(many):
    many.leave(1)
    many.dir.faults.outcomes.append(RetryAfter(timedelta(hours=1), "busy"))
    many.run("delta")
    many.sync("delta")
    assert looked_at(many, kind="delta") == 0
    many.later(hours=1)
    assert looked_at(many, kind="delta") == 1
    assert many.disabled() == {"u1"}


def test_who_changes_while_the_silo_is_paused_is_looked_at_all_the_same(many):
    paused(many)
    all_leave(many)
    many.change(1, status="active")
    many.later(minutes=1)
    many.scan()
    assert many.sync("delta").counts.stale == 1
    resumed(many)
    many.sync("delta")
    assert len(many.disabled()) == 29


@pytest.fixture
def approved(many):
    """Everybody left, too many at once, and somebody approved it."""
    many.rules(DISABLE)
    many.leave(*range(30))
    many.run("delta")
    many.approve(*many.suspended())
    return many


def waits(world: World) -> set[str | None]:
    return {row.waits for row in with_state(world, S.APPROVED)}


def with_state(world: World, state: ActionState):
    with world.app.store.snapshot() as unit:
        ids = [each.id for each in unit.actions.open(None).values() if each.state is state]
        return unit.actions.get(ids)


def test_approvals_of_a_paused_silo_are_not_looked_at_but_say_so(approved):
    paused(approved)
    assert looked_at(approved, kind="delta") == 0
    assert waits(approved) == {"the silo dir is paused"}
    resumed(approved)
    assert looked_at(approved, kind="delta") == 30
    assert len(approved.disabled()) == 30


def test_approvals_are_not_looked_at_in_a_blackout_but_say_so(approved):
    app = approved.app
    approved.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    assert looked_at(approved, kind="delta") == 0
    assert waits(approved) == {"a blackout window is open"}
    approved.app = app
    assert looked_at(approved, kind="delta") == 30
    assert len(approved.disabled()) == 30


@pytest.mark.parametrize(
    "rules",
    ["simulate: true\n" + DISABLE, DISABLE.replace("do: disable", "simulate: true, do: disable")],
)
def test_approvals_of_a_rule_that_is_only_simulated_are_not_looked_at_but_say_so(approved, rules):
    approved.rules(rules)
    approved.run("full")
    assert looked_at(approved, kind="delta") == 0
    assert waits(approved) == {"disable-leaver is only simulated"}
    approved.rules(DISABLE)
    approved.run("full")
    assert len(approved.disabled()) == 30


def test_an_object_sync_that_releases_its_own_looks_at_nobody_else(approved):
    approved.set_guards(release_any=False)
    assert looked_at(approved, object_key=("hr", "person", "e1")) == 1
    assert approved.disabled() == {"u1"}
