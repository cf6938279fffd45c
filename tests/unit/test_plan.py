"""Plans: what happens next, who may answer, and what the end decides."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.approvals.directory import EVERYBODY, Directory, Recipient, directory_of
from hypersync.approvals.plan import (
    Circumstances,
    Place,
    concerned,
    entitled_now,
    first_place,
    needs_comment,
    next_place,
    refusal,
    seats_taken,
    step_due,
    too_few,
    was_told_in_time,
)
from hypersync.model.actions import Action, ActionState, OnExpiry
from hypersync.model.ids import ActionId, IdentityId, RequestId, RunId
from hypersync.model.objects import Operation
from hypersync.model.requests import (
    OnTimeout,
    Plan,
    Request,
    RequestKind,
    RequestState,
    Step,
)
from tests.asking import DAY, HOUR, NOON, person
from tests.projects import MAIN, load_project, write_project

ANN, BOB, DEE = person("ann", delegate="dee"), person("bob"), person("dee", roles=frozenset())
DIRECTORY = Directory({each.id: each for each in (ANN, BOB, DEE)})
CHAIN = Plan(
    name="chain",
    steps=(
        Step(to="person:ann", until=HOUR),
        Step(to="person:nobody", until=HOUR),
        Step(to="person:bob"),
    ),
)


def request(plan: Plan = EVERYBODY, **values) -> Request:
    known = {
        "id": RequestId("r1"),
        "kind": RequestKind.VOLUME,
        "state": RequestState.OPEN,
        "sentence": "s",
        "count": 1,
        "opened_at": NOON,
        "plan": plan,
        "step": 0,
        "step_due": None,
        "expires_at": NOON + DAY,
        "on_expiry": OnExpiry.APPROVE,
        "approvers": DIRECTORY.entitled(plan),
    }
    return Request(**{**known, **values})


def action(**values) -> Action:
    known = {
        "id": ActionId("a1"),
        "run": RunId("run"),
        "rule": "rule",
        "identity": IdentityId(1),
        "object_id": None,
        "silo": "s",
        "type": "t",
        "anchor": "x",
        "slot": "t",
        "operation": Operation.UPDATE,
        "key": "k",
        "state": ActionState.SUSPENDED,
        "before": None,
        "after": None,
        "fingerprint": "f",
        "suspended_at": NOON,
        "expires_at": NOON + DAY,
    }
    return Action(**{**known, **values})


def test_steps_that_reach_nobody_are_skipped_at_once():
    assert first_place(CHAIN, DIRECTORY) == Place(0, 0)
    assert next_place(CHAIN, Place(0, 0), DIRECTORY, is_timeout=True) == Place(2, 0)
    only_bob = Directory({"bob": BOB})
    assert first_place(CHAIN, only_bob) == Place(2, 0)
    assert first_place(CHAIN, Directory()) is None


def test_after_the_last_step_come_the_repeats_and_then_nothing():
    last = Place(2, 0)
    assert next_place(CHAIN, last, DIRECTORY, is_timeout=True) is None
    twice = replace(CHAIN, repeat=1)
    assert next_place(twice, last, DIRECTORY, is_timeout=True) == Place(0, 1)
    assert next_place(twice, Place(2, 1), DIRECTORY, is_timeout=True) is None


def test_a_timeout_may_end_a_plan_but_a_failed_delivery_goes_on():
    plan = replace(CHAIN, on_timeout=OnTimeout.EXPIRE)
    assert next_place(plan, Place(0, 0), DIRECTORY, is_timeout=True) is None
    assert next_place(plan, Place(0, 0), DIRECTORY, is_timeout=False) == Place(2, 0)


def test_a_step_without_an_end_waits_for_the_expiry():
    assert step_due(CHAIN, Place(0, 0), NOON) == NOON + HOUR
    assert step_due(CHAIN, Place(2, 0), NOON) is None


def test_without_a_plan_everybody_who_may_approve_is_asked_and_may_answer():
    assert DIRECTORY.plan(None) is EVERYBODY
    assert DIRECTORY.plan("unknown") is EVERYBODY
    assert DIRECTORY.entitled(EVERYBODY) == {"ann", "bob"}
    assert DIRECTORY.recipients("role:approver") == (
        Recipient("ann@example.org", "ann"),
        Recipient("bob@example.org", "bob"),
    )


def test_who_is_informed_only_may_not_answer():
    plan = Plan(name="p", steps=(Step(to="person:ann", inform=True), Step(to="person:bob")))
    assert DIRECTORY.entitled(plan) == {"bob"}
    named = replace(plan, approvers=("person:ann", "role:approver"))
    assert DIRECTORY.entitled(named) == {"ann", "bob"}


def test_an_address_is_whose_it_is_or_a_list():
    assert DIRECTORY.recipients("email:ANN@example.org") == (Recipient("ann@example.org", "ann"),)
    assert DIRECTORY.recipients("email:list@example.org") == (Recipient("list@example.org"),)
    assert DIRECTORY.recipients("email:") == ()
    assert DIRECTORY.recipients("person:nobody") == ()


def test_who_may_answer_was_entitled_then_and_is_now():
    asked = request()
    assert entitled_now(asked, DIRECTORY) == {"ann", "bob"}
    assert entitled_now(asked, Directory({"bob": BOB, "new": person("new")})) == {"bob"}


def test_a_plan_that_was_taken_away_counts_as_it_was():
    asked = request(CHAIN)
    assert entitled_now(asked, DIRECTORY) == {"ann", "bob"}
    changed = Directory(DIRECTORY.people, {"chain": replace(CHAIN, steps=CHAIN.steps[2:])})
    assert entitled_now(asked, changed) == {"bob"}


def test_an_exclusive_plan_lets_only_the_current_destination_answer():
    asked = request(replace(CHAIN, exclusive=True))
    assert entitled_now(asked, DIRECTORY) == {"ann"}
    assert entitled_now(replace(asked, step=2), DIRECTORY) == {"bob"}
    assert entitled_now(replace(asked, notifying=False), DIRECTORY) == {"ann", "bob"}


def test_a_delegate_has_the_seats_of_those_they_stand_in_for():
    entitled = frozenset({"ann", "bob"})
    assert DIRECTORY.seats(entitled, "dee") == {"ann"}
    assert DIRECTORY.seats(entitled, "bob") == {"bob"}
    assert DIRECTORY.seats(frozenset({"gone"}), "dee") == frozenset()


def test_votes_count_people_not_clicks():
    entitled = frozenset({"ann", "bob"})
    assert seats_taken(["ann", "ann"], entitled, DIRECTORY) == 1
    assert seats_taken(["ann", "dee"], entitled, DIRECTORY) == 1
    assert seats_taken(["bob", "dee"], entitled, DIRECTORY) == 2
    assert seats_taken(["stranger"], entitled, DIRECTORY) == 0


def test_concerned_are_the_starter_the_subject_and_their_delegates():
    people = Directory(
        {
            "ann": person("ann", os_user="al", delegate="dee"),
            "bob": person("bob", identity="e1"),
            "dee": DEE,
        }
    )
    assert concerned("cli:al", (), people) == {"ann", "dee"}
    assert concerned("person:bob", (), people) == {"bob"}
    assert concerned(None, ["E1 "], people) == {"bob"}
    assert concerned("schedule:al", (), people) == frozenset()


def test_a_request_says_when_too_few_may_answer():
    assert too_few(request(), ()) == ""
    assert too_few(request(approvers=frozenset()), ()) == "nobody is configured who may answer"
    both = replace(EVERYBODY, need=2)
    assert too_few(request(both), ()) == ""
    assert too_few(request(both), {"bob"}) == "2 must approve, but only 1 may answer"


@pytest.mark.parametrize(
    ("comment", "approval", "rejection"),
    [("never", False, False), ("on_reject", False, True), ("always", True, True)],
)
def test_a_plan_says_when_a_reason_is_needed(comment, approval, rejection):
    plan = replace(CHAIN, comment=comment)
    assert needs_comment(plan, is_rejection=False) is approval
    assert needs_comment(plan, is_rejection=True) is rejection


def test_half_of_the_time_is_enough_to_have_known():
    half = NOON + DAY / 2
    assert was_told_in_time(action(), [half])
    assert not was_told_in_time(action(), [half + timedelta(seconds=1)])
    assert not was_told_in_time(action(), [])
    assert not was_told_in_time(action(expires_at=None), [NOON])
    assert not was_told_in_time(action(suspended_at=None), [NOON])


TOLD = Circumstances(told_at=(NOON,))


@pytest.mark.parametrize(
    ("given", "asked", "known", "says"),
    [
        (action(), request(), TOLD, ""),
        (action(), None, TOLD, "nobody was asked"),
        (action(), request(kind=RequestKind.SCAN), TOLD, "nobody was asked"),
        (action(rule="undo:x"), request(), TOLD, "an undo is never"),
        (action(), request(), replace(TOLD, is_part_rejected=True), "part of the request"),
        (action(operation=Operation.DELETE), request(), TOLD, "a delete is approved"),
        (
            action(operation=Operation.DELETE),
            request(),
            replace(TOLD, approve_deletes=frozenset({"rule"})),
            "",
        ),
        (action(), request(), Circumstances(), "nobody who may decide was told"),
    ],
)
def test_S37_an_expiry_approves_only_what_it_can_justify(given, asked, known, says):
    reason = refusal(given, asked, known)
    assert reason.startswith(says)
    assert bool(reason) is bool(says)


def test_the_configuration_gives_people_and_plans(tmp_path):
    more = """\
