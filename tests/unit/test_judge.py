from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from hypersync.model.actions import ActionState, OnExpiry
from hypersync.model.limit import Limit, parse_limit
from hypersync.model.objects import Operation
from hypersync.model.runs import Run, RunKind, RunMode, RunState
from hypersync.model.unlock import Lock
from hypersync.pipeline.collect import Before, Candidate, Collected
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.engine import GuardSettings, Order, SiloLimits
from hypersync.pipeline.judge import Judge
from hypersync.pipeline.stops import PEOPLE_EXPIRES
from hypersync.pipeline.vip import PEOPLE, Vip
from hypersync.ports.store.actions import Passed, Trace
from hypersync.rulebook.expression import parse
from hypersync.rulebook.rules import Do, Lookback, RuleKind
from tests.candidates import NOW
from tests.expressions import NAMES, SLOTS, THRESHOLD, a_rule

TRUE = parse("hr.exists", NAMES)
HOUR = timedelta(hours=1)
OLD = Trace("old", "deprovision", "ad", Operation.DISABLE)


def rule(index=0, limit="2", **more):
    threshold = replace(THRESHOLD, limit=parse_limit(limit), **more.pop("threshold", {}))
    given = {"id": f"rule-{index}", "kind": RuleKind.DEPROVISION}
    return replace(a_rule(index, TRUE), threshold=threshold, **{**given, **more})


def wishes(of, count, first=1, **more):
    return {
        f"{of.id}|{number}": Candidate(
            f"{of.id} {number}",
            Draft(
                rule=of,
                identity=number,
                object_id=number,
                silo="ad",
                type="user",
                anchor=f"u{number}",
                slot="ad",
                operation=Operation.DISABLE,
                before={"active": "yes"},
                after={"active": "no"},
            ),
            more.get("vip"),
            more.get("replaces"),
        )
        for number in range(first, first + count)
    }


class Desk:
    """Judges candidates against a store of a few numbers."""

    def __init__(self, *rules, kind=RunKind.FULL, live=100, **more):
        self.rules = rules
        self.live = live
        self.kind = kind
        self.through = more.pop("through", [])
        self.stopped = more.pop("stopped", [])
        self.touched = more.pop("touched", frozenset())
        self.gone = more.pop("gone", [])
        self.read = more.pop("read", lambda rules, since, *, written: self.through)
        self.starts = more.pop("starts", {})
        self.limits = more.pop("limits", {})
        self.raises = more.pop("raises", {})
        self.guards = GuardSettings(**more)

    def judge(self, *found):
        unit = SimpleNamespace(
            marks=SimpleNamespace(
                quotas=dict, last_starts=lambda rules, since, identities: self.starts
            ),
            objects=SimpleNamespace(live=lambda silo, kind: self.live),
            scans=SimpleNamespace(types=lambda: [SimpleNamespace(silo="ad", live=self.live)]),
            actions=SimpleNamespace(
                let_through=self.read,
                stopped_for_volume=lambda rules, since, *, written: self.stopped,
                others=lambda rules: self.gone,
                objects_touched=lambda silo, operation, since: self.touched,
            ),
            unlocks=SimpleNamespace(all=list),
        )
        by_name = {slot.name: slot for slot in SLOTS}
        engine = SimpleNamespace(
            rulebook=SimpleNamespace(
                rules=self.rules, slot=by_name.__getitem__, slots=SLOTS, vips=()
            ),
            guards=self.guards,
            limits=self.limits,
            lock=Lock(installation="here", silos=frozenset()),
        )
        run = Run(
            id="run",
            kind=self.kind,
            mode=RunMode.COMMIT,
            state=RunState.PLANNING,
            config="c",
            started_at=NOW,
        )
        collected = Collected(candidates={})
        for each in found:
            of = next(iter(each.values())).draft.rule.id
            collected.candidates.setdefault(of, {}).update(each)
        judge = Judge(engine, Order(raises=self.raises), run, unit, Before(), NOW)
        return judge.judge(collected, unit)


def numbers(judgement, name):
    return [each.draft.identity for each in getattr(judgement, name)]


