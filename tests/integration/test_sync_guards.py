"""The guards inside a run: what the run gives them, and what becomes of their verdicts."""

from __future__ import annotations

import pytest

from hypersync.errors import ConfigurationError
from hypersync.model.actions import ActionState
from hypersync.model.objects import Refused
from tests.worlds import DISABLE, EXECUTIVES, TITLES, World

S = ActionState


def leavers(rest: str = "limit: 2", throttle: str = "1s", **more: str) -> str:
    return DISABLE.replace("limit: 2", rest).replace("throttle: 1s", f"throttle: {throttle}")


@pytest.fixture
def made(tmp_path):
    worlds = []

    def make(rules: str = DISABLE, **more) -> World:
        worlds.append(World(tmp_path, rules, **more))
        return worlds[-1]

    yield make
    for each in worlds:
        each.close()


def verdicts(world, run):
    with world.app.store.engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT rule, identity, verdict, text FROM verdict_row WHERE run = ?", (run.id,)
        )
        return [tuple(row) for row in found]


def swing(world, number):
    """Somebody enables an account that we disabled."""
    world.account(number, active="true")


# --- throttle --------------------------------------------------------------------------------


def test_a_rule_rests_for_its_throttle_and_is_taken_up_when_it_is_over(made):
    world = made(leavers(throttle="1h"))
    world.people(range(3))
    world.leave(1)
    world.run()
    swing(world, 1)
    run = world.run()
    assert run.counts.throttled == 1
    assert "at most once in 1h" in verdicts(world, run)[0][3]
    assert world.sync("delta").counts.identities == 0
    world.later(hours=1)
    assert world.sync("delta").counts.succeeded == 1


def test_a_throttle_may_be_an_expression_over_the_environment(made):
    world = made(leavers(throttle="env.REST"), environment='REST: "2h"\n')
    world.people(range(3))
    world.leave(1)
    world.run()
    swing(world, 1)
    world.later(minutes=118)
    assert world.run().counts.throttled == 1
    world.later(minutes=2)
    assert world.sync("delta").counts.succeeded == 1


def test_a_throttle_may_depend_on_the_identity(made):
    world = made(leavers(throttle='"span(hr.title)"'))
    world.people(range(3))
    world.change(1, title="3h", status="left")
    world.change(2, title="1m", status="left")
    world.run()
    swing(world, 1)
    swing(world, 2)
    world.later(minutes=5)
    world.run()
    assert world.disabled() == {"u2"}


def test_a_throttle_that_is_no_time_span_skips_the_rule_and_nothing_is_forgotten(made):
    world = made(leavers(throttle='"hr.title"') + TITLES.split("rules:\n")[1])
    world.people(range(3), title="often")
    world.leave(1)
    run = world.run()
    assert world.disabled() == set()
    assert run.rules["flow-title"].counts.suspended == 3
    assert ("disable-leaver", "evaluation") in world.codes(run)
    assert world.rows("verdict_row") == []
    world.later(minutes=11)
    assert world.identity(1) in world.pending()
    world.change(1, title="1h")
    world.run("delta")
    assert world.disabled() == {"u1"}


def test_a_failed_execution_throttles_too(made):
    world = made(leavers(throttle="1h"))
    world.people(range(3))
    world.leave(1)
    world.dir.faults.outcomes.append(Refused("not today"))
    assert world.run().counts.failed == 1
    world.later(minutes=30)
    assert world.sync("full").counts.throttled == 1
    world.later(minutes=31)
    assert world.sync("delta").counts.succeeded == 1


def test_previews_and_suspended_actions_do_not_throttle(made):
    world = made(leavers("limit: 0", throttle="1h"))
    world.people(range(3))
    world.leave(1)
    world.run(commit=False)
    run = world.run()
    assert run.counts.suspended == 1
    assert world.rows("execution_mark") == []
    (action,) = world.suspended()
    world.approve(action)
    assert world.run().counts.succeeded == 1


def test_a_clock_that_was_set_back_counts_as_now(made):
    world = made(leavers(throttle="1h"))
    world.people(range(3))
    world.leave(1)
    world.run()
    swing(world, 1)
    world.later(minutes=1)
    world.scan()
    world.later(hours=-5)
    assert world.sync("full").counts.throttled == 1


