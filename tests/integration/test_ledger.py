"""What runs did is read the same from both databases, a page at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from hypersync.model.runs import RunMode
from hypersync.ports.store.ledger import ActionsWanted, RunsWanted
from tests.postgresql import both_databases
from tests.worlds import World

RULES = """\
ruleset: everything
defaults: {throttle: 1h, threshold: {limit: 100}}
rules:
  - {id: flow-title, kind: update, target: account, set: {title: hr.title}}
  - {id: disable-leaver, kind: deprovision, target: account, do: disable, threshold: {limit: 2},
     when: "hr.status == 'left' and account.enabled"}
"""
pytestmark = both_databases


@pytest.fixture
def runs(world: World):
    """A world in which three accounts were stopped, one changed, one throttled and all released."""
    world.rules(RULES)
    for number in range(20):
        world.person(number, title="clerk")
        world.account(number, title="clerk")
    world.run("full")
    world.leave(1, 2, 3)
    world.change(4, title="boss")
    stopping = world.run()
    world.approve(*world.suspended())
    world.change(4, title="chief")
    releasing = world.run()
    return world, stopping, releasing


def test_the_ledger_of_runs(runs):
    world, stopping, releasing = runs
    with world.app.store.snapshot() as unit:
        ledger = unit.ledger
        newest = ledger.runs(RunsWanted(by="TESTER"), after=None, limit=2)
        assert [run.id for run in newest] == [releasing.id, stopping.id]
        assert newest[0].counts == releasing.counts
        assert len(ledger.runs(RunsWanted(), after=stopping.id, limit=9)) == 1
        assert ledger.runs(RunsWanted(has_errors=True), after=None, limit=9) == []
        assert ledger.runs(RunsWanted(mode=RunMode.PREVIEW), after=None, limit=9) == []
        assert ledger.runs(RunsWanted(by="%"), after=None, limit=9) == []
        begin, end = ledger.spent(releasing.id)
        assert begin == end == world.clock.time


def test_the_ledger_of_actions(runs):
    world, stopping, releasing = runs
    with world.app.store.snapshot() as unit:

        def found(run, **wanted):
            rows = unit.ledger.actions(run.id, ActionsWanted(**wanted), after=None, limit=9)
            return [row.anchor for row in rows]

        assert found(stopping) == ["u1", "u2", "u3", "u4"]
        assert found(releasing) == ["u1", "u2", "u3"]
        assert found(stopping, state=ActionState.SUCCEEDED, rule="flow-title") == ["u4"]
        assert found(stopping, operation=Operation.DISABLE, text="PERSON 2") == ["u2"]
        assert found(stopping, text="_") == []
        first = unit.ledger.actions(stopping.id, ActionsWanted(), after=None, limit=3)
        rest = unit.ledger.actions(stopping.id, ActionsWanted(), after=first[-1].id, limit=3)
        assert [row.anchor for row in rest] == ["u4"]
        one = unit.ledger.actions(releasing.id, ActionsWanted(), after=first[1].id, limit=3)
        assert [row.anchor for row in one] == ["u3"]


def test_the_ledger_of_what_was_put_off_and_reported(runs):
    world, stopping, releasing = runs
    with world.app.store.snapshot() as unit:
        assert unit.ledger.verdict_counts(releasing.id) == {"throttled": 1}
        (row,) = unit.ledger.verdicts(releasing.id, rule="flow-title", limit=9)
        assert (row.verdict, row.identity) == ("throttled", world.identity(4))
        assert unit.ledger.verdicts(releasing.id, after=row.number, limit=9) == []
        assert unit.ledger.rules_of([stopping.id, releasing.id]) == ["disable-leaver", "flow-title"]
        wishes = list(unit.ledger.wishes(releasing.id, "flow-title"))
        assert [(wish.state, wish.id) for wish in wishes] == [("throttled", None)]
        since = world.clock.time - timedelta(days=1)
        reports = list(unit.ledger.reports(since, rule="disable-leaver"))
        assert [each.run for each in reports] == [releasing.id, stopping.id]
        assert reports[1].report.counts.suspended == 3
        assert len(list(unit.ledger.reports(since, most=1))) == 2
        assert len(unit.publications.of_rule("flow-title", 9)) == 1
