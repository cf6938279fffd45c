from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from hypersync.pipeline.collect import UNTOLD, Before, Collector
from hypersync.pipeline.drafts import Draft, Problem
from hypersync.pipeline.evaluate import Look
from hypersync.pipeline.release import MOST_REPLACEMENTS, fingerprint
from hypersync.pipeline.vip import Vips
from hypersync.ports.store.actions import OpenAction
from hypersync.ports.store.marks import Hold
from hypersync.rulebook.expression import parse
from hypersync.rulebook.rules import RuleKind, VipRule
from tests.candidates import NOW
from tests.expressions import NAMES, a_rule

S = ActionState
TRUE = parse("hr.exists", NAMES)
TITLE = replace(a_rule(0, TRUE), id="title")
LEAVE = replace(a_rule(1, TRUE), id="leave")
HAIL = replace(a_rule(2, TRUE), id="hail", kind=RuleKind.EVENT)
CHIEFS = VipRule(
    index=0,
    name="chiefs",
    when=TRUE,
    expires=timedelta(days=3),
    plan=None,
    on_expiry="clear",
    attributes=frozenset(),
    is_global=True,
)


def draft(rule=TITLE, identity=1, value="new") -> Draft:
    return Draft(
        rule=rule,
        identity=identity,
        object_id=None if rule is HAIL else 7,
        silo="ad",
        type="user",
        anchor="u1",
        slot="ad",
        operation=Operation.UPDATE,
        before={"title": "old"},
        after={"title": value},
    )


def opened(state=S.SUSPENDED, wanted=None, **more) -> OpenAction:
    wanted = wanted or draft()
    given = {
        "id": f"old {wanted.key}",
        "key": wanted.key,
        "rule": wanted.rule.id,
        "identity": wanted.identity,
        "state": state,
        "fingerprint": fingerprint(wanted, wanted.rule.content_hash),
        "replacements": 0,
        "vip": None,
        "suspended_at": NOW,
        "expires_at": NOW,
        "request": None,
        "run": "run",
    }
    return OpenAction(**{**given, **more})


def hold(wanted=None, **more) -> Hold:
    wanted = wanted or draft()
    given = {
        "key": wanted.key,
        "rule": wanted.rule.id,
        "identity": wanted.identity,
        "fingerprint": fingerprint(wanted, wanted.rule.content_hash),
        "until": NOW + timedelta(days=1),
        "times": 1,
    }
    return Hold(**{**given, **more})


class Desk:
    """A collector and what it spooled and discarded."""

    def __init__(self, *known, holds=(), held=(), memory=None, releases=True):
        self.spooled = []
        self.discarded = []
        before = Before(
            open={each.key: each for each in known},
            holds={each.key: each for each in holds},
            held=set(held),
            memory=memory or {},
        )
        self.collector = Collector(
            before,
            {rule.id: rule for rule in (TITLE, LEAVE, HAIL)},
            self.spooled.append,
            self.discarded.append,
            now=NOW,
            rests=lambda action, draft: "" if releases else "not now",
            vips=Vips((CHIEFS,), (), timedelta(days=30)),
        )
        self.found = self.collector.found

    def take(self, *drafts, **more):
        fired = frozenset(each.rule.id for each in drafts)
        self.collector.take(Look(1, drafts=list(drafts), fired=more.pop("fired", fired), **more))
        return self.found


def candidates(found):
    return [each for of_rule in found.candidates.values() for each in of_rule.values()]


def test_what_is_new_is_a_candidate_and_spooled():
    desk = Desk()
    (candidate,) = candidates(desk.take(draft()))
    (proposal,) = desk.spooled
    assert (candidate.id, candidate.vip, candidate.replaces) == (proposal.id, None, None)
    assert (proposal.key, proposal.replacements) == ("title|1|7", 0)