# --- threshold -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "people", "allowed"),
    [("2", 10, 2), ("0", 10, 0), ("5%", 100, 5), ("0.5%", 100, 1), ("50%", 7, 3), ("100%", 5, 5)],
)
def test_equal_to_the_limit_is_fine_and_one_more_suspends_all(made, limit, people, allowed):
    world = made(leavers(f"limit: {limit}"))
    world.people(range(people))
    world.run()
    world.leave(*range(allowed))
    run = world.run("full")
    assert (run.counts.succeeded, run.counts.suspended) == (allowed, 0)
    assert run.rules["disable-leaver"].limit == allowed
    if allowed < people:
        for number in range(allowed):
            swing(world, number)
        world.leave(allowed)
        run = world.run("full")
        assert (run.counts.queued, run.counts.suspended) == (0, allowed + 1)


def test_the_default_is_five_percent(made):
    world = made(DISABLE.replace(", threshold: {limit: 2}", ""))
    world.people(range(60))
    world.run()
    world.leave(*range(3))
    assert world.run("full").counts.succeeded == 3
    world.leave(*range(3, 7))
    run = world.run("full")
    assert run.counts.suspended == 4
    assert run.rules["disable-leaver"].limit_text == "5% of 60"


def test_other_rules_go_on(made):
    world = made(DISABLE + TITLES.split("rules:\n")[1])
    world.people(range(10))
    world.run()
    world.leave(1, 2, 3)
    world.change(5, title="new")
    run = world.run()
    assert run.rules["disable-leaver"].counts.suspended == 3
    assert run.rules["flow-title"].counts.succeeded == 1


def test_two_deltas_of_sixty_under_a_limit_of_a_hundred_trip_the_second(made):
    world = made(leavers("limit: 100"))
    world.people(range(200))
    world.run("full")
    world.leave(*range(60))
    first = world.run("delta")
    assert first.counts.succeeded == 60
    world.leave(*range(60, 120))
    second = world.run("delta")
    report = second.rules["disable-leaver"]
    assert (second.counts.suspended, report.lookback) == (60, 60)
    assert report.reason == "60 actions and 60 in the last hour, 100 allowed"
    assert len(world.disabled()) == 60


def test_after_the_hour_the_lookback_forgets(made):
    world = made(leavers("limit: 100"))
    world.people(range(200))
    world.run("full")
    world.leave(*range(60))
    world.run("delta")
    world.leave(*range(60, 120))
    world.later(hours=1)
    assert world.run("delta").counts.succeeded == 60


def test_a_full_sync_does_not_look_back_unless_it_is_told_to(made):
    world = made(leavers("limit: 100"))
    world.people(range(200))
    world.run("full")
    world.leave(*range(60))
    world.run("full")
    world.leave(*range(60, 120))
    assert world.run("full").counts.succeeded == 60
    world.rules(leavers("limit: 100, lookback: {span: 1h, full: true}"))
    world.leave(120)
    assert world.run("full").counts.suspended == 1


def test_an_object_sync_looks_back_too(made):
    world = made(leavers("limit: 1"))
    world.people(range(5))
    world.run("full")
    world.leave(1, 2)
    world.later(minutes=1)
    world.scan()
    world.sync(object_key=("hr", "person", "e1"))
    world.sync(object_key=("hr", "person", "e2"))
    assert world.disabled() == {"u1"}
    assert len(world.suspended()) == 1


def test_what_a_person_approved_is_not_counted_in_the_lookback(made):
    world = made(leavers("limit: 2"))
    world.people(range(10))
    world.run("full")
    world.leave(1, 2, 3)
    world.run()
    world.approve(*world.suspended())
    world.run()
    world.leave(4, 5)
    assert world.run("delta").counts.succeeded == 2


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("large"), leavers("limit: 100%"))
    for number in range(10_000):
        world.account(number)
    for number in range(600):
        world.person(number)
    world.scan()
    yield world
    world.close()


def test_on_ten_thousand_objects_a_limit_above_five_percent_is_reduced_with_an_error(large):
    large.leave(*range(501))
    run = large.run("full", commit=False)
    assert run.rules["disable-leaver"].limit == 500
    assert run.counts.suspended == 501
    assert ("disable-leaver", "guard") in large.codes(run)
    assert "ceiling of 5%" in large.errors(run)[0].message
    large.dir.remove("account", "u9999")
    run = large.run("full", commit=False)
    assert run.rules["disable-leaver"].limit == 9_999
    assert large.codes(run) == []


