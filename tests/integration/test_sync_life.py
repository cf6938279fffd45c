"""The life of a suspended action: asked once, released once, asked again when it changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.errors import DecisionRefused
from hypersync.model.actions import ActionState
from hypersync.model.requests import Answer
from tests.postgresql import both_databases
from tests.worlds import DISABLE, EXECUTIVES, TITLES, World

S = ActionState


@pytest.fixture
def leavers(world):
    """Three of ten left, one more than allowed."""
    world.people(range(10))
    world.run()
    world.leave(1, 2, 3)
    world.run()
    assert len(world.suspended()) == 3
    return world


@pytest.fixture
def titles(world):
    """Three titles changed, one more than allowed."""
    world.rules(TITLES)
    world.people(range(10), title="old")
    for number in range(10):
        world.account(number, title="old")
    world.run()
    for number in (1, 2, 3):
        world.change(number, title="new")
    world.run()
    assert len(world.suspended()) == 3
    return world


def by_account(world, number):
    return next(a for a in world.suspended() if a.anchor == f"u{number}")


# --- while it waits --------------------------------------------------------------------------


def test_the_same_is_not_asked_twice(leavers):
    before = leavers.suspended()
    for kind in ("full", "delta", "full"):
        run = leavers.run(kind)
        assert run.counts.proposed == 0
    assert leavers.suspended() == before
    assert len(leavers.rows("request")) == 1


def test_other_identities_go_on_while_some_wait(leavers):
    leavers.later(hours=2)
    leavers.leave(5)
    leavers.run()
    assert leavers.disabled() == {"u5"}


def test_there_is_one_open_action_per_key_whatever_happens(leavers):
    for kind in ("full", "delta", "full"):
        leavers.leave(1, 2, 3, 4)
        leavers.run(kind)
    keys = [action.key for action in leavers.suspended()]
    assert len(keys) == len(set(keys))


def test_a_changed_one_replaces_it_with_the_first_expiry(titles):
    first = by_account(titles, 1)
    titles.change(1, title="newer")
    titles.later(hours=2)
    titles.run()
    second = by_account(titles, 1)
    assert second.id != first.id
    assert second.after == {"title": "newer"}
    assert second.expires_at == first.expires_at
    assert second.replacements == 1
    assert [reason.guard for reason in second.reasons][:1] == ["change"]
    assert titles.again(first).state is S.VOID
    assert len(titles.suspended()) == 3


def test_after_three_replacements_the_rule_is_in_error_for_the_identity(titles):
    for number in range(3):
        titles.change(1, title=f"title {number}")
        titles.run()
    third = by_account(titles, 1)
    titles.change(1, title="once too often")
    run = titles.run()
    assert ("flow-title", "unstable") in titles.codes(run)
    assert by_account(titles, 1).id == third.id
    assert titles.get(1)["title"] == "old"


def test_a_clean_false_makes_it_stale(leavers):
    action = by_account(leavers, 1)
    leavers.change(1, status="active")
    run = leavers.run()
    assert leavers.again(action).state is S.STALE
    assert run.counts.stale == 1
    assert len(leavers.suspended()) == 2


def test_what_is_done_already_makes_it_stale(titles):
    action = by_account(titles, 1)
    titles.account(1, title="new")
    titles.run()
    assert titles.again(action).state is S.STALE


def test_unknown_waits(leavers):
    action = by_account(leavers, 1)
    leavers.change(1, status="")
    leavers.run()
    assert leavers.again(action).state is S.SUSPENDED


def test_an_error_waits(tmp_path):
    world = World(tmp_path, TITLES.replace("hr.title}", '"hr.title + hr.name"}'))
    world.people(range(10))
    for number in (1, 2, 3):
        world.change(number, title="new ")
    world.run()
    action = by_account(world, 1)
    world.hr.put("person", "e1", {"id": "e1", "title": 5, "name": "x"})
    run = world.run()
    assert ("flow-title", "evaluation") in world.codes(run)
    assert world.again(action).state is S.SUSPENDED
    world.close()


def test_a_deleted_rule_voids_its_open_actions(leavers):
    approved, waiting, _ = leavers.suspended()
    leavers.approve(approved)
    leavers.rules(TITLES)
    run = leavers.run()
    assert leavers.states([approved, waiting]) == [S.VOID, S.VOID]
    assert run.counts.void == 3
    assert leavers.disabled() == set()


@pytest.mark.parametrize("kind", ["delta", "object"])
def test_a_deleted_rule_releases_nothing_in_any_kind_of_sync(leavers, kind):
    action = by_account(leavers, 1)
    leavers.approve(action)
    leavers.rules(TITLES)
    leavers.later(minutes=1)
    sync_once(leavers, kind)
    assert leavers.again(action).state is S.VOID
    assert leavers.disabled() == set()


# --- release ---------------------------------------------------------------------------------


def sync_once(world, kind):
    if kind == "object":
        return world.sync(object_key=("hr", "person", "e9"))
    return world.sync(kind)


@pytest.mark.parametrize("kind", ["full", "delta", "object"])
def test_what_was_approved_runs_on_the_next_committing_sync_of_any_kind(leavers, kind):
    one = by_account(leavers, 1)
    leavers.approve(one)
    assert leavers.disabled() == set()
    leavers.later(minutes=1)
    run = sync_once(leavers, kind)
    assert leavers.disabled() == {"u1"}
    assert run.counts.released == 1
    now = leavers.again(one)
    assert (now.state, now.released_by, now.decided_by) == (S.SUCCEEDED, run.id, "cli:tester")
    assert one.id in {action.id for action in leavers.actions(run)}
    assert len(leavers.suspended()) == 2


def test_a_preview_releases_nothing(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.later(minutes=1)
    leavers.sync("full", commit=False)
    leavers.sync("delta", commit=False)
    assert leavers.again(one).state is S.APPROVED
    assert leavers.disabled() == set()


def test_an_object_sync_may_be_told_to_release_only_its_own(leavers):
    one, two = by_account(leavers, 1), by_account(leavers, 2)
    leavers.approve(one, two)
    leavers.set_guards(release_any=False)
    leavers.later(minutes=1)
    leavers.sync(object_key=("hr", "person", "e2"))
    assert leavers.disabled() == {"u2"}
    assert leavers.again(one).state is S.APPROVED


def test_releasing_one_rule_leaves_what_others_wait_for_alone(tmp_path):
    world = World(tmp_path, DISABLE + TITLES.split("rules:\n")[1])
    world.people(range(10))
    world.run()
    for number in (1, 2, 3):
        world.change(number, title="new", status="left")
    world.run()
    titles = [a for a in world.suspended() if a.rule == "flow-title"]
    leavers = [a for a in world.suspended() if a.rule == "disable-leaver"]
    world.approve(titles[0])
    world.later(minutes=1)
    world.sync("delta")
    assert world.states(leavers) == [S.SUSPENDED] * 3
    assert world.states(titles) == [S.SUCCEEDED, S.SUSPENDED, S.SUSPENDED]
    world.close()


def test_throttle_and_threshold_are_not_asked_again_about_what_a_person_approved(tmp_path):
    world = World(tmp_path, DISABLE.replace("limit: 2", "limit: 0").replace("1s", "1h"))
    world.people(range(10))
    world.leave(*range(10))
    world.run()
    world.approve(*world.suspended())
    run = world.run()
    assert run.counts.released == run.counts.succeeded == 10
    world.close()


def test_the_execution_starts_the_throttle(tmp_path):
    world = World(tmp_path, DISABLE.replace("limit: 2", "limit: 0").replace("1s", "1h"))
    world.people(range(3))
    world.leave(1)
    world.run()
    world.approve(*world.suspended())
    world.run()
    world.account(1, active="true")
    assert world.run().counts.throttled == 1
    world.close()


def test_what_is_no_longer_wanted_is_not_released(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.change(1, status="active")
    run = leavers.run()
    assert leavers.again(one).state is S.STALE
    assert run.counts.released == 0
    assert leavers.disabled() == set()


def test_what_differs_from_what_was_approved_is_asked_again(titles):
    one = by_account(titles, 1)
    titles.approve(one)
    titles.change(1, title="newer")
    titles.run()
    assert titles.again(one).state is S.VOID
    assert by_account(titles, 1).after == {"title": "newer"}
    assert titles.get(1)["title"] == "old"


def test_a_rule_that_means_something_else_now_is_asked_again(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.rules(DISABLE.replace("hr.status == 'left'", "hr.status != 'active'"))
    leavers.run()
    assert leavers.again(one).state is S.VOID
    assert leavers.disabled() == set()
    assert len(leavers.suspended()) == 3


def test_another_limit_does_not_ask_again(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.rules(DISABLE.replace("limit: 2", "limit: 1"))
    leavers.run()
    assert leavers.disabled() == {"u1"}


def test_unknown_does_not_release_and_does_not_end_it(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.change(1, status="")
    leavers.run()
    assert leavers.again(one).state is S.APPROVED
    leavers.leave(1)
    leavers.run()
    assert leavers.disabled() == {"u1"}


def test_a_volume_approval_does_not_cover_somebody_who_became_a_vip(tmp_path):
    world = World(tmp_path, more=EXECUTIVES)
    world.people(range(10), level="E")
    world.run()
    world.leave(1, 2, 3)
    world.run()
    one = by_account(world, 1)
    world.approve(*world.suspended())
    world.change(1, level="C")
    world.run()
    assert world.disabled() == {"u2", "u3"}
    (again,) = world.suspended()
    assert (again.anchor, again.vip) == ("u1", "executives")
    assert world.again(one).state is S.VOID
    world.approve(again)
    world.run()
    assert world.disabled() == {"u1", "u2", "u3"}
    world.close()


def test_nothing_is_released_while_the_silo_is_paused(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    with leavers.app.store.begin() as unit:
        unit.silos.pause("dir", "a test")
    leavers.run()
    assert leavers.again(one).state is S.APPROVED
    with leavers.app.store.begin() as unit:
        unit.silos.resume("dir")
    leavers.run()
    assert leavers.disabled() == {"u1"}


def test_nothing_is_released_in_a_blackout(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    app = leavers.app
    leavers.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    leavers.run()
    assert leavers.again(one).state is S.APPROVED
    leavers.app = app
    leavers.run()
    assert leavers.disabled() == {"u1"}


def test_a_rule_that_is_only_simulated_now_releases_nothing(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.rules("simulate: true\n" + DISABLE)
    run = leavers.run()
    assert run.counts.released == 0
    assert leavers.disabled() == set()
    leavers.rules(DISABLE)
    leavers.run()
    assert leavers.disabled() == {"u1"}


# --- rejection and the end of time -----------------------------------------------------------


def test_a_rejection_holds_while_the_cause_lasts(leavers):
    leavers.reject(*leavers.suspended())
    for kind in ("full", "delta", "full"):
        leavers.later(hours=1)
        run = leavers.run(kind)
        assert run.counts.proposed == 0
    full = leavers.run("full")
    assert "3 held back by an earlier rejection" in full.rules["disable-leaver"].reason
    assert leavers.disabled() == set()


def test_a_rejection_ends_when_the_condition_was_once_false(leavers):
    leavers.reject(*leavers.suspended())
    leavers.change(1, status="active")
    leavers.run()
    leavers.leave(1)
    leavers.later(hours=2)
    leavers.run()
    assert leavers.disabled() == {"u1"}


def test_a_rejection_does_not_hold_for_another_change(titles):
    titles.reject(*titles.suspended())
    titles.change(1, title="newer")
    titles.later(hours=2)
    titles.run()
    (asked,) = titles.suspended()
    assert asked.after == {"title": "newer"}
    assert asked.reasons[0].text.startswith("rejected by cli:tester at ")
    titles.approve(asked)
    titles.run()
    assert titles.get(1)["title"] == "newer"


def test_a_rejection_ends_with_its_time(leavers):
    leavers.reject(*leavers.suspended())
    leavers.later(days=31)
    leavers.tick()
    leavers.sync("delta")
    assert len(leavers.suspended()) == 3


def test_a_rejected_removal_from_a_group_is_not_asked_again(tmp_path):
    rules = """\
