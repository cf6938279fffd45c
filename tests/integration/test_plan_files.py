"""A reviewed plan is carried out exactly, or refused with what moved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypersync.errors import DecisionRefused, PlanFileRefused, PlanMoved
from hypersync.model.actions import ActionState
from hypersync.model.plan_file import Verdict, count, trusted
from hypersync.model.plan_lines import plan_lines, read_plan
from hypersync.model.runs import RunMode, RunState
from hypersync.pipeline.passwords import MARK
from tests.postgresql import both_databases
from tests.worlds import DISABLE, EXECUTIVES, TITLES, World

S = ActionState
BOTH = """\
ruleset: both
rules:
  - {id: flow-title, kind: update, target: account, throttle: 1s, set: {title: hr.title},
     threshold: {limit: 2}}
  - {id: disable-leaver, kind: deprovision, target: account, throttle: 1s,
     when: "hr.status == 'left' and account.enabled", do: disable, threshold: {limit: 2}}
"""
JOINERS = """\
ruleset: joiners
rules:
  - {id: provision, kind: provision, target: account, throttle: 1s,
     when: "hr.status == 'active'", threshold: {limit: 50},
     once: {uid: "unique(('account.uid',), ascii(lower(hr.name)), max=20)",
            secret: "initial_password()"},
     set: {number: hr.id, active: {text: 'true'}}}
