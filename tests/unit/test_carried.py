"""How it is worded what a run carried on of earlier ones."""

from __future__ import annotations

import pytest

from hypersync.messages.carried import MOST_RUNS, became_text, carried_lines
from hypersync.model.actions import ActionState
from hypersync.model.ids import RunId
from hypersync.model.runs import CarriedOn


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"succeeded": 219}, "carried on: 219 actions of run X succeeded"),
        ({"succeeded": 1}, "carried on: 1 action of run X succeeded"),
        ({"failed": 2}, "carried on: 2 actions of run X: 2 failed"),
        ({"found": 81}, "carried on: 81 actions of run X: 81 found done"),
        ({"waiting": 3}, "still waiting: 3 actions of run X"),
        (
            dict.fromkeys(("waiting", "succeeded", "failed", "conflict", "unknown", "found"), 1),
            "carried on: 6 actions of run X: 1 succeeded, 1 failed, 1 conflict, 1 unknown, "
            "1 found done, 1 still waiting",
        ),
    ],
)
def test_a_line_says_how_many_came_to_which_end(counts, line):
    assert carried_lines([CarriedOn(run=RunId("X"), **counts)]) == [line]


def test_many_earlier_runs_share_a_line():
    carried = [CarriedOn(run=RunId(f"X{number}"), succeeded=2) for number in range(MOST_RUNS)]
    more = [CarriedOn(run=RunId(f"Y{number}"), failed=1, succeeded=1) for number in range(3)]
    lines = carried_lines([*carried, *more])
    assert len(lines) == MOST_RUNS + 1
    assert lines[-1] == "carried on: 6 actions of 3 other runs: 3 succeeded, 3 failed"


def test_states_without_actions_are_not_said():
    now = {ActionState.SUCCEEDED: 2, ActionState.VOID: 0, ActionState.REJECTED: 1}
    assert became_text(now) == "2 succeeded, 1 rejected"