# --- VIP -------------------------------------------------------------------------------------


def test_a_vip_has_a_request_of_their_own_whatever_the_limit(made):
    world = made(leavers("limit: 5"), more=EXECUTIVES)
    world.people(range(10), level="E")
    world.person(0, level="C")
    world.run()
    world.leave(0, 1)
    run = world.run()
    assert world.disabled() == {"u1"}
    (action,) = world.suspended()
    assert action.vip == "executives"
    assert (action.expires_at - world.clock.time).total_seconds() == 72 * 3600
    assert run.counts.suspended == run.counts.succeeded == 1


def test_who_cannot_be_told_from_a_vip_is_one(made):
    world = made(leavers("limit: 5"), more=EXECUTIVES)
    world.people(range(3))
    world.leave(1)
    world.run()
    assert [action.vip for action in world.suspended()] == ["executives"]


def test_a_vip_rule_in_error_makes_a_vip_and_is_an_error_of_the_run(made):
    world = made(leavers("limit: 5"), more=EXECUTIVES.replace("hr.level == 'C'", "hr.level < 5"))
    world.people(range(3), level="E")
    world.leave(1)
    run = world.run()
    assert [action.vip for action in world.suspended()] == ["executives"]
    assert ("vip:executives", "evaluation") in world.codes(run)


def test_the_run_that_blanks_the_level_does_not_unmake_the_vip(made):
    world = made(leavers("limit: 5"), more=EXECUTIVES)
    world.people(range(10), level="E")
    world.person(0, level="C")
    world.run()
    world.change(0, level="E", status="left")
    world.run()
    assert [action.vip for action in world.suspended()] == ["executives"]
    assert world.disabled() == set()


@pytest.mark.parametrize(("days", "disabled"), [(29, set()), (31, {"u0"})])
def test_a_vip_is_remembered_for_thirty_days(made, days, disabled):
    world = made(leavers("limit: 5"), more=EXECUTIVES)
    world.people(range(10), level="E")
    world.person(0, level="C")
    world.run()
    world.change(0, level="E")
    world.run()
    world.later(days=days)
    world.leave(0)
    world.run()
    assert world.disabled() == disabled


def test_a_preview_does_not_forget_a_vip(made):
    world = made(leavers("limit: 5"), more=EXECUTIVES)
    world.people(range(10), level="E")
    world.person(0, level="C")
    world.run()
    before = world.rows("identity")
    world.change(0, level="E")
    world.later(minutes=1)
    world.scan()
    world.sync(commit=False)
    assert world.rows("identity") == before


def test_attributes_narrow_a_vip_rule_for_updates_only(made):
    more = EXECUTIVES.replace("expires", "attributes: [number], expires")
    world = made(DISABLE + TITLES.split("rules:\n")[1], more=more)
    world.people(range(5), level="C")
    world.run()
    world.change(1, title="new")
    world.leave(2)
    world.run()
    assert world.get(1)["title"] == "new"
    assert [action.anchor for action in world.suspended()] == ["u2"]


def test_a_vip_that_is_suspended_counts_in_the_threshold(made):
    world = made(leavers("limit: 2"), more=EXECUTIVES)
    world.people(range(10), level="E")
    world.person(0, level="C")
    world.run()
    world.leave(0, 1, 2)
    assert world.run().counts.suspended == 3


# --- Count and Quota -------------------------------------------------------------------------


def counted(call: str, limit: str = "limit: 1000") -> str:
    return leavers(limit).replace("account.enabled", f"account.enabled and {call}")


def test_count_lets_exactly_a_hundred_through_and_the_others_come_later(made):
    world = made(counted("Count(True, 'leave', '1h') <= 100"))
    world.people(range(120))
    world.leave(*range(120))
    run = world.run()
    assert (run.counts.succeeded, run.counts.limited) == (100, 20)
    world.later(minutes=11)
    run = world.run()
    assert (run.counts.succeeded, run.counts.limited) == (20, 0)
    assert len(world.disabled()) == 120


def test_who_waited_longest_goes_first(made):
    world = made(counted("Count(True, 'leave', '1h') <= 2"))
    world.people(range(4))
    world.leave(*range(4))
    world.run()
    first = world.disabled()
    for uid in first:
        swing(world, uid.removeprefix("u"))
    world.later(minutes=11)
    world.run()
    assert world.disabled() == {"u0", "u1", "u2", "u3"} - first