ruleset: teams
rules:
  - {id: sales, kind: membership, group: {slot: team, where: "cn == 'sales'"}, throttle: 1s,
     member: account, when: "hr.title == 'sales'", mode: authoritative, threshold: {limit: 0}}
"""
    world = World(tmp_path, rules)
    world.people(range(5), title="sales")
    world.group("sales", *(f"u{number}" for number in range(5)))
    world.run()
    world.change(1, title="clerk")
    world.run()
    world.reject(*world.suspended())
    for _ in range(3):
        world.later(hours=1)
        world.run("full")
    assert world.suspended() == []
    assert len(world.members("sales")) == 5
    world.close()


def test_the_end_of_time_clears_and_starts_the_throttle(tmp_path):
    world = World(tmp_path, DISABLE.replace("1s", "1h"))
    world.people(range(10))
    world.leave(1, 2, 3)
    world.run()
    actions = world.suspended()
    world.later(hours=23)
    world.tick()
    assert world.states(actions) == [S.SUSPENDED] * 3
    world.later(hours=1)
    world.tick()
    assert world.states(actions) == [S.CLEARED] * 3
    assert world.run().counts.throttled == 3
    assert world.disabled() == set()
    world.later(hours=1)
    assert world.sync("delta").counts.suspended == 3
    world.close()


def test_approval_by_default_is_refused_when_nobody_was_told(tmp_path):
    world = World(tmp_path, DISABLE.replace("limit: 2", "limit: 2, on_expiry: approve"))
    world.people(range(10))
    world.leave(1, 2, 3)
    run = world.run()
    actions = world.suspended()
    world.later(hours=25)
    world.tick()
    assert world.states(actions) == [S.CLEARED] * 3
    assert ("disable-leaver", "default_approve_refused") in world.codes(run)
    world.close()


def told_in_time(tmp_path, rules, **more):
    """Three of ten left, more than allowed, and ann was told at once."""
    people = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"
    world = World(tmp_path, rules, more=people + more.get("more", ""))
    world.people(range(10), level=more.get("level", ""))
    world.leave(1, 2, 3)
    world.run()
    told = world.clock.time.strftime("%Y-%m-%d %H:%M:%S.000000")
    world.execute("UPDATE delivery SET state = 'sent', sent_at = ?", told)
    return world


BY_DEFAULT = DISABLE.replace("limit: 2", "limit: 2, on_expiry: approve")


def test_approval_by_default_waits_while_the_rule_is_only_simulated(tmp_path):
    world = told_in_time(tmp_path, BY_DEFAULT)
    waiting = world.suspended()
    world.rules("simulate: true\n" + BY_DEFAULT)
    world.later(hours=25)
    world.tick()
    world.run()
    assert world.states(waiting) == [S.SUSPENDED] * 3
    world.rules(BY_DEFAULT)
    world.tick()
    world.run()
    assert world.disabled() == {"u1", "u2", "u3"}
    world.close()


def test_approval_by_default_waits_while_the_silo_is_paused(tmp_path):
    world = told_in_time(tmp_path, BY_DEFAULT)
    waiting = world.suspended()
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", "a test")
    world.later(hours=25)
    world.tick()
    assert world.states(waiting) == [S.SUSPENDED] * 3
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")
    world.tick()
    assert world.states(waiting) == [S.APPROVED] * 3
    world.close()


VIPS = "\nvip: [{name: executives, when: \"hr.level == 'C'\", expires: 24h, on_expiry: %s}]"


def test_a_vip_is_approved_by_default_only_while_its_vip_rule_says_so(tmp_path):
    for now, state in (("approve", S.APPROVED), ("clear", S.CLEARED)):
        folder = tmp_path / now
        world = told_in_time(folder, BY_DEFAULT, level="C", more=VIPS % "approve")
        waiting = world.suspended()
        world.rules(BY_DEFAULT, more=world.more.replace("on_expiry: approve", f"on_expiry: {now}"))
        world.later(hours=25)
        world.tick()
        assert world.states(waiting) == [state] * 3
        world.close()


def test_approval_by_default_runs_on_the_next_sync_and_says_so(tmp_path):
    people = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"
    rules = DISABLE.replace("limit: 2", "limit: 2, on_expiry: approve")
    world = World(tmp_path, rules, more=people)
    world.people(range(10))
    world.leave(1, 2, 3)
    world.run()
    actions = world.suspended()
    told = world.clock.time.strftime("%Y-%m-%d %H:%M:%S.000000")
    world.execute("UPDATE delivery SET state = 'sent', sent_at = ?", told)
    world.later(hours=25)
    world.tick()
    assert world.disabled() == set()
    world.run()
    assert world.disabled() == {"u1", "u2", "u3"}
    assert {world.again(each).decided_by for each in actions} == {"expiry"}
    world.close()


@both_databases
@pytest.mark.parametrize(("who", "disabled"), [("expiry", 3), ("a person", 5)])
def test_what_an_expiry_approved_counts_in_the_lookback_and_what_people_approved_does_not(
    world, who, disabled
):
    people = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"
    world.rules(BY_DEFAULT, more=people if who == "expiry" else "")
    world.people(range(10))
    world.leave(1, 2, 3)
    world.run()
    waiting = world.suspended()
    if who == "expiry":
        world.execute("UPDATE delivery SET state = 'sent', sent_at = created_at")
        world.later(hours=25)
        world.tick()
    else:
        world.approve(*waiting)
    world.run("delta")
    assert world.disabled() == {"u1", "u2", "u3"}
    world.leave(4, 5)
    world.run("delta")
    assert len(world.disabled()) == disabled
    assert len(world.suspended()) == 5 - disabled


def test_an_approval_runs_out(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.later(days=7)
    leavers.tick()
    leavers.sync("delta")
    assert leavers.again(one).state is S.CLEARED
    assert leavers.disabled() == set()


def test_an_approval_that_ran_out_is_not_released_even_when_no_tick_came(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.later(days=8)
    leavers.sync("delta")
    assert leavers.disabled() == set()


def test_who_may_not_decide_is_refused(leavers):
    app = leavers.app
    leavers.app = replace(app, settings=replace(app.settings, owner="root"))
    one = by_account(leavers, 1)
    with pytest.raises(DecisionRefused):
        leavers.decide(Answer.APPROVE, one, by="person:nobody")
    assert leavers.again(one).state is S.SUSPENDED


def test_an_ambiguous_identity_waits(leavers):
    one = by_account(leavers, 1)
    leavers.approve(one)
    leavers.dir.put("account", "u1b", {"uid": "u1b", "number": "e1", "active": "true"})
    run = leavers.run()
    assert "u1" not in leavers.disabled()
    assert "u1b" not in leavers.disabled()
    assert (None, "ambiguous") in leavers.codes(run)


def test_the_first_expiry_counts_although_time_went_on(titles):
    first = by_account(titles, 1)
    titles.later(hours=20)
    titles.change(1, title="newer")
    titles.run()
    titles.clock.time = first.expires_at + timedelta(seconds=1)
    titles.tick()
    assert titles.suspended() == []


HAIL = """\
ruleset: events
rules:
  - {id: hail, kind: event, when: "hr.title == 'new'", throttle: 1s, threshold: {limit: 0},
     do: {webhook: "https://hooks.example.org/hail"}}
"""


@pytest.mark.parametrize("kind", ["full", "delta"])
def test_an_event_that_was_approved_fires_once(world, kind):
    world.rules(HAIL)
    world.person(1, title="new")
    world.run()
    world.approve(*world.suspended())
    world.run(kind)
    world.run("full")
    assert len(world.sink.fired) == 1


def test_an_event_that_was_rejected_does_not_fire(world):
    world.rules(HAIL)
    world.person(1, title="new")
    world.run()
    world.reject(*world.suspended())
    world.run("full")
    assert world.sink.fired == []
    assert world.suspended() == []


def test_an_event_that_waited_too_long_is_looked_at_again_and_fires_once(world):
    world.rules(HAIL.replace("limit: 0", "limit: 9"))
    world.person(1, title="new")
    app = world.app
    world.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    world.run()
    world.app = app
    world.later(minutes=30)
    world.run("delta")
    world.run("full")
    assert len(world.sink.fired) == 1
