"""Advice on limits from runs that really happened, and the command that prints it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from hypersync import cli
from hypersync.cli.frame import Exit
from hypersync.errors import NotFound
from hypersync.model.limit import parse_limit
from hypersync.pipeline.advise import Advice
from hypersync.pipeline.hindsight import advise
from tests.postgresql import both_databases
from tests.worlds import DISABLE, EXECUTIVES, World

RULE = "disable-leaver"


def advised(world: World, *more: str, days: int = 90) -> Advice:
    since = world.clock.now() - timedelta(days=days)
    limits = [parse_limit(each) for each in more]
    return advise(world.app.engine, since=since, more=limits)[RULE]


def tripped(found: Advice, limit: str) -> int:
    return next(each.tripped for each in found.tried if each.limit == parse_limit(limit))


def day(world: World, *leavers: int) -> None:
    world.later(days=1)
    world.leave(*leavers)
    world.run("delta")


@both_databases
def test_limits_are_tried_on_the_runs_as_they_were(world):
    world.people(range(60))
    world.run("full")
    for each in range(35):
        day(world, each)
    day(world, 40, 41, 42)  # the limit is 2: all three wait
    found = advised(world, "3")
    assert (found.runs, found.asking, found.tripped) == (37, 36, 1)
    assert (found.largest, found.median) == (3, 1)
    assert tripped(found, "2") == 1
    assert tripped(found, "1") == 1
    assert tripped(found, "3") == 0
    assert tripped(found, "0.1%") == 1
    assert str(found.number) == "1"


def test_the_limit_in_force_tried_on_its_own_history_trips_where_it_did(world):
    world.rules(DISABLE.replace("limit: 2", "limit: 4"), more=EXECUTIVES)
    world.people(range(40), level="E")
    for number in (3, 13, 23):
        world.change(number, level="C")
    world.run("full")
    for start, size, minutes in (
        (0, 2, 600),
        (2, 2, 5),  # with one VIP, and two in the lookback: four
        (4, 2, 5),  # and three that went through: five
        (10, 4, 600),
        (14, 2, 50),  # and three of those four: one was a VIP
        (20, 5, 600),  # too many at once
        (25, 4, 5),  # those wait, and are not counted again
        (30, 1, 61),
    ):
        world.later(minutes=minutes)
        world.leave(*range(start, start + size))
        world.run("delta")
    found = advised(world)
    reasons = [report.reason for report in reports(world)]
    assert tripped(found, "4") == found.tripped == sum(bool(each) for each in reasons) == 3


def reports(world: World):
    with world.app.store.snapshot() as unit:
        return [run.rules[RULE] for run in unit.runs.recent(100)]


def test_previews_are_not_looked_at_and_change_nothing(world):
    world.people(range(5))
    world.leave(1)
    world.scan()
    world.sync("full", commit=False)
    before = world.tables()
    assert advised(world).runs == 0
    assert world.tables() == before


def test_what_a_simulated_rule_would_do_is_counted_and_is_in_no_lookback(world):
    world.rules(DISABLE.replace("rules:", "simulate: true\nrules:"))
    world.people(range(9))
    world.run("full")
    day(world, 1, 2)
    world.leave(3)
    world.run("delta")
    found = advised(world)
    assert (found.asking, found.largest) == (2, 2)
    assert tripped(found, "2") == found.tripped == 0


def test_only_the_runs_since_then_are_looked_at(world):
    world.people(range(9))
    world.run("full")
    day(world, 1, 2)
    day(world, 3)
    assert (advised(world, days=90).largest, advised(world, days=1).largest) == (2, 1)


def test_an_unknown_rule_is_said_with_those_there_are(world):
    with pytest.raises(NotFound, match="there is no rule 'nope'; there are disable-leaver"):
        advise(world.app.engine, since=world.clock.now(), rule="nope")


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("HYPERSYNC_SECRET_KEY", "HYPERSYNC_ENV", "HYPERSYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert cli.invoke(["init", str(tmp_path / "project")]) == Exit.DONE
    monkeypatch.chdir(tmp_path / "project")
    assert cli.invoke(["sync", "--scan", "--commit"]) == Exit.DONE


def test_the_command_says_for_each_rule_what_limits_would_have_done(project, capsys):
    capsys.readouterr()
    assert cli.invoke(["thresholds", "advise", "--limit", "7", "--json"]) == Exit.DONE
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"since", "until", "rules"}
    for rule in document["rules"]:
        assert {"7"} <= {each["limit"] for each in rule["tried"]}
        assert rule["advice"]["number"] is None
        assert rule["advice"]["text"].endswith("too few to say; needs about 30 days")


def test_the_command_says_it_in_words(project, capsys):
    capsys.readouterr()
    assert cli.invoke(["thresholds", "advise", "--since", "2w"]) == Exit.DONE
    shown = capsys.readouterr().out
    assert shown.startswith("committing runs since ")
    assert "asked for something in 1 of 1 runs" in shown
    assert "1 run in less than a day: too few to say; needs about 30 days" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--since", "90"], "--since: '90' has no unit"),
        (["--since", "0s"], "--since: '0s' is no time at all; write for instance 30d"),
        (["--since", "-1d"], "--since: '-1d' is not a time span"),
        (["--limit", "-3"], "--limit: '-3' is not a limit"),
        (["--limit", "101%"], "--limit: '101%' is more than 100%"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(project, capsys, arguments, sentence):
    capsys.readouterr()
    assert cli.invoke(["thresholds", "advise", *arguments]) == Exit.USAGE
    assert sentence in capsys.readouterr().err
