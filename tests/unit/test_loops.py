from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.model.objects import Operation
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.evaluate import Look
from hypersync.pipeline.loops import QUIET, Step, loop_of, steps, without_loops
from hypersync.ports.store.actions import PastWrite
from hypersync.rulebook.expression import parse
from hypersync.rulebook.rules import RuleKind
from tests.candidates import NOW
from tests.expressions import NAMES, a_rule

DAY = timedelta(days=1)
FLOW = replace(a_rule(0, parse("hr.exists", NAMES)), id="r1", kind=RuleKind.UPDATE)


def written(*values, rules=("r1",), every=DAY, last=DAY):
    """Writes of these values, each before which stands the one before it; ``last`` ago the last."""
    count = len(values) - 1
    return [
        Step(
            NOW - last - every * (count - 1 - number),
            f"run {number}",
            rules[number % len(rules)],
            values[number],
            values[number + 1],
        )
        for number in range(count)
    ]


def taken_back(value, back, times, **more):
    """Writes of one value that somebody takes back each time."""
    return [replace(step, before=back, after=value) for step in written(*range(times + 1), **more)]


def looped(steps_, wanted, current=None, **more):
    given = {"rule": "r1", "now": NOW, **more}
    return loop_of("mail", current or steps_[-1].after, wanted, steps_, **given)


# --- which patterns are loops ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "wanted", "is_loop"),
    [
        ("x", "a", False),
        ("xa", "b", False),
        ("xab", "a", False),
        ("xaba", "b", True),
        ("ababa", "b", True),
        ("xaba", "c", False),
        ("xabc", "a", False),
        ("xabca", "b", False),
        ("xabcab", "c", True),
        ("xabcab", "d", False),
        ("xabac", "a", False),
    ],
)
def test_a_pattern_that_repeats_itself_is_a_loop(values, wanted, is_loop):
    assert (looped(written(*values), wanted) is not None) is is_loop if len(values) > 1 else True


def test_a_write_that_never_sticks_is_stopped_the_fourth_time():
    assert looped(taken_back("a", "x", 2), "a", current="x") is None
    assert looped(taken_back("a", "x", 3), "a", current="x") is not None


def test_another_value_ends_a_loop():
    assert looped(taken_back("a", "x", 3), "b", current="x") is None


def test_a_week_of_quiet_ends_a_loop():
    almost = taken_back("a", "x", 3, last=QUIET - timedelta(microseconds=1))
    assert looped(almost, "a", current="x") is not None
    assert looped(taken_back("a", "x", 3, last=QUIET), "a", current="x") is None


def test_writes_that_lie_a_week_apart_are_no_loop():
    assert looped(taken_back("a", "x", 3, every=QUIET), "a", current="x") is None
    nearly = QUIET - timedelta(microseconds=1)
    assert looped(taken_back("a", "x", 3, every=nearly), "a", current="x") is not None


def test_a_write_from_the_future_counts_as_written_now():
    loop = looped(taken_back("a", "x", 3, last=-DAY), "a", current="x")
    assert loop is not None
    assert loop.until == NOW + QUIET


def test_it_is_over_a_week_after_the_last_write():
    loop = looped(taken_back("a", "x", 3, last=DAY), "a", current="x")
    assert loop.until == NOW - DAY + QUIET


# --- what it says ------------------------------------------------------------------------------


def test_two_rules_are_shown_with_their_swing():
    text = looped(written(*"abab", rules=("r1", "r2")), "a").text
    assert text.startswith("mail: a -> b -> a -> b, written by r1 and r2; r1 leaves it alone ")


def test_somebody_else_is_shown():
    text = looped(taken_back("b", "a", 3), "b", current="a").text
    assert text.startswith("mail: a -> b -> a -> b -> a -> b -> a, written by r1 and somebody else")


def test_one_rule_that_turns_itself_over_is_shown():
    text = looped(written(*"abab"), "a").text
    assert "written by r1;" in text


def test_long_values_and_missing_ones_are_shown_shortly():
    text = looped(taken_back("x" * 100, None, 3), "x" * 100, current=None).text
    assert f"nothing -> {'x' * 37}... -> nothing" in text


# --- a whole look ------------------------------------------------------------------------------


def draft(kind=RuleKind.UPDATE, **after):
    return Draft(
        rule=replace(FLOW, kind=kind),
        identity=1,
        object_id=7,
        silo="ad",
        type="user",
        anchor="u1",
        slot="ad",
        operation=Operation.UPDATE,
        before=dict.fromkeys(after, "x"),
        after=after,
    )


def past(**after):
    before = dict.fromkeys(after, "x")
    return [PastWrite(NOW - DAY * each, f"run {each}", "r1", before, after) for each in (3, 2, 1)]


def test_only_the_attribute_that_swings_is_left_alone():
    look = Look(1, drafts=[draft(mail="a", title="b")], fired=frozenset({"r1"}))
    found = without_loops(look, {7: past(mail="a")}, NOW)
    assert (found.drafts[0].after, found.drafts[0].before) == ({"title": "b"}, {"title": "x"})
    assert found.fired == {"r1"}
    assert [(each.rule, each.code) for each in found.loops] == [("r1", "loop")]
    assert found.wake == NOW - DAY + QUIET


def test_nothing_is_left_of_a_draft_that_only_swings():
    look = Look(1, drafts=[draft(mail="a")], fired=frozenset({"r1", "r2"}), wake=NOW)
    found = without_loops(look, {7: past(mail="a")}, NOW)
    assert (found.drafts, found.fired, found.wake) == ([], {"r2"}, NOW)


@pytest.mark.parametrize("kind", [RuleKind.DEPROVISION, RuleKind.MEMBERSHIP])
def test_only_flows_are_stopped(kind):
    look = Look(1, drafts=[draft(kind, mail="a")])
    assert without_loops(look, {7: past(mail="a")}, NOW).drafts[0].after == {"mail": "a"}


def test_several_writes_of_one_run_are_one():
    rows = [PastWrite(NOW - DAY, "run", "r1", {"mail": "x"}, {"mail": "a"})] * 3
    assert len(steps("mail", rows)) == 1
    assert steps("title", rows) == []
