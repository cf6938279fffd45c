"""Acknowledging: "I have seen it" stops the telling for a while, and decides nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.approvals.tick import tick
from hypersync.model.actions import ActionState
from hypersync.model.requests import Plan, RequestState, Step
from hypersync.store.engine import WRITE
from tests.api import caller, problem

MINUTE = timedelta(minutes=1)
STEPS = (Step(to="person:ann", until=10 * MINUTE), Step(to="person:bob", until=None))


@pytest.fixture
def ann(tmp_path):
    one = caller(tmp_path, "ann")
    plan = Plan(name="iam", steps=STEPS, comment="never", acknowledge_for=20 * MINUTE)
    settings = one.world.settings
    one.world.settings = replace(
        settings, directory=replace(settings.directory, plans={"iam": plan})
    )
    return one


def asked(one):
    return one.world.ask(one.world.suspend(2), plan="iam")


def seen(one, request):
    return one.post(f"/requests/{request.id}/acknowledge")


def moved(one, request, minutes):
    """Whether a tick at so many minutes after the beginning moved the request on."""
    one.browser.time = request.opened_at + minutes * MINUTE
    return tick(one.world.store, now=one.browser.time, settings=one.world.settings).forwarded


def test_what_was_seen_is_not_passed_on_for_a_while_and_then_goes_on_where_it_was(ann):
    request = asked(ann)
    ann.browser.time += 4 * MINUTE
    answer = seen(ann, request)
    assert answer.json == {"id": request.id, "state": "acknowledged"}
    assert moved(ann, request, 11) == 0
    assert ann.world.request(request.id).state is RequestState.ACKNOWLEDGED
    assert moved(ann, request, 24) == 0
    assert ann.world.request(request.id).state is RequestState.OPEN
    assert moved(ann, request, 29) == 0
    assert moved(ann, request, 30) == 1
    assert ann.world.request(request.id).step == 1


def test_it_decides_nothing_and_can_be_decided_all_the_while(ann):
    request = asked(ann)
    seen(ann, request)
    actions = ann.every(f"/requests/{request.id}/actions")
    assert {each["state"] for each in actions} == {"suspended"}
    body = {"digest": ann.get(f"/requests/{request.id}").json["digest"]}
    assert ann.post(f"/requests/{request.id}/approve", body).status_code == 200
    ids = [each["id"] for each in actions]
    assert ann.world.states(ids) == [ActionState.APPROVED] * 2


def test_who_saw_it_is_written_down_once(ann):
    request = asked(ann)
    for _ in range(2):
        assert seen(ann, request).status_code == 200
    row = next(each for each in ann.world.rows("event") if each["kind"] == "acknowledge")
    assert (row["by"], row["data"]["proof"]) == ("person:ann", "token")
    assert len(ann.world.events("acknowledge")) == 1


def test_only_who_may_answer_acknowledges(ann):
    request = asked(ann)
    problem(seen(ann.as_("vic"), request), 403, "decision_refused")
    problem(seen(ann.as_("ann", "read"), request), 403, "scope")
    assert ann.world.request(request.id).state is RequestState.OPEN


def test_S05_who_started_the_run_silences_nobody_by_having_seen_it(ann):
    request = asked(ann)
    with ann.world.store.engine.connect() as connection:
        connection.execution_options(**{WRITE: True})
        connection.exec_driver_sql("UPDATE run SET started_by = 'person:ann'")
        connection.commit()
    refused = problem(seen(ann, request), 403, "decision_refused")
    assert "started the run" in refused["detail"]
    assert ann.world.request(request.id).state is RequestState.OPEN
    assert moved(ann, request, 10) == 1, "the next one is asked when the time is over"


def test_what_is_over_or_unknown_is_not_acknowledged(ann):
    request = asked(ann)
    body = {"digest": ann.get(f"/requests/{request.id}").json["digest"]}
    ann.post(f"/requests/{request.id}/reject", body)
    problem(seen(ann, request), 410, "gone")
    problem(ann.post("/requests/nothing/acknowledge"), 404, "not_found")


def test_the_plan_of_a_request_keeps_how_long_it_rests(ann):
    request = asked(ann)
    assert ann.world.request(request.id).plan.acknowledge_for == 20 * MINUTE
