"""Why: every rule for one identity, the values it read, and what decides besides."""

from __future__ import annotations

import pytest

from hypersync.errors import NotFound
from tests.worlds import DISABLE, World

RULES = """\
ruleset: book
defaults: {throttle: 1s, threshold: {limit: 50}}
rules:
  - {id: weak, kind: update, target: account, precedence: 1, set: {title: hr.title}}
  - {id: strong, kind: update, target: account, precedence: 2, when: "hr.level == 'C'",
     set: {title: hr.name}}
  - {id: leave, kind: deprovision, target: account, when: "hr.status == 'left'", do: disable}
  - {id: leave-too, kind: deprovision, target: account, do: disable,
     when: "hr.status in ('left', 'gone')"}
  - {id: wrong, kind: event, when: "hr.title < 5", do: {webhook: "https://h.example.org/"}}
  - {id: few, kind: deprovision, target: account, do: delete,
     when: "hr.status == 'gone' and Count(True, 'few', '1h') <= 3"}
"""


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, RULES)
    made.person(1, level="C", title="clerk")
    made.account(1, title="x")
    made.person(2, status="")
    made.account(2)
    made.later(minutes=1)
    made.scan()
    yield made
    made.close()


def results(world, number):
    return {each.rule: each.result for each in world.app.why(world.identity(number)).rules}


def notes(world, number):
    return {each.rule: each.note for each in world.app.why(world.identity(number)).rules}


def test_each_rule_is_true_false_unknown_or_an_error(world):
    assert results(world, 1) == {
        "weak": "true",
        "strong": "true",
        "leave": "false",
        "leave-too": "false",
        "wrong": "error",
        "few": "false",
    }
    assert results(world, 2)["leave"] == "unknown"


def test_the_values_that_a_rule_read_are_said(world):
    answer = world.app.why(world.identity(1))
    values = {trace.source: trace.value for each in answer.rules for trace in each.values}
    assert values["hr.level"] == "C"
    assert values["hr.status == 'left'"] is False
    assert str(values["hr.title < 5"]).startswith("error: ")


def test_an_empty_slot_is_said_and_a_filled_one_shown(world):
    world.person(3)
    world.scan()
    answer = world.app.why(world.identity(3))
    assert answer.slots["account"] is None
    assert answer.slots["hr"]["name"] == "Person 3"


def test_the_loser_of_a_precedence_is_named(world):
    assert notes(world, 1)["weak"] == "would change title; title is decided by strong"
    assert notes(world, 1)["strong"] == "would change title"


def test_a_stronger_rule_without_a_value_decides_nothing(world):
    world.change(1, name="")
    world.scan()
    assert "decided" not in notes(world, 1)["weak"]


def test_of_rules_that_do_the_same_the_others_are_named(world):
    world.leave(1)
    world.scan()
    assert results(world, 1)["leave"] == results(world, 1)["leave-too"] == "true"
    assert notes(world, 1)["leave-too"] == "leave does the same and comes first"
    assert notes(world, 1)["leave"] == ""


def test_a_rate_is_named_and_not_asked(world):
    assert notes(world, 1)["few"] == "and within Count(True, 'few', '1h') <= 3"


def test_nobody_is_not_found(world):
    with pytest.raises(NotFound, match="no identity 4711"):
        world.app.why(4711)


def test_asking_why_changes_nothing(world):
    before = world.tables()
    world.app.why(world.identity(1))
    assert world.tables() == before


def test_an_action_is_explained_by_the_values_of_its_rule(tmp_path):
    world = World(tmp_path, DISABLE)
    world.people(range(5))
    world.leave(1, 2, 3)
    world.run()
    action = world.suspended()[0]
    assert ("hr.status", "left") in [(t.source, t.value) for t in world.app.explain(action)]
    world.rules(RULES)
    assert world.app.explain(action) == ()
    world.close()