def test_up_to_the_limit_is_queued_and_more_suspended():
    of = rule()
    assert numbers(Desk(of).judge(wishes(of, 2)), "queued") == [1, 2]
    judgement = Desk(of).judge(wishes(of, 3))
    assert numbers(judgement, "suspended") == [1, 2, 3]
    assert judgement.reports["rule-0"].reason == "3 actions, 2 allowed"


def test_every_rule_is_reported_also_without_candidates():
    reports = Desk(rule(0, "5%"), rule(1)).judge().reports
    assert list(reports) == ["rule-0", "rule-1"]
    assert (reports["rule-0"].limit, reports["rule-0"].population) == (5, 100)
    assert reports["rule-0"].limit_text == "5% of 100"


@pytest.mark.parametrize(
    ("kind", "lookback", "suspended"),
    [
        (RunKind.DELTA, Lookback(), 2),
        (RunKind.OBJECT, Lookback(), 2),
        (RunKind.FULL, Lookback(), 0),
        (RunKind.FULL, Lookback(full=True), 2),
    ],
)
def test_who_looks_back(kind, lookback, suspended):
    of = rule(threshold={"lookback": lookback})
    through = [Passed(9, Operation.DISABLE, "")]
    judgement = Desk(of, kind=kind, through=through).judge(wishes(of, 2))
    assert len(judgement.suspended) == suspended


def test_the_same_identity_counts_once_in_the_lookback():
    of = rule()
    through = [Passed(1, Operation.DISABLE, ""), Passed(2, Operation.DISABLE, "")]
    judgement = Desk(of, kind=RunKind.DELTA, through=through).judge(wishes(of, 2))
    assert len(judgement.queued) == 2


def test_what_writes_no_limited_attribute_does_not_read_what_was_written():
    asked = []

    def through(rules, since, *, written):
        asked.append((rules, written))
        return []

    for limited in ({}, {"title": parse_limit("1")}, {"active": parse_limit("1")}):
        of = rule(threshold={"attribute": limited}, target="ad", do=Do(Operation.DISABLE))
        Desk(of, kind=RunKind.DELTA, gone=[OLD], read=through).judge(wishes(of, 1))
    names = {"rule-0", "old"}
    assert asked == [(names, False), (names, False), (names, True)]


def test_what_was_written_before_counts_under_the_limit_of_an_attribute():
    of = rule(limit="100", threshold={"attribute": {"active": parse_limit("2")}})
    through = [Passed(9, Operation.DISABLE, "", after={"active": "no"})]
    desk = Desk(of, kind=RunKind.DELTA, through=through)
    assert len(desk.judge(wishes(of, 1)).queued) == 1
    judgement = desk.judge(wishes(of, 2))
    assert judgement.reports["rule-0"].reason == (
        "active changes on 2 objects and 1 in the last hour, 2 allowed"
    )


def test_what_was_suspended_counts_only_when_asked_for():
    stopped = [Passed(9, Operation.DISABLE, "")]
    of = rule(threshold={"lookback": Lookback(suspended=True)})
    assert len(Desk(of, kind=RunKind.DELTA, stopped=stopped).judge(wishes(of, 2)).suspended) == 2
    of = rule()
    assert len(Desk(of, kind=RunKind.DELTA, stopped=stopped).judge(wishes(of, 2)).queued) == 2


def test_a_raise_holds_for_the_run_within_the_ceiling():
    of = rule()
    assert len(Desk(of, raises={"rule-0": 3}).judge(wishes(of, 3)).queued) == 3
    judgement = Desk(of, raises={"rule-0": 700}, live=10_000).judge(wishes(of, 3))
    assert judgement.reports["rule-0"].limit == 500
    assert judgement.errors[0].rule == "rule-0"


def test_events_have_no_population_and_no_ceiling():
    of = rule(limit="700", kind=RuleKind.EVENT, target="")
    judgement = Desk(of, live=10_000).judge()
    assert judgement.reports["rule-0"].limit == 700
    assert judgement.errors == []


