"""What swings, and what never sticks, is stopped and shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.postgresql import both_databases
from tests.worlds import TITLES

pytestmark = both_databases

BOTH = """\
ruleset: titles
rules:
  - {id: by-hr, kind: update, target: account, throttle: 1s, when: "account.title != hr.title",
     set: {title: hr.title}, precedence: 2, threshold: {limit: 9}}
  - {id: by-name, kind: update, target: account, throttle: 1s, when: "account.title == hr.title",
     set: {title: hr.name}, precedence: 1, threshold: {limit: 9}}
"""


@pytest.fixture
def titles(world):
    world.rules(TITLES)
    for number in (1, 2):
        world.person(number, title="new", name="named")
        world.account(number, title="old")
    return world


def messages(world, run, code="loop"):
    return [each.message for each in world.errors(run) if each.code == code]


def test_a_value_that_somebody_takes_back_is_written_three_times(titles):
    for _ in range(3):
        run = titles.run()
        assert titles.get(1)["title"] == "new"
        assert messages(titles, run) == []
        titles.account(1, title="old")
    for kind in ("delta", "full"):
        run = titles.run(kind)
        assert titles.get(1)["title"] == "old"
        (message,) = messages(titles, run)
        assert message.startswith(
            "title: old -> new -> old -> new -> old -> new -> old, written by flow-title and "
            "somebody else; flow-title leaves it alone until it wants another value"
        )
    assert titles.get(2)["title"] == "new"


def test_it_goes_on_when_another_value_is_wanted(titles):
    for _ in range(3):
        titles.run()
        titles.account(1, title="old")
    titles.run()
    titles.change(1, title="newer")
    titles.run()
    assert titles.get(1)["title"] == "newer"


def test_it_goes_on_after_a_week_without_a_full_sync(titles):
    for _ in range(3):
        titles.run()
        titles.account(1, title="old")
    titles.run()
    titles.later(days=6)
    titles.sync("delta")
    assert titles.get(1)["title"] == "old"
    titles.later(days=1, minutes=5)
    titles.sync("delta")
    assert titles.get(1)["title"] == "new"


def test_two_rules_against_each_other_are_stopped_and_named(titles):
    titles.rules(BOTH)
    for _ in range(3):
        titles.run("full")
    run = titles.run("full")
    assert run.counts.proposed == 0
    shown = messages(titles, run)
    assert len(shown) == 2
    assert "old -> new -> named -> new, written by by-hr and by-name" in shown[0]


def test_a_silo_that_keeps_nothing_is_stopped(titles):
    """It says that it wrote, and the next scan finds the old value."""
    for _ in range(3):
        titles.run()
        titles.account(1, title="old")
        titles.account(2, title="old")
    writes = titles.dir.writes
    titles.run("full")
    assert titles.dir.writes == writes


def test_other_attributes_of_the_object_go_on(world):
    world.rules(TITLES.replace("{title: hr.title}", "{title: hr.title, dn: hr.level}"))
    world.person(1, title="new", level="1")
    world.account(1, title="old", dn="1")
    for _ in range(3):
        world.run()
        world.account(1, title="old", dn="1")
    world.change(1, level="2")
    world.run()
    assert (world.get(1)["title"], world.get(1)["dn"]) == ("old", "2")


def test_a_clock_set_back_does_not_end_it(titles):
    for _ in range(3):
        titles.run()
        titles.account(1, title="old")
    titles.clock.time -= timedelta(days=1)
    for _ in range(2):
        titles.scan()
        titles.sync("full")
    assert titles.get(1)["title"] == "old"