def test_a_quota_is_kept_across_runs(made):
    world = made(counted("Quota(True, 'leave', '1d') <= 3"))
    world.people(range(8))
    world.leave(0, 1)
    assert world.run().counts.succeeded == 2
    world.leave(*range(2, 8))
    run = world.run()
    assert (run.counts.succeeded, run.counts.limited) == (1, 5)
    world.later(days=1)
    assert world.run().counts.succeeded == 3


def test_a_quota_is_returned_when_the_rule_is_suspended(made):
    world = made(counted("Quota(True, 'leave', '1d') <= 5", "limit: 2"))
    world.people(range(8))
    world.leave(0, 1, 2)
    assert world.run().counts.suspended == 3
    assert [row[2] for row in world.rows("quota")] in ([], [0])


def test_neither_a_preview_nor_a_simulation_spends_a_quota(made):
    world = made(counted("Quota(True, 'leave', '1d') <= 5"))
    world.people(range(8))
    world.leave(0, 1, 2)
    world.run(commit=False)
    assert world.rows("quota") == []
    world.rules("simulate: true\n" + counted("Quota(True, 'leave', '1d') <= 5"))
    world.run()
    assert [row[2] for row in world.rows("quota")] in ([], [0])


# --- limits of a silo ------------------------------------------------------------------------

TWO_RULES = DISABLE + DISABLE.split("rules:\n")[1].replace("disable-leaver", "other").replace(
    "'left'", "'away'"
)


def test_a_silo_limit_counts_over_all_rules(made):
    rules = TWO_RULES.replace("limit: 2", "limit: 100")
    world = made(rules, limits="    limits: {disable: 3, per: 1d}")
    world.people(range(10))
    world.leave(0, 1)
    for number in (2, 3):
        world.change(number, status="away")
    run = world.run()
    assert run.counts.suspended == 4
    assert {reason.guard for each in world.suspended() for reason in each.reasons} == {"limit"}


def test_a_silo_limit_counts_earlier_runs(made):
    rules = TWO_RULES.replace("limit: 2", "limit: 100")
    world = made(rules, limits="    limits: {disable: 3, per: 1d}")
    world.people(range(10))
    world.leave(0, 1)
    assert world.run().counts.succeeded == 2
    world.later(hours=2)
    world.change(2, status="away")
    assert world.run().counts.succeeded == 1
    world.leave(3)
    assert world.run("full").counts.suspended == 1
    world.later(days=1)
    world.leave(4)
    world.run()
    assert "u4" in world.disabled()


def test_a_simulated_rule_uses_up_no_silo_limit(made):
    rules = TWO_RULES.replace("limit: 2", "limit: 100")
    rules = rules.replace("id: other", "id: other, simulate: true")
    world = made(rules, limits="    limits: {disable: 3, per: 1d}")
    world.people(range(10))
    world.leave(0, 1)
    for number in (2, 3, 4, 5):
        world.change(number, status="away")
    run = world.run()
    assert (run.counts.succeeded, run.counts.planned) == (2, 4)


# --- the time people have --------------------------------------------------------------------


def test_the_expiry_may_come_from_the_environment(made):
    world = made(leavers("limit: 0, expires: env.EXPIRES"), environment='EXPIRES: "5h"\n')
    world.people(range(3))
    world.leave(1)
    world.run()
    (action,) = world.suspended()
    assert (action.expires_at - world.clock.time).total_seconds() == 5 * 3600


@pytest.mark.parametrize("expires", ["text(now())", "date('2026-01-01')", "hr.title"])
def test_an_expiry_that_is_no_time_span_is_refused_before_anything_runs(made, expires):
    with pytest.raises(ConfigurationError, match="expires"):
        made(leavers(f'limit: 0, expires: "{expires}"'))


def test_a_throttled_change_of_what_waits_leaves_the_old_question_open(made):
    world = made(TITLES.replace("limit: 2", "limit: 0").replace("1s", "1h"))
    world.person(1, title="one")
    world.account(1)
    world.run()
    (action,) = world.suspended()
    world.approve(action)
    world.run()
    world.change(1, title="two")
    assert world.run().counts.throttled == 1
    assert world.get(1)["title"] == "one"
    assert world.again(action).state is S.SUCCEEDED
