"""Outcomes that nobody knows: creates are looked for, and people are asked about events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.approvals.decide import Ballot, OfRequest, decide
from hypersync.errors import DecisionRefused
from hypersync.model.actions import ActionState
from hypersync.model.objects import Unknown
from hypersync.model.requests import Answer, RequestKind, RequestState
from hypersync.pipeline.outcomes import MOST_ATTEMPTS
from tests.postgresql import both_databases
from tests.worlds import CONFIGURATION, World

S = ActionState

pytestmark = both_databases
HAIL = """\
ruleset: events
rules:
  - {id: hail, kind: event, when: "hr.title == 'new'", throttle: 1s, threshold: {limit: 9},
     do: {webhook: "https://hooks.example.org/hail"}}
"""
JOINERS = """\
ruleset: joiners
rules:
  - {id: provision, kind: provision, target: account, when: "hr.status == 'active'", throttle: 1s,
     once: {dn: "unique(('account.dn',), lower(hr.name))"}, threshold: {limit: 9},
     set: {number: hr.id}}
"""


def open_requests(world):
    with world.app.store.snapshot() as unit:
        return unit.requests.open()


def request(world, number):
    with world.app.store.snapshot() as unit:
        return unit.requests.get(number)


# --- events ----------------------------------------------------------------------------------


@pytest.fixture
def lost(world):
    """An event whose answer was lost."""
    world.rules(HAIL)
    world.person(1, title="new")
    world.sink.outcomes.append(Unknown("the connection broke"))
    world.run()
    world.run()
    return world


def question(world):
    (asked,) = open_requests(world)
    assert asked.kind is RequestKind.INCIDENT
    with world.app.store.snapshot() as unit:
        (action,) = unit.actions.of_request(asked.id)
    return asked, action


def test_an_event_of_unknown_outcome_asks_whether_it_happened_and_is_not_repeated(lost):
    asked, action = question(lost)
    assert "Did it happen?" in asked.sentence
    assert "Person 1" in asked.sentence
    assert action.is_in_doubt
    for kind in ("full", "delta", "full"):
        lost.run(kind)
    assert [each.id for each in open_requests(lost)] == [asked.id]
    assert len(lost.sink.fired) == 1


@pytest.mark.parametrize(
    ("answer", "state", "name"),
    [
        (Answer.APPROVE, S.SUCCEEDED, "approved"),
        (Answer.REJECT, S.FAILED, "rejected"),
    ],
)
def test_the_answer_is_its_outcome_and_it_is_never_repeated(lost, answer, state, name):
    asked, action = question(lost)
    decided = lost.decide(answer, action)
    assert [each.id for each in decided.decided] == [action.id]
    after = lost.again(action)
    assert (after.state, after.decided_by) == (state, "cli:tester")
    closed = request(lost, asked.id)
    assert (closed.state, closed.counts[name]) == (RequestState.CLOSED, 1)
    for kind in ("full", "delta", "full"):
        lost.later(hours=1)
        lost.run(kind)
    assert len(lost.sink.fired) == 1
    assert open_requests(lost) == []
    assert [each.id for each in lost.decide(answer, action).decided] == [action.id]
    other = Answer.REJECT if answer is Answer.APPROVE else Answer.APPROVE
    assert [each.id for each in lost.decide(other, action).lost] == [action.id]
    assert lost.again(action).state is state


def test_the_whole_question_can_be_answered(lost):
    asked, action = question(lost)
    ballot = Ballot(answer=Answer.APPROVE, by="cli:tester", proof="shell", comment="seen")
    settings = replace(lost.app.settings, owner="tester")
    decide(lost.app.store, OfRequest(asked.id), ballot, now=lost.clock.now(), settings=settings)
    assert lost.again(action).state is S.SUCCEEDED


def test_nothing_is_asked_while_events_rest(world):
    world.rules(HAIL)
    world.person(1, title="new")
    world.sink.outcomes.append(Unknown("the connection broke"))
    world.run()
    app = world.app
    world.app = replace(app, engine=replace(app.engine, is_blackout=lambda _: True))
    world.run()
    assert open_requests(world) == []


def test_an_event_that_may_be_repeated_is_repeated(world):
    world.rules(HAIL.replace("throttle", "repeatable: true, throttle"))
    world.person(1, title="new")
    world.sink.outcomes.append(Unknown("the connection broke"))
    world.run()
    world.run()
    assert len(world.sink.fired) == 2
    assert open_requests(world) == []


def test_an_event_that_may_be_repeated_is_given_up_when_no_answer_ever_comes(world):
    world.rules(HAIL.replace("throttle", "repeatable: true, throttle"))
    world.person(1, title="new")
    world.sink.outcomes.extend([Unknown("the connection broke")] * MOST_ATTEMPTS)
    world.run()
    (action,) = world.sink.fired
    while world.again(action).state is S.UNKNOWN:
        world.later(hours=4)
        world.run()
    assert len(world.sink.fired) == MOST_ATTEMPTS
    assert world.again(action).error == (
        "given up after 10 attempts, because its answer was lost again: the connection broke; "
        "nobody knows whether it happened; repeated"
    )


def test_the_mail_asks_with_both_links(lost):
    people = "people: {ann: {name: Ann, email: ann@example.org, roles: [approver]}}"
    lost.rules(HAIL, more=people)
    lost.person(2, title="new")
    lost.sink.outcomes.append(Unknown("the connection broke"))
    lost.run()
    lost.run()
    with lost.app.store.snapshot() as unit:
        waiting = [each for each in unit.requests.open() if "Person 2" in each.sentence]
        assert unit.deliveries.of_request(waiting[0].id)


# --- creates ---------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _accounts_get_their_anchors_from_the_silo(monkeypatch):
    without = CONFIGURATION.replace("        anchor: uid\n", "", 1)
    monkeypatch.setattr("tests.worlds.CONFIGURATION", without)


@pytest.fixture
def creating(world):
    """An account whose creation was not answered; the silo was not asked either."""
    world.rules(JOINERS)
    world.person(1)
    world.dir.faults.outcomes.append(Unknown("no answer"))
    world.run()
    (row,) = world.rows("action")
    with world.app.store.snapshot() as unit:
        (world.action,) = unit.actions.get([row[1]])
    assert world.action.state is S.UNKNOWN
    return world


def made(world, uid, **attributes):
    world.dir.put("account", uid, {"uid": uid, "active": "true", **attributes})


def test_a_create_is_found_by_its_join_value(creating):
    made(creating, "u1", number="e1")
    creating.run()
    after = creating.again(creating.action)
    assert (after.state, after.anchor) == (S.SUCCEEDED, "u1")


def test_a_create_that_was_not_made_is_made_once(creating):
    creating.run()
    assert creating.again(creating.action).state is S.SUCCEEDED
    accounts = [anchor for kind, anchor in creating.dir._versions if kind == "account"]
    assert len(accounts) == 1


def test_a_create_that_breaks_the_connection_each_time_is_given_up(creating):
    creating.dir.faults.outcomes.extend([Unknown("no answer")] * (MOST_ATTEMPTS - 1))
    while creating.again(creating.action).state is S.UNKNOWN:
        creating.later(hours=4)
        creating.run()
    after = creating.again(creating.action)
    assert (after.state, after.attempts) == (S.FAILED, MOST_ATTEMPTS)
    assert after.error.startswith("given up after 10 attempts, because its answer was lost again: ")
    assert [kind for kind, _ in creating.dir._versions if kind == "account"] == []


def test_a_create_waits_until_the_silo_had_time_to_settle(tmp_path, database_url):
    world = World(tmp_path, JOINERS, database=database_url)
    app = world.app
    silos = replace(app.engine.silos, settle={"dir": timedelta(hours=1)})
    world.app = replace(app, engine=replace(app.engine, silos=silos))
    world.person(1)
    world.dir.faults.outcomes.append(Unknown("no answer"))
    world.run()
    world.run()
    (row,) = world.rows("action")
    with world.app.store.snapshot() as unit:
        (action,) = unit.actions.get([row[1]])
    assert action.state is S.UNKNOWN
    world.later(hours=1)
    world.run()
    assert world.again(action).state is S.SUCCEEDED
    world.close()


def test_two_matches_are_an_incident_that_ends_when_one_is_gone(creating):
    made(creating, "u1", number="e1")
    made(creating, "u1b", number="e1")
    for kind in ("full", "delta", "full"):
        creating.run(kind)
    (incident,) = open_requests(creating)
    assert incident.kind is RequestKind.INCIDENT
    assert "may have been created twice in dir: u1, u1b" in incident.sentence
    assert creating.again(creating.action).state is S.UNKNOWN
    creating.dir.remove("account", "u1b")
    creating.run("full")
    assert creating.again(creating.action).state is S.SUCCEEDED
    assert open_requests(creating) == []
    assert request(creating, incident.id).state is RequestState.VOID


def test_one_with_the_reserved_name_that_is_not_joined_is_not_made_again(creating):
    made(creating, "u9", dn="Person 1")
    creating.run()
    (incident,) = open_requests(creating)
    assert "u9 in dir has the name that was reserved for Person 1" in incident.sentence
    assert creating.again(creating.action).state is S.UNKNOWN
    creating.dir.put("account", "u9", {"uid": "u9", "dn": "Person 1", "number": "e1"})
    creating.run()
    after = creating.again(creating.action)
    assert (after.state, after.anchor) == (S.SUCCEEDED, "u9")
    assert open_requests(creating) == []


def test_an_incident_is_neither_approved_nor_rejected(creating):
    made(creating, "u1", number="e1")
    made(creating, "u1b", number="e1")
    creating.run()
    (incident,) = open_requests(creating)
    ballot = Ballot(answer=Answer.APPROVE, by="cli:tester", proof="shell", comment="seen")
    settings = replace(creating.app.settings, owner="tester")
    with pytest.raises(DecisionRefused, match="put right"):
        decide(
            creating.app.store,
            OfRequest(incident.id),
            ballot,
            now=creating.clock.now(),
            settings=settings,
        )