@pytest.mark.parametrize("state", [S.SUSPENDED, S.EXECUTING, S.UNKNOWN])
def test_the_same_while_it_is_open_is_nothing_new(state):
    desk = Desk(opened(state))
    found = desk.take(draft())
    assert candidates(found) == []
    assert {*found.release, *found.again, *found.stale, *desk.spooled} == set()


@pytest.mark.parametrize("state", [S.EXECUTING, S.UNKNOWN])
def test_another_change_waits_until_what_is_being_done_has_ended(state):
    desk = Desk(opened(state))
    assert candidates(desk.take(draft(value="newer"))) == []


@pytest.mark.parametrize("state", [S.SUSPENDED, S.APPROVED, S.QUEUED])
def test_another_change_takes_the_place_of_one_that_waits(state):
    old = opened(state, replacements=1)
    desk = Desk(old)
    (candidate,) = candidates(desk.take(draft(value="newer")))
    assert candidate.replaces is old
    assert desk.spooled[0].replacements == 2


def test_it_is_unstable_after_the_last_replacement():
    desk = Desk(opened(replacements=MOST_REPLACEMENTS))
    found = desk.take(draft(value="newer"))
    assert candidates(found) == []
    assert [(error.rule, error.code) for error in found.errors] == [("title", "unstable")]


def test_what_was_approved_and_is_the_same_is_released():
    old = opened(S.APPROVED)
    assert list(Desk(old).take(draft()).release) == [old.id]


def test_nothing_is_released_when_this_run_may_not():
    desk = Desk(opened(S.APPROVED), releases=False)
    found = desk.take(draft())
    assert not found.release
    assert candidates(found) == []


def test_what_was_queued_and_is_the_same_may_start():
    old = opened(S.QUEUED)
    assert list(Desk(old).take(draft()).again) == [old.id]


@pytest.mark.parametrize("state", [S.APPROVED, S.QUEUED])
def test_who_became_a_vip_is_asked_about_again(state):
    old = opened(state)
    (candidate,) = candidates(Desk(old).take(draft(), vips={"chiefs": True}))
    assert (candidate.replaces, candidate.vip.name) == (old, "chiefs")
    (candidate,) = candidates(Desk(old, memory={1: {"chiefs": None}}).take(draft()))
    assert candidate.vip.name == "chiefs"


def test_who_was_approved_as_a_vip_is_released():
    old = opened(S.APPROVED, vip="chiefs")
    assert list(Desk(old).take(draft(), vips={"chiefs": True}).release) == [old.id]


@pytest.mark.parametrize("state", [S.SUSPENDED, S.APPROVED, S.QUEUED])
def test_a_clean_false_ends_what_waits(state):
    old = opened(state)
    assert list(Desk(old).take(clean_false=frozenset({"title"})).stale) == [old.id]


@pytest.mark.parametrize("state", [S.EXECUTING, S.UNKNOWN])
def test_a_clean_false_does_not_end_what_is_being_done(state):
    assert not Desk(opened(state)).take(clean_false=frozenset({"title"})).stale


def test_nothing_left_to_change_ends_what_waits():
    old = opened()
    assert list(Desk(old).take(fired=frozenset({"title"})).stale) == [old.id]


def test_what_cannot_be_told_waits():
    desk = Desk(opened())
    problem = Problem("title", 1, "evaluation", "why")
    found = desk.take(problems=[problem])
    assert not found.stale
    assert found.unfinished == {1}
    assert [(e.rule, e.identity, e.message) for e in found.errors] == [("title", 1, "why")]


@pytest.mark.parametrize("state", [S.SUSPENDED, S.APPROVED, S.QUEUED])
def test_what_cannot_be_told_says_so_once(state):
    old = opened(state)
    found = Desk(old).take()
    assert found.waits == {old.id: UNTOLD}
    assert not Desk(replace(old, waits=UNTOLD)).take().waits


def test_an_error_is_the_reason_why_it_waits():
    old = opened()
    found = Desk(old).take(problems=[Problem("title", 1, "evaluation", "5 is no text")])
    assert found.waits == {old.id: "5 is no text"}