people:
  ann: {name: Ann Ng, email: ann@example.org, roles: [approver], os_user: al, identity: " E1 ",
        plan: [{to: "email:", until: 5m}, {to: "email:", until: 10m}, {to: "email:"}]}
  bob: {email: bob@example.org}
plans:
  p:
    steps:
      - {to: "person:ann", until: {steps: 2}}
      - {to: "person:bob", until: 10m}
      - {to: "person:ann"}
    approvers: [person:ann, person:bob]
    need: 2
    repeat: 1
    on_timeout: expire
"""
    found = directory_of(load_project(write_project(tmp_path, MAIN + more)))
    assert found.people["ann"].identity == "e1"
    assert found.people["bob"].name == "bob"
    plan = found.plan("p")
    assert [step.until for step in plan.steps] == [15 * HOUR / 60, HOUR / 6, None]
    assert (plan.need, plan.repeat, plan.on_timeout) == (2, 1, OnTimeout.EXPIRE)
    person_found = found.of_os_user("al")
    assert person_found is not None
    assert person_found.id == "ann"
    assert found.of_os_user("eve") is None


def test_the_steps_of_a_person_whose_own_plan_does_not_end_do_not_end(tmp_path):
    more = """\
people:
  ann: {email: ann@example.org, roles: [approver], plan: [{to: "email:"}]}
  bob: {email: bob@example.org, roles: [approver]}
plans:
  p: {steps: [{to: "person:ann", until: plan}, {to: "person:bob"}]}
"""
    found = directory_of(load_project(write_project(tmp_path, MAIN + more)))
    assert found.plan("p").steps[0].until is None


def test_whoever_decided_has_a_name():
    assert DIRECTORY.name("person:ann") == "Ann Ng"
    assert DIRECTORY.name("person:gone") == "gone"
    assert DIRECTORY.name("cli:root") == "root"
    assert DIRECTORY.name("expiry") == "expiry"
    assert DIRECTORY.name(None) == ""
