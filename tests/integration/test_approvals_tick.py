"""What time does to requests, on a real database with the clock moved forward."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from hypersync.approvals.decide import Ballot, OfActions, OfRequest, decide
from hypersync.approvals.tick import TickReport, tick
from hypersync.model.actions import ActionState, OnExpiry
from hypersync.model.objects import Operation
from hypersync.model.requests import Answer, OnTimeout, Plan, RequestKind, RequestState, Step
from tests.asking import DAY, HOUR, NOON, Stopped, person, stopped

CHAIN = Plan(
    name="chain",
    steps=(
        Step(to="person:ann", until=HOUR),
        Step(to="person:gone", until=HOUR),
        Step(to="person:bob", until=HOUR),
    ),
)


def tick_at(world: Stopped, now) -> TickReport:
    return tick(world.store, now=now, settings=world.settings)


def say_sent(world: Stopped, request, at, *, state: str = "sent") -> None:
    with world.store.begin() as unit:
        for each in unit.deliveries.claim("w", at, again_at=at + DAY, limit=10):
            if state == "sent":
                unit.deliveries.sent(each.id, "w", at)
            else:
                unit.deliveries.failed(each.id, "w", "550 no such user", retry_at=None)
    assert request


def addresses(world: Stopped, kind: str = "request") -> list[str]:
    return [row["address"] for row in world.rows("delivery") if row["kind"] == kind]


def test_a_step_whose_time_is_over_goes_to_the_next_that_reaches_somebody(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[CHAIN])
    request = world.ask(world.suspend(), plan="chain")
    assert tick_at(world, NOON + HOUR / 2).forwarded == 0
    assert tick_at(world, NOON + HOUR).forwarded == 1
    assert addresses(world) == ["ann@example.org", "bob@example.org"]
    moved = world.request(request.id)
    assert (moved.step, moved.step_due) == (2, NOON + 2 * HOUR)
    forward = world.events("request_forward")
    assert forward[0]["to"] == "person:bob"
    assert forward[0]["skipped"] == ["person:gone"]


def test_the_end_of_the_list_ends_the_notifying_and_nothing_else(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[CHAIN])
    ids = world.suspend()
    request = world.ask(ids, plan="chain")
    tick_at(world, NOON + HOUR)
    assert tick_at(world, NOON + 2 * HOUR).exhausted == [request.id]
    after = world.request(request.id)
    assert after.state is RequestState.OPEN
    assert not after.notifying
    assert world.events("request_expire") == [{"reason": "timeout"}]
    ballot = Ballot(answer=Answer.APPROVE, by="person:ann", proof="shell")
    decide(world.store, OfRequest(request.id), ballot, now=NOON + 3 * HOUR, settings=world.settings)
    assert world.states(ids) == [ActionState.APPROVED]


def test_a_plan_may_expire_at_its_first_timeout(tmp_path):
    plan = Plan(name="once", steps=CHAIN.steps, on_timeout=OnTimeout.EXPIRE)
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[plan])
    world.ask(world.suspend(), plan="once")
    report = tick_at(world, NOON + HOUR)
    assert (report.forwarded, len(report.exhausted)) == (0, 1)
    assert addresses(world) == ["ann@example.org"]


def test_a_plan_may_be_repeated(tmp_path):
    plan = Plan(name="twice", steps=CHAIN.steps, repeat=1)
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[plan])
    request = world.ask(world.suspend(), plan="twice")
    for hours in range(1, 5):
        tick_at(world, NOON + hours * HOUR)
    assert addresses(world) == [
        "ann@example.org",
        "bob@example.org",
        "ann@example.org",
        "bob@example.org",
    ]
    assert not world.request(request.id).notifying


def test_a_step_that_failed_for_good_goes_on_at_once_without_a_forward(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[CHAIN])
    request = world.ask(world.suspend(), plan="chain")
    say_sent(world, request, NOON, state="failed")
    tick_at(world, NOON + timedelta(minutes=1))
    assert addresses(world) == ["ann@example.org", "bob@example.org"]
    assert world.events("request_forward") == []
    assert world.events("delivery_failed")[0]["to"] == "person:bob"


def test_a_plan_may_stop_when_nothing_can_be_delivered(tmp_path):
    plan = Plan(name="stop", steps=CHAIN.steps, on_delivery_failure="stop")
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[plan])
    request = world.ask(world.suspend(), plan="stop")
    say_sent(world, request, NOON, state="failed")
    tick_at(world, NOON + timedelta(minutes=1))
    after = world.request(request.id)
    assert after.state is RequestState.OPEN
    assert not after.notifying
    assert world.events("delivery_failed")[0]["then"] == "stop"


def test_an_undecided_action_is_cleared_at_its_end(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(2)
    request = world.ask(ids)
    assert tick_at(world, NOON + DAY - timedelta(seconds=1)).expired.cleared == 0
    assert tick_at(world, NOON + DAY).expired.cleared == 2
    cleared = world.actions(ids)
    assert {action.state for action in cleared} == {ActionState.CLEARED}
    assert {action.decided_by for action in cleared} == {"expiry"}
    assert world.request(request.id).counts["cleared"] == 2
    assert {row["identity"] for row in world.rows("pending_identity")} == {1, 2}
    assert len(world.rows("execution_mark")) == 2


def test_an_expiry_approves_where_the_rule_says_so_and_somebody_knew(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(2, on_expiry=OnExpiry.APPROVE)
    request = world.ask(ids, on_expiry=OnExpiry.APPROVE)
    say_sent(world, request, NOON + 12 * HOUR)
    assert tick_at(world, NOON + DAY).expired.default_approved == 2
    assert world.states(ids) == [ActionState.APPROVED] * 2
    assert world.request(request.id).counts["default_approved"] == 2
    assert {row["proof"] for row in world.rows("decision")} == {"expiry"}


def refuse_late(world, request, ids):
    say_sent(world, request, NOON + 12 * HOUR + timedelta(seconds=1))


def refuse_rejected(world, request, ids):
    say_sent(world, request, NOON)
    ballot = Ballot(answer=Answer.REJECT, by="person:ann", proof="shell")
    decide(world.store, OfActions((ids[0],)), ballot, now=NOON + HOUR, settings=world.settings)


@pytest.mark.parametrize("spoil", [lambda *_: None, refuse_late, refuse_rejected])
def test_S37_an_expiry_that_cannot_be_justified_clears_and_logs_a_sync_error(tmp_path, spoil):
    world = stopped(tmp_path)
    ids = world.suspend(2, on_expiry=OnExpiry.APPROVE)
    request = world.ask(ids, on_expiry=OnExpiry.APPROVE)
    spoil(world, request, ids)
    tick_at(world, NOON + DAY)
    assert world.states(ids)[1] is ActionState.CLEARED
    assert [row["code"] for row in world.rows("run_error")] == ["default_approve_refused"]


@pytest.mark.parametrize(("rules", "state"), [((), "cleared"), (("disable-leaver",), "approved")])
def test_S37_a_delete_is_approved_by_its_expiry_only_where_the_rule_says_so(tmp_path, rules, state):
    world = stopped(tmp_path, approve_deletes=frozenset(rules))
    ids = world.suspend(on_expiry=OnExpiry.APPROVE, operation=Operation.DELETE)
    request = world.ask(ids)
    say_sent(world, request, NOON)
    tick_at(world, NOON + DAY)
    assert world.states(ids) == [ActionState(state)]


def test_a_default_approve_waits_for_the_end_of_a_blackout(tmp_path):
    world = stopped(tmp_path, is_blackout=lambda now: now < NOON + 2 * DAY)
    ids = world.suspend(on_expiry=OnExpiry.APPROVE)
    say_sent(world, world.ask(ids), NOON)
    tick_at(world, NOON + DAY)
    assert world.states(ids) == [ActionState.SUSPENDED]
    tick_at(world, NOON + 2 * DAY)
    assert world.states(ids) == [ActionState.APPROVED]


def pause(world: Stopped) -> None:
    with world.store.begin() as unit:
        unit.silos.pause("directory", "somebody looks into it")


def resume(world: Stopped) -> None:
    with world.store.begin() as unit:
        unit.silos.resume("directory")


def test_a_default_approve_that_waits_for_a_paused_silo_can_still_be_rejected(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(2, on_expiry=OnExpiry.APPROVE)
    request = world.ask(ids, on_expiry=OnExpiry.APPROVE)
    say_sent(world, request, NOON)
    pause(world)
    tick_at(world, NOON + DAY)
    assert world.states(ids) == [ActionState.SUSPENDED] * 2
    late, ballot = NOON + 30 * HOUR, Ballot(answer=Answer.REJECT, by="person:ann", proof="shell")
    decided = decide(world.store, OfRequest(request.id), ballot, now=late, settings=world.settings)
    assert (len(decided.decided), len(decided.lost)) == (2, 0)
    resume(world)
    tick_at(world, late)
    assert world.states(ids) == [ActionState.REJECTED] * 2


def test_an_approval_nobody_released_runs_out(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend()
    request = world.ask(ids)
    ballot = Ballot(answer=Answer.APPROVE, by="person:ann", proof="shell")
    decide(world.store, OfRequest(request.id), ballot, now=NOON, settings=world.settings)
    assert tick_at(world, NOON + timedelta(days=6)).run_out == 0
    assert tick_at(world, NOON + timedelta(days=7)).run_out == 1
    assert world.states(ids) == [ActionState.CLEARED]
    assert world.rows("pending_identity")


def test_a_request_whose_actions_all_became_stale_is_closed_and_people_are_told_once(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend(2)
    request = world.ask(ids)
    say_sent(world, request, NOON)
    with world.store.begin() as unit:
        unit.actions.move(ids, [ActionState.SUSPENDED], ActionState.STALE, NOON)
    assert tick_at(world, NOON + HOUR).closed == 1
    assert tick_at(world, NOON + HOUR).closed == 0
    assert world.request(request.id).counts["stale"] == 2
    assert addresses(world, "decided") == ["ann@example.org"]


def test_a_request_whose_actions_were_all_replaced_is_void(tmp_path):
    world = stopped(tmp_path)
    ids = world.suspend()
    request = world.ask(ids)
    with world.store.begin() as unit:
        unit.actions.replace(ids[0], NOON, "changed since people were asked")
    tick_at(world, NOON + HOUR)
    assert world.request(request.id).state is RequestState.VOID
    assert addresses(world, "decided") == []


def test_a_final_answer_cancels_what_was_not_sent(tmp_path):
    world = stopped(tmp_path)
    request = world.ask(world.suspend())
    ballot = Ballot(answer=Answer.APPROVE, by="person:ann", proof="shell")
    decide(world.store, OfRequest(request.id), ballot, now=NOON, settings=world.settings)
    assert [row["state"] for row in world.rows("delivery")] == ["cancelled"]


def test_a_rejection_ends_after_its_time_and_the_identity_is_looked_at_again(tmp_path):
    world = stopped(tmp_path)
    request = world.ask(world.suspend())
    ballot = Ballot(answer=Answer.REJECT, by="person:ann", proof="shell")
    decide(world.store, OfRequest(request.id), ballot, now=NOON, settings=world.settings)
    assert world.rows("pending_identity") == []
    assert tick_at(world, NOON + timedelta(days=29)).holds_ended == 0
    assert tick_at(world, NOON + timedelta(days=30)).holds_ended == 1
    assert [row["identity"] for row in world.rows("pending_identity")] == [1]


def test_two_ticks_do_everything_once(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[CHAIN])
    world.ask(world.suspend(), plan="chain")
    first, second = tick_at(world, NOON + HOUR), tick_at(world, NOON + HOUR)
    assert (first.forwarded, second.forwarded) == (1, 0)
    assert len(world.events("request_forward")) == 1


def test_a_scan_request_does_not_expire(tmp_path):
    world = stopped(tmp_path)
    request = world.ask(
        [], kind=RequestKind.SCAN, scan="s1", count=40, rule=None, run=None, expires_at=None
    )
    tick_at(world, NOON + 90 * DAY)
    assert world.request(request.id).state is RequestState.OPEN
    assert world.events("scan_suspended") == [{"count": 40}]


def test_a_newer_scan_asks_again_only_when_the_list_grew(tmp_path):
    world = stopped(tmp_path)
    scan = {"kind": RequestKind.SCAN, "rule": None, "run": None, "expires_at": None}

    def missing(count: int) -> dict[str, object]:
        names = [f"u{number}" for number in range(count)]
        detail = {"missing": names, "missing_total": count, "rekeyed": 0}
        return {**scan, "count": count, "detail": detail}

    first = world.ask([], scan="s1", **missing(40))
    same = world.ask([], scan="s2", **missing(39))
    assert (same.id, same.scan, same.count) == (first.id, "s2", 39)
    assert len(addresses(world)) == 1
    grown = world.ask([], scan="s3", **missing(80))
    assert grown.id != first.id
    assert world.request(first.id).state is RequestState.VOID
    assert len(addresses(world)) == 2


def test_a_newer_scan_of_which_nothing_is_known_is_asked_about_anew(tmp_path):
    world = stopped(tmp_path)
    scan = {"kind": RequestKind.SCAN, "rule": None, "run": None, "expires_at": None}
    first = world.ask([], scan="s1", count=40, **scan)
    assert world.ask([], scan="s2", count=39, **scan).id != first.id
    assert world.request(first.id).state is RequestState.VOID


def test_S32_ticks_at_once_do_everything_once(tmp_path):
    world = stopped(tmp_path, person("ann"), person("bob"), plans=[CHAIN])
    world.ask(world.suspend(), plan="chain")
    old = world.suspend(3, first=20, rule="old", span=HOUR)
    world.ask(old, rule="old", expires_at=NOON + HOUR)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: tick_at(world, NOON + HOUR), range(8)))
    assert sum(report.forwarded for report in reports) == 1
    assert sum(report.expired.cleared for report in reports) == 3
    assert len(world.events("request_forward")) == 1
    assert len(world.events("request_expire")) == 1