def test_an_ambiguity_is_the_reason_why_it_waits():
    old = opened()
    assert Desk(old).take(waits="two accounts").waits == {old.id: "two accounts"}


def test_what_may_not_be_released_now_says_why():
    old = opened(S.APPROVED)
    assert Desk(old, releases=False).take(draft()).waits == {old.id: "not now"}


def test_what_no_longer_waits_for_anything_says_nothing():
    old = opened(S.APPROVED, waits="the silo ad is paused")
    assert Desk(old).take(draft()).waits == {old.id: None}
    assert not Desk(opened(S.SUSPENDED)).take(draft()).waits


def test_rules_that_were_not_asked_leave_their_actions_alone():
    old = opened(S.APPROVED, waits="the silo ad is paused")
    found = Desk(old).take(asked=frozenset({"leave"}))
    assert not found.waits
    assert not found.stale


def test_other_rules_end_nothing():
    assert not Desk(opened()).take(clean_false=frozenset({"leave"})).stale


def test_who_waits_ends_nothing_and_stays_pending():
    found = Desk(opened(S.APPROVED)).take(waits="two accounts")
    assert {*found.stale, *found.release} == set()
    assert found.unfinished == {1}
    assert found.errors[0].code == "ambiguous"


def test_a_rejection_holds_for_the_same_change_until_its_time():
    found = Desk(holds=[hold()]).take(draft())
    assert candidates(found) == []
    assert [each[:3] for each in found.repeated.values()] == [("title", 1, "title|1|7")]
    assert len(candidates(Desk(holds=[hold(until=NOW)]).take(draft()))) == 1


def test_a_change_that_differs_from_a_rejected_one_is_asked_again_until_its_time():
    known = hold(at=NOW - timedelta(days=1), by="person:anna")
    (candidate,) = candidates(Desk(holds=[known]).take(draft(value="newer")))
    assert candidate.unanswered == (
        f"rejected by person:anna at {NOW - timedelta(days=1):%Y-%m-%d %H:%M} UTC; "
        "it is another change now"
    )
    over = replace(known, until=NOW)
    (candidate,) = candidates(Desk(holds=[over]).take(draft(value="newer")))
    assert candidate.unanswered == ""


def test_what_became_void_is_asked_again_and_says_how_often_it_came_to_that():
    known = hold(at=NOW - timedelta(days=1), is_unanswered=True, by="void", times=2)
    (candidate,) = candidates(Desk(holds=[known]).take(draft()))
    assert candidate.unanswered == (
        f"it was stopped before and became void at {NOW - timedelta(days=1):%Y-%m-%d %H:%M} UTC "
        "before it was done, 2 times so far; asked again"
    )


def test_what_nobody_answered_is_asked_again_whatever_it_has_become():
    known = hold(at=NOW - timedelta(days=1), is_unanswered=True)
    for value in ("new", "newer"):
        (candidate,) = candidates(Desk(holds=[known]).take(draft(value=value)))
        assert candidate.unanswered == (
            f"its time ran out at {NOW - timedelta(days=1):%Y-%m-%d %H:%M} UTC without an answer; "
            "asked again"
        )
    over = replace(known, until=NOW)
    (candidate,) = candidates(Desk(holds=[over]).take(draft()))
    assert candidate.unanswered == ""


def test_a_rejection_says_how_often_it_came_to_that():
    (held,) = Desk(holds=[hold(times=3)]).take(draft()).repeated.values()
    assert held[3].startswith("rejected 3 times; it holds until ")


def test_a_clean_false_ends_a_rejection():
    found = Desk(holds=[hold()]).take(clean_false=frozenset({"title"}))
    assert found.dropped_holds == {"title|1|7"}


def test_a_clean_false_that_is_the_cause_of_the_change_does_not_end_its_rejection():
    found = Desk(holds=[hold()]).take(draft(), clean_false=frozenset({"title"}), fired=frozenset())
    assert found.dropped_holds == set()
    assert candidates(found) == []