"""


def plan_of(world, kind="full", **more):
    """Make a preview and return its plan as the file has it."""
    lines = []

    def write(header, actions):
        lines.extend(plan_lines(header, list(actions)))
        return read_plan(lines).hash

    world.sync(kind, commit=False, out=write, **more)
    return trusted(read_plan(lines), (), is_required=False)


def apply(world, plan, **more):
    world.later(minutes=1)
    return world.app.apply(plan, **more)


def refused(world, plan):
    """What a refusal says; it has to leave everything but itself as it was."""
    directory = dict(world.dir._versions)
    pending = world.pending()
    opened = [action.id for action in world.suspended()]
    with pytest.raises(PlanMoved) as moved:
        apply(world, plan)
    assert world.dir._versions == directory
    assert [action.id for action in world.suspended()] == opened
    assert set(pending) <= set(world.pending())
    return moved.value.message


def verdicts(plan):
    return [action.verdict for action in plan.actions]


def titled(world, numbers=range(4), changed=(0, 1), rules=BOTH, **more):
    """People whose titles agree, but for some that HR changed."""
    world.rules(rules, **more)
    for number in numbers:
        world.person(number, title="chief" if number in changed else "clerk", level="E")
        world.account(number, title="clerk")
    world.scan()


# --- exactly that plan ---------------------------------------------------------------------------


@both_databases
def test_a_reviewed_plan_is_carried_out(world):
    titled(world)
    plan = plan_of(world)
    assert verdicts(plan) == [Verdict.QUEUED, Verdict.QUEUED]
    run = apply(world, plan)
    assert run.counts.succeeded == 2
    assert (world.get(0)["title"], world.get(2)["title"]) == ("chief", "clerk")
    assert world.run("full").counts.proposed == 0


def test_a_plan_says_what_it_rests_on_and_counts_what_it_would_do(world):
    titled(world)
    plan = plan_of(world)
    header = plan.header
    assert (header.installation, header.environment) == ("hypersync", "dev")
    assert header.revision == world.app.rulebook.revision
    assert {each.silo for each in header.scans} == {"hr", "dir"}
    assert header.counts.rules == {"flow-title": 2}
    assert header.counts.operations == {"update": 2}
    assert header.counts.attributes == {"dir/account/title": 2}
    assert header.counts.irreversible == 0
    assert plan.actions[0].before == {"title": "clerk"}
    assert plan.actions[0].after == {"title": "chief"}


def test_writing_a_plan_changes_nothing_but_the_preview_itself(world):
    titled(world)
    before = world.tables()
    plan_of(world)
    after = world.tables()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"run", "action", "event", "rule_preview"}


def test_applying_says_in_the_audit_trail_which_plan_and_whose_signature(world):
    titled(world)
    plan = replace(plan_of(world), signed_by=("ed25519:ann",))
    run = apply(world, plan)
    with world.app.store.snapshot() as unit:
        events = [each for each in unit.events.recent(50) if each.kind == "plan_applied"]
        assert unit.runs.of_plan(plan.hash).id == run.id
    assert [(each.run, each.data) for each in events] == [
        (run.id, {"hash": plan.hash, "signed_by": ["ed25519:ann"]})
    ]


def test_a_plan_is_applied_once_even_if_the_world_went_back(world):
    titled(world)
    plan = plan_of(world)
    first = apply(world, plan)
    for number in (0, 1):
        world.account(number, title="clerk")
    world.scan()
    assert f"applied already, by run {first.id}" in refused(world, plan)


def test_a_plan_that_was_refused_may_be_applied_when_the_world_is_as_it_was(world):
    titled(world)
    plan = plan_of(world)
    world.change(0, title="boss")
    world.scan()
    refused(world, plan)
    world.change(0, title="chief")
    world.scan()
    assert apply(world, plan).counts.succeeded == 2


def test_a_newer_scan_alone_is_no_reason_to_refuse(world):
    titled(world)
    plan = plan_of(world)
    world.later(minutes=5)
    world.scan(full=True)
    assert apply(world, plan).counts.succeeded == 2


def test_checking_a_plan_says_that_it_applies_and_changes_nothing(world):
    titled(world)
    plan = plan_of(world)
    run = apply(world, plan, commit=False)
    assert (run.mode, run.counts.planned + run.counts.queued) == (RunMode.PREVIEW, 2)
    assert world.get(0)["title"] == "clerk"
    assert apply(world, plan).counts.succeeded == 2
    with pytest.raises(PlanMoved, match="applied already"):
        apply(world, plan, commit=False)


def test_an_initial_password_is_made_when_the_plan_is_applied_and_is_not_in_it(world):
    world.rules(JOINERS)
    world.person(7, name="ann")
    world.scan()
    plan = plan_of(world)
    assert plan.actions[0].once == {"uid": "ann", "secret": MARK}
    assert apply(world, plan).counts.succeeded == 1
    made = world.dir.get("account", "ann")
    assert MARK not in made["secret"]
    assert len(made["secret"]) >= 20


def test_a_delta_plan_and_an_object_plan_keep_their_scope(world):
    titled(world, changed=())
    world.sync("full")
    world.change(0, title="chief")
    world.change(1, title="chief")
    world.later(minutes=1)
    world.scan()
    plan = plan_of(world, "delta")
    assert len(plan.actions) == 2
    one = plan_of(world, None, object_key=("hr", "person", "e1"))
    assert [action.anchor for action in one.actions] == ["u1"]
    run = apply(world, one)
    assert run.counts.succeeded == 1
    assert world.get(0)["title"] == "clerk"
    assert "u1" in refused(world, plan)
    assert apply(world, plan_of(world, "delta")).counts.succeeded == 1


# --- what moved ----------------------------------------------------------------------------------


@both_databases
def test_a_value_that_moved_is_told_in_words(world):
    titled(world)
    plan = plan_of(world)
    world.change(0, title="boss")
    world.later(minutes=1)
    world.scan("hr")
    text = refused(world, plan)
    assert "(dir/account/u0), flow-title: title would become boss, the plan had chief" in text
    assert "silo hr was scanned again at 2026-03-02 08:01 UTC" in text
    assert "silo dir" not in text
    with world.app.store.snapshot() as unit:
        failed = unit.runs.in_state(RunState.FAILED)
        assert [each.plan for each in failed] == [None]
        assert unit.runs.errors(failed[0].id)[0].code == "plan_moved"
        assert not unit.actions.of_run(failed[0].id)
    assert world.sync("full").counts.succeeded == 2


def test_a_value_that_somebody_wrote_meanwhile_is_told(world):
    titled(world)
    plan = plan_of(world)
    world.account(0, title="baker")
    world.scan()
    assert "title is now baker, the plan had clerk" in refused(world, plan)


def test_what_is_no_longer_wanted_and_what_is_new_is_told(world):
    titled(world)
    plan = plan_of(world)
    world.change(0, title="clerk")
    world.change(3, title="chief")
    world.scan()
    text = refused(world, plan)
    assert "flow-title no longer wants to update it" in text
    assert "new: flow-title would update" in text
    assert "dir/account/u3" in text


def test_a_new_hire_is_a_difference(world):
    world.rules(JOINERS)
    world.person(7, name="ann")
    world.scan()
    plan = plan_of(world)
    world.person(8, name="ben")
    world.scan()
    assert "new: provision would create ben" in refused(world, plan)


def test_a_name_that_was_taken_meanwhile_is_a_difference(world):
    world.rules(JOINERS)
    world.person(7, name="ann")
    world.scan()
    plan = plan_of(world)
    world.dir.put("account", "ann", {"uid": "ann", "number": "x1", "active": "true"})
    world.scan()
    assert "uid would become ann" in refused(world, plan)


def test_rules_that_changed_are_said_before_anything_is_looked_at(world):
    titled(world)
    plan = plan_of(world)
    old = world.app.rulebook.revision
    world.rules(BOTH.replace("limit: 2", "limit: 3"))
    new = world.app.rulebook.revision
    assert f"revision {old} -> {new}" in refused(world, plan)


def test_twenty_differences_are_told_and_the_rest_counted(world):
    titled(world, range(30), ())
    plan = plan_of(world)
    for number in range(25):
        world.change(number, title="chief")
    world.scan()
    lines = refused(world, plan).splitlines()
    assert sum(line.startswith("new:") for line in lines) == 20
    assert "... and 5 more" in lines


def test_what_waits_for_a_decision_since_is_said(world):
    world.people(range(4))
    world.leave(0, 1, 2)
    world.scan()
    plan = plan_of(world)
    world.sync("full")
    assert "is suspended already, as action" in refused(world, plan)


def test_what_was_rejected_since_is_said(world):
    world.people(range(4))
    world.leave(0, 1, 2)
    world.scan()
    plan = plan_of(world)
    world.sync("full")
    world.reject(*world.suspended())
    assert "rejected" in refused(world, plan)


def test_what_cannot_be_told_now_is_said(world):
    world.rules(TITLES.replace("hr.title", "text(date(hr.title))"))
    for number in range(3):
        world.person(number, title="2026-01-01")
        world.account(number, title="2026-01-01")
    world.change(0, title="2026-01-02")
    world.scan()
    plan = plan_of(world)
    world.change(0, title="soon")
    world.scan()
    assert "cannot be told now" in refused(world, plan)


def test_the_plan_of_another_installation_or_environment_is_refused(world):
    titled(world)
    plan = plan_of(world)
    for values in ({"installation": "other"}, {"environment": "prod"}):
        foreign = replace(plan, header=replace(plan.header, **values))
        with pytest.raises(PlanFileRefused, match="the plan was made for"):
            apply(world, foreign)


@both_databases
def test_the_plan_of_another_database_is_refused_though_all_else_agrees(world, tmp_path):
    titled(world)
    plan = plan_of(world)
    other = World(tmp_path / "other")
    titled(other)
    plan_of(other)
    with pytest.raises(PlanFileRefused, match="another database"):
        apply(other, plan)
    other.close()
    for values in ({"made_at": plan.header.made_at.replace(year=2025)}, {"revision": "0" * 32}):
        with pytest.raises(PlanFileRefused, match="another database"):
            apply(world, replace(plan, header=replace(plan.header, **values)))


# --- guards hold back more, never less -----------------------------------------------------------


def test_an_edited_plan_with_a_right_hash_is_refused_for_no_run_made_it(world):
    """Whoever moves actions out of sight of a threshold has to come up with a hash, and can."""
    world.people(range(1, 13))
    world.run("full")
    world.leave(*range(1, 11))
    world.later(minutes=1)
    world.scan()
    plan = plan_of(world)
    edited = [
        replace(each, verdict=Verdict.QUEUED if number < 2 else Verdict.THROTTLED, reasons=())
        for number, each in enumerate(plan.actions)
    ]
    header = replace(plan.header, counts=count(edited))
    forged = trusted(read_plan(list(plan_lines(header, edited))), (), is_required=False)
    before = dict(world.dir._versions)
    with pytest.raises(PlanFileRefused, match=r"is not the one that run .* made"):
        apply(world, forged)
    assert world.dir._versions == before


def test_what_the_plan_had_suspended_is_asked_and_not_done(world):
    world.people(range(5))
    world.leave(0, 1, 2)
    world.scan()
    plan = plan_of(world)
    assert verdicts(plan) == [Verdict.SUSPENDED] * 3
    assert "3 actions" in plan.actions[0].reasons[0].text
    run = apply(world, plan)
    assert (run.counts.suspended, run.counts.queued, world.disabled()) == (3, 0, set())


def test_what_the_plan_had_suspended_stays_so_though_the_guards_would_let_it_now(world):
    world.people(range(6))
    world.sync("full")
    world.leave(0, 1)
    world.run("delta")
    world.leave(2)
    world.later(minutes=1)
    world.scan()
    plan = plan_of(world, "delta")
    assert verdicts(plan) == [Verdict.SUSPENDED]
    world.later(hours=2)
    run = apply(world, plan)
    assert (run.counts.suspended, run.counts.queued) == (1, 0)
    text = world.suspended()[0].reasons[0].text
    assert text.startswith("held back in the reviewed plan: 1 action")
    world.approve(*world.suspended())
    assert world.run().counts.released == 1


def test_what_the_plan_had_throttled_stays_so_and_is_taken_up_by_the_next_sync(world):
    world.rules(DISABLE.replace("1s", "1h"))
    world.people(range(3))
    world.leave(1)
    world.run("full")
    world.account(1, active="true")
    world.scan()
    plan = plan_of(world)
    assert verdicts(plan) == [Verdict.THROTTLED]
    world.later(hours=2)
    run = apply(world, plan)
    assert (run.counts.throttled, run.counts.queued, world.disabled()) == (1, 0, set())
    world.later(minutes=10)
    assert world.run("delta").counts.succeeded == 1


def test_what_the_plan_had_limited_stays_so_and_spends_no_quota(world):
    rules = DISABLE.replace(
        "account.enabled", "account.enabled and Quota(True, 'leavers', '1h') <= 1"
    )
    world.rules(rules)
    world.people(range(4))
    world.leave(0)
    world.run("full")
    world.leave(1)
    world.scan()
    plan = plan_of(world)
    assert verdicts(plan) == [Verdict.LIMITED]
    world.later(hours=2)
    assert apply(world, plan).counts.limited == 1
    assert world.disabled() == {"u0"}
    world.later(minutes=10)
    assert world.run("full").counts.succeeded == 1


def test_what_the_plan_had_throttled_takes_nobody_s_place_under_a_count(world):
    counted = "account.enabled and Count(True, 'leavers', '1h') <= 1"
    rules = DISABLE.replace("account.enabled", counted).replace("1s", "1h")
    world.rules(rules)
    world.people(range(4))
    world.leave(2)
    world.run("full")
    world.later(minutes=30)
    world.leave(1)
    world.account(2, active="true")
    world.scan()
    plan = plan_of(world)
    assert {each.anchor: each.verdict.value for each in plan.actions} == {
        "u1": "queued",
        "u2": "throttled",
    }
    world.later(hours=2)
    run = apply(world, plan)
    assert (run.counts.succeeded, run.counts.throttled, run.counts.limited) == (1, 1, 0)
    assert world.disabled() == {"u1"}


def test_what_the_plan_only_simulated_is_not_done(world):
    titled(world, rules=BOTH.replace("{id: flow-title,", "{id: flow-title, simulate: true,"))
    plan = plan_of(world)
    assert verdicts(plan) == [Verdict.SIMULATED, Verdict.SIMULATED]
    run = apply(world, plan)
    assert (run.counts.planned, run.counts.queued) == (2, 0)
    assert world.get(0)["title"] == "clerk"


def test_a_throttle_that_holds_now_holds(world):
    titled(world, changed=(), rules=BOTH.replace("1s", "1h"))
    world.sync("full")
    world.change(0, title="chief")
    world.scan()
    plan = plan_of(world)
    world.sync("full")
    world.account(0, title="clerk")
    world.scan()
    run = apply(world, plan)
    assert (run.counts.throttled, run.counts.queued) == (1, 0)


def test_a_vip_now_is_asked_about(world):
    titled(world, more=EXECUTIVES)
    plan = plan_of(world)
    world.change(0, level="C")
    world.scan()
    run = apply(world, plan)
    assert (run.counts.suspended, run.counts.succeeded) == (1, 1)
    assert [action.vip for action in world.suspended()] == ["executives"]
    assert world.get(0)["title"] == "clerk"


def test_a_lookback_that_trips_now_suspends(world):
    titled(world, range(6), ())
    world.sync("full")
    world.change(0, title="chief")
    world.change(1, title="chief")
    world.later(minutes=1)
    world.scan()
    plan = plan_of(world, "delta")
    assert verdicts(plan) == [Verdict.QUEUED] * 2
    world.execute("UPDATE pending_identity SET not_before = NULL")
    world.change(5, title="boss")
    world.scan()
    world.sync(None, object_key=("hr", "person", "e5"))
    run = apply(world, plan)
    assert (run.counts.suspended, run.counts.queued) == (2, 0)


def test_a_blackout_executes_nothing_and_the_next_sync_goes_on(world):
    titled(world)
    plan = plan_of(world)
    always = replace(world.app.engine, is_blackout=lambda _: True)
    usual, world.app = world.app, replace(world.app, engine=always)
    run = apply(world, plan)
    assert (run.counts.queued, run.counts.succeeded) == (2, 0)
    world.app = usual
    world.later(minutes=11)
    world.run()
    assert world.get(0)["title"] == "chief"


# --- nothing besides -----------------------------------------------------------------------------


def test_an_approval_of_an_earlier_run_is_not_released_and_not_lost(world):
    titled(world)
    world.leave(0, 1, 2)
    world.run("full")
    waiting = world.suspended()
    assert len(waiting) == 3
    world.change(3, title="boss")
    world.scan()
    plan = plan_of(world)
    assert [action.anchor for action in plan.actions] == ["u3"]
    world.approve(*waiting)
    run = apply(world, plan)
    assert (run.counts.succeeded, run.counts.released, world.disabled()) == (1, 0, set())
    assert world.states(waiting) == [S.APPROVED] * 3
    assert world.run().counts.released == 3
    assert world.disabled() == {"u0", "u1", "u2"}


def test_what_an_earlier_run_left_in_the_queue_is_not_started(world):
    titled(world, changed=(0,))
    pause(world)
    world.scan("hr")
    left = world.sync("full")
    assert left.counts.queued == 1
    resume(world)
    world.change(3, title="boss")
    world.scan()
    plan = plan_of(world)
    assert [action.anchor for action in plan.actions] == ["u3"]
    run = apply(world, plan)
    assert run.counts.succeeded == 1
    assert world.get(0)["title"] == "clerk"
    world.later(minutes=11)
    world.run()
    assert world.get(0)["title"] == "chief"


def pause(world):
    with world.app.store.begin() as unit:
        unit.silos.pause("dir", None)


def resume(world):
    with world.app.store.begin() as unit:
        unit.silos.resume("dir")


# --- raises --------------------------------------------------------------------------------------


def test_a_plan_with_a_raise_carries_it_and_its_reason(world):
    titled(world, changed=(0, 1, 2))
    plan = plan_of(world, raises={"flow-title": 3}, reason="the merger")
    assert verdicts(plan) == [Verdict.QUEUED] * 3
    assert (plan.header.raises, plan.header.reason) == ({"flow-title": 3}, "the merger")
    settings = replace(world.app.settings, owner="tester")
    world.app = replace(world.app, settings=settings)
    run = apply(world, plan)
    assert (run.counts.succeeded, run.reason) == (3, "the merger")


def test_a_plan_with_a_raise_takes_an_administrator(world):
    titled(world, changed=(0, 1, 2))
    plan = plan_of(world, raises={"flow-title": 3}, reason="the merger")
    world.app = replace(world.app, settings=replace(world.app.settings, owner="somebody else"))
    with pytest.raises(DecisionRefused):
        apply(world, plan)
    assert world.get(0)["title"] == "clerk"