def test_the_time_people_have_comes_from_the_rule():
    of = rule(limit="0", threshold={"expires": 5 * HOUR, "on_expiry": "approve"})
    (stop,) = Desk(of).judge(wishes(of, 1)).stops.values()
    assert (stop.expires_at, stop.on_expiry, stop.vip) == (NOW + 5 * HOUR, OnExpiry.APPROVE, None)


def test_a_vip_never_default_approves_unless_the_vip_rule_says_so():
    of = rule(threshold={"on_expiry": "approve"})
    (stop,) = Desk(of).judge(wishes(of, 1, vip=Vip(PEOPLE, "why"))).stops.values()
    assert (stop.vip, stop.on_expiry) == (PEOPLE, OnExpiry.CLEAR)
    assert stop.expires_at == NOW + PEOPLE_EXPIRES


def old(state, expires_at):
    return SimpleNamespace(state=state, request="q", expires_at=expires_at)


@pytest.mark.parametrize(
    ("expires", "expected"), [(NOW + HOUR, NOW + HOUR), (NOW, NOW + timedelta(days=1))]
)
def test_what_takes_the_place_of_a_question_keeps_its_time_while_there_is_some(expires, expected):
    of = rule()
    judgement = Desk(of).judge(wishes(of, 1, replaces=old(ActionState.SUSPENDED, expires)))
    (stop,) = judgement.stops.values()
    assert stop.expires_at == expected
    assert stop.reasons[0].guard == "change"


def test_what_takes_the_place_of_something_queued_is_judged_as_new():
    of = rule()
    waiting = SimpleNamespace(state=ActionState.QUEUED, request=None, expires_at=None)
    assert len(Desk(of).judge(wishes(of, 1, replaces=waiting)).queued) == 1


def test_a_throttle_in_force_is_a_verdict_with_the_time_it_ends():
    of = rule(throttle=HOUR)
    starts = {("rule-0", 1, ""): NOW - HOUR / 2}
    judgement = Desk(of, starts=starts).judge(wishes(of, 2))
    assert (numbers(judgement, "throttled"), numbers(judgement, "queued")) == ([1], [2])
    assert judgement.due == {"rule-0 1": NOW + HOUR / 2}


DISABLE_FIVE = {"ad": SiloLimits(limits={Operation.DISABLE: Limit(number=5)}, per=HOUR)}


def test_a_silo_limit_stops_all_rules_and_counts_vips_and_earlier_ones():
    one, two = rule(0, "50"), rule(1, "50")
    vip = wishes(two, 1, 9, vip=Vip(PEOPLE, "why"))
    desk = Desk(one, two, limits=DISABLE_FIVE)
    assert len(desk.judge(wishes(one, 2), wishes(two, 2, 5), vip).queued) == 4
    desk = Desk(one, two, limits=DISABLE_FIVE, touched=frozenset({"user/u77"}))
    judgement = desk.judge(wishes(one, 2), wishes(two, 2, 5), vip)
    assert judgement.queued == []
    assert len(judgement.suspended) == 5
    desk = Desk(one, two, limits=DISABLE_FIVE, touched=frozenset({"user/u1"}))
    assert len(desk.judge(wishes(one, 2), wishes(two, 2, 5), vip).queued) == 4


def test_a_simulated_rule_only_plans_and_uses_up_nothing():
    one, two = rule(0, "50"), rule(1, "50", simulate=True)
    judgement = Desk(one, two, limits=DISABLE_FIVE).judge(wishes(one, 5), wishes(two, 9, 50))
    assert (len(judgement.queued), len(judgement.planned)) == (5, 9)
    judgement = Desk(one, two, simulate=True).judge(wishes(one, 5), wishes(two, 9, 50))
    assert (len(judgement.queued), len(judgement.planned)) == (0, 14)


def test_the_counts_add_up():
    of = rule(0, "2", throttle=HOUR)
    starts = {("rule-0", 1, ""): NOW}
    counts = Desk(of, starts=starts).judge(wishes(of, 4)).reports["rule-0"].counts
    assert (counts.proposed, counts.throttled, counts.suspended, counts.identities) == (4, 1, 3, 4)