def test_an_event_whose_condition_held_before_does_not_fire():
    mark = ("hail", 1)
    assert len(candidates(Desk().take(draft(HAIL)))) == 1
    found = Desk(held=[mark]).take(draft(HAIL))
    assert candidates(found) == []
    assert found.stopped_events == set()
    assert Desk(held=[mark]).take(clean_false=frozenset({"hail"})).stopped_events == {mark}


def test_a_second_look_replaces_the_first():
    desk = Desk(opened(S.APPROVED, draft(LEAVE)))
    desk.take(draft(), draft(LEAVE), vips={"chiefs": True})
    first = desk.spooled[0]
    found = desk.take(draft(value="newer"), clean_false=frozenset({"leave"}))
    assert first.id in desk.discarded
    (candidate,) = candidates(found)
    assert candidate.draft.after == {"title": "newer"}
    assert not found.release
    assert list(found.stale) == ["old leave|1|7"]
    assert found.vips == {}


def test_a_second_look_takes_back_what_the_first_complained_about():
    desk = Desk(holds=[hold()])
    desk.take(draft(), problems=[Problem("leave", 1, "evaluation", "why")])
    found = desk.take(clean_false=frozenset({"title"}))
    assert (found.errors, found.unfinished, found.repeated) == ([], set(), {})


def test_a_second_look_leaves_what_was_said_of_others():
    desk = Desk(holds=[hold()])
    other = Look(2, problems=[Problem("leave", 2, "evaluation", "why")])
    desk.collector.take(other)
    desk.take(draft(), problems=[Problem("leave", 1, "evaluation", "why")])
    assert [each.identity for each in desk.found.errors] == [2, 1]
    desk.take(draft())
    assert [each.identity for each in desk.found.errors] == [2]
    assert list(desk.found.repeated) == ["title|1|7"]
    assert desk.found.unfinished == {2}


def test_who_joins_again_and_has_nothing_to_say_any_more_proposes_nothing():
    desk = Desk()
    desk.take(draft(), problems=[Problem("leave", 1, "evaluation", "why")])
    desk.collector.learn(Before(), {1})
    assert candidates(desk.found) == []
    assert desk.discarded == [desk.spooled[0].id]
    assert (desk.found.errors, desk.found.unfinished) == ([], set())


def test_what_is_learnt_late_counts():
    desk = Desk()
    desk.collector.learn(Before(open={"title|1|7": opened(S.APPROVED)}), {1})
    assert list(desk.take(draft()).release) == ["old title|1|7"]


def test_what_ended_meanwhile_is_forgotten():
    desk = Desk(opened(S.SUSPENDED))
    assert not desk.take(draft()).candidates
    desk.collector.learn(Before(), {1})
    assert [len(each) for each in desk.take(draft()).candidates.values()] == [1]


@pytest.mark.parametrize("state", [S.SUSPENDED, S.APPROVED, S.QUEUED, S.EXECUTING, S.UNKNOWN])
def test_the_open_actions_of_a_rule_that_is_gone_are_void(state):
    gone = opened(state, rule="gone")
    desk = Desk(gone)
    desk.collector.void_orphans(is_simulated=False)
    is_waiting = state not in (S.EXECUTING, S.UNKNOWN)
    assert list(desk.found.void) == ([gone.id] if is_waiting else [])


def test_what_is_queued_is_void_when_its_rule_is_only_simulated():
    desk = Desk(opened(S.QUEUED), opened(S.SUSPENDED, draft(LEAVE)))
    desk.collector.void_orphans(is_simulated=False)
    assert not desk.found.void
    desk.collector.void_orphans(is_simulated=True)
    assert list(desk.found.void) == ["old title|1|7"]


def test_who_has_to_be_watched():
    before = Before(
        open={"a": opened()},
        holds={"b": hold(identity=2)},
        held={("hail", 3)},
        memory={4: {"chiefs": None}},
    )
    assert set(before.watched()) == {1, 2, 3, 4}
