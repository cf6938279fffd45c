"""What moved since a plan was reviewed, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hypersync.errors import PlanMoved
from hypersync.model.actions import ActionState, Reason
from hypersync.model.ids import ActionId, IdentityId, RunId
from hypersync.model.objects import Operation
from hypersync.model.plan_file import Basis, PlanHeader, ReviewedPlan, Verdict, count
from hypersync.model.runs import RunError, RunKind
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.found import Before, Candidate, Collected
from hypersync.pipeline.reviewed import (
    MOST_DIFFERENCES,
    check_revision,
    check_same,
    held_back,
    planned_action,
    reason_of,
)
from hypersync.ports.store.actions import OpenAction
from hypersync.rulebook.expression import parse
from tests.expressions import NAMES, a_rule

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TITLE = replace(a_rule(0, parse("hr.exists", NAMES)), id="title")


def candidate(identity=1, **values):
    known = {
        "rule": TITLE,
        "identity": identity,
        "object_id": identity,
        "silo": "ad",
        "type": "user",
        "anchor": f"u{identity}",
        "slot": "ad",
        "operation": Operation.UPDATE,
        "before": {"title": "old"},
        "after": {"title": "new"},
        "name": f"Person {identity}",
    }
    return Candidate(f"action {identity}", Draft(**{**known, **values}), None)


def found(*candidates, errors=(), held_back=(), **more):
    made = Collected(candidates={"title": {each.draft.key: each for each in candidates}}, **more)
    made.complain(errors)
    for row in held_back:
        made.hold_back(*row)
    return made


def opened(key):
    return OpenAction(
        id=ActionId("a7"),
        key=key,
        rule="title",
        identity=IdentityId(1),
        state=ActionState.SUSPENDED,
        fingerprint="",
        replacements=0,
        vip=None,
        suspended_at=AT,
        expires_at=AT,
        request=None,
        run=RunId("r"),
    )


def plan(*candidates, verdict=Verdict.QUEUED, scans=()):
    actions = tuple(planned_action(each, verdict) for each in candidates)
    header = PlanHeader(
        version="1",
        installation="here",
        environment="dev",
        run=RunId("r"),
        kind=RunKind.FULL,
        object_key=None,
        made_at=AT,
        made_by=None,
        revision="a",
        scans=scans,
        counts=count(actions),
    )
    return ReviewedPlan(header=header, actions=actions, hash="h")


def moved(expected, now, before=None, scans=()):
    with pytest.raises(PlanMoved) as raised:
        check_same(expected, now, before or Before(), scans)
    return list(raised.value.differences)


def test_the_same_wishes_are_no_difference_in_any_order():
    one, two = candidate(1), candidate(2)
    check_same(plan(one, two), found(two, one), Before(), ())


def test_how_somebody_is_called_now_is_no_difference():
    check_same(plan(candidate()), found(candidate(name="Ann B.")), Before(), ())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"after": {"title": "boss"}}, "title would become boss, the plan had new"),
        ({"after": {"title": ("a", "b")}}, "title would become a, b, the plan had new"),
        ({"after": {"title": None}}, "title would become nothing, the plan had new"),
        ({"after": {"mail": "a@x"}}, "mail would become a@x, the plan had nothing"),
        ({"before": {"title": "x"}}, "title is now x, the plan had old"),
        ({"after": {"title": "n" * 100}}, "n" * 77 + "..."),
        ({"after": {"title": "a\u202eb"}}, "title would become a[U+202E]b"),
        ({"once": {"uid": "ann2"}}, "uid would become ann2, the plan had nothing"),
        ({"operation": Operation.DELETE}, "would be delete now, the plan had update"),
        ({"anchor": "u9"}, "the object is now u9, the plan had u1"),
        ({"type": "group"}, "the change is another one than in the plan"),
    ],
)
def test_what_differs_in_an_action_is_told(values, words):
    said = moved(plan(candidate()), found(candidate(**values)))
    assert said[0].startswith("Person 1 (ad/user/u1), title: ")
    assert words in said[0]


def test_a_value_of_another_type_is_a_difference_though_it_looks_alike():
    one = candidate(after={"on": 1})
    assert moved(plan(one), found(candidate(after={"on": True})))


def test_a_rule_with_another_content_is_a_difference():
    other = replace(TITLE, content_hash="another")
    said = moved(plan(candidate()), found(candidate(rule=other)))
    assert said == ["Person 1 (ad/user/u1), title: the change is another one than in the plan"]


def test_what_is_new_is_told_with_who_and_what():
    event = candidate(2, silo="", type="", anchor=None, operation=Operation.EVENT)
    assert moved(plan(), found(candidate())) == ["new: title would update Person 1 (ad/user/u1)"]
    assert moved(plan(), found(event)) == ["new: title would event Person 2"]


def test_what_is_gone_is_told_with_the_best_reason_there_is():
    one = candidate()
    key = one.draft.key
    assert moved(plan(one), found())[0].endswith("title no longer wants to update it")
    waiting = Before(open={key: opened(key)})
    assert "is suspended already, as action a7" in moved(plan(one), found(), waiting)[0]
    held_back = [("title", 1, key, "rejected; it holds until tomorrow")]
    assert "holds until tomorrow" in moved(plan(one), found(held_back=held_back))[0]
    for rule in ("title", None):
        errors = [RunError(rule, 1, "evaluation", "no number")]
        assert "cannot be told now: no number" in moved(plan(one), found(errors=errors))[0]
    errors = [RunError("title", 2, "evaluation", "no number")]
    assert "no longer wants" in moved(plan(one), found(errors=errors))[0]


def test_only_so_many_differences_are_told_and_the_rest_counted():
    many = [candidate(number) for number in range(MOST_DIFFERENCES + 5)]
    said = moved(plan(), found(*many))
    assert (len(said), said[-1]) == (MOST_DIFFERENCES + 1, "... and 5 more")
    assert len(moved(plan(), found(*many[:MOST_DIFFERENCES]))) == MOST_DIFFERENCES


def test_newer_scans_are_told_beside_differences_only():
    old = Basis(silo="hr", types=("person",), scan="s1", at=AT)
    new = replace(old, scan="s2", at=AT.replace(hour=9))
    other = Basis(silo="ad", types=("user",), scan="s3", at=AT)
    expected = plan(candidate(), scans=(old, other))
    check_same(expected, found(candidate()), Before(), (new, other))
    said = moved(expected, found(), scans=(new, other))
    assert said[1:] == ["silo hr was scanned again at 2026-03-02 09:00 UTC"]


def test_other_rules_are_a_difference_by_themselves():
    check_revision(plan(), "a")
    with pytest.raises(PlanMoved, match="revision a -> b"):
        check_revision(plan(), "b")


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.QUEUED])
def test_everything_but_what_was_queued_is_held_back(verdict):
    one = candidate()
    assert set(held_back(plan(one, verdict=verdict))) == {one.draft.key}


def test_what_was_queued_is_not_held_back_and_without_a_plan_nothing_is():
    assert held_back(plan(candidate())) == {}
    assert held_back(None) == {}


def test_the_reason_repeats_why_the_plan_held_it_back():
    reasons = (Reason("threshold", "limit", "3 actions, 2 allowed"), Reason("vip", "c", "a chief"))
    held = planned_action(candidate(), Verdict.SUSPENDED, reasons)
    assert reason_of(held) == "held back in the reviewed plan: 3 actions, 2 allowed; a chief"
    assert (
        reason_of(planned_action(candidate(), Verdict.SKIPPED)) == "held back in the reviewed plan"
    )
