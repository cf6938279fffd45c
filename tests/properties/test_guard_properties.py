from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hypersync.model.limit import Limit
from hypersync.model.objects import Operation
from hypersync.model.verdicts import Candidate, GroupSize, RuleLimits, Verdicts
from hypersync.pipeline.count import Contexts
from hypersync.pipeline.guard import guard, unit
from hypersync.ports.store.marks import QuotaState
from tests.candidates import CHIEF, NOW, candidate

HOUR = timedelta(hours=1)
spans = st.integers(-2, 3).map(lambda hours: hours * HOUR)
some_limits = st.one_of(
    st.integers(0, 12).map(lambda number: Limit(number=number)),
    st.integers(0, 100).map(lambda percent: Limit(parts=percent * 1_000_000)),
)


@st.composite
def wishes(draw: st.DrawFn) -> list[Candidate[Any]]:
    """Draw the candidates of one rule: of identities, or of memberships."""
    numbers = draw(st.lists(st.integers(0, 15), max_size=12, unique=True))
    is_membership = draw(st.booleans())
    return [draw(_wish(number, is_membership)) for number in numbers]


_COMMON = {
    "throttle": st.one_of(st.none(), spans),
    "last_start": st.one_of(st.none(), spans.map(lambda span: NOW - span)),
    "vip": st.sampled_from([None, None, None, CHIEF]),
    "changed": st.sampled_from([False, False, False, True]),
}
_SETS = st.frozensets(st.sampled_from(["mail", "title"]))


@cache  # making a strategy takes longer than drawing from it
def _wish(number: int, is_membership: bool) -> st.SearchStrategy[Candidate[Any]]:
    if not is_membership:
        return st.builds(candidate, st.just(number), clears=_SETS, attributes=_SETS, **_COMMON)
    return st.sampled_from(["g1", "g2"]).flatmap(lambda group: _removal(number, group))


@cache
def _removal(number: int, group: str) -> st.SearchStrategy[Candidate[Any]]:
    return st.builds(
        candidate,
        st.just(number),
        target=st.just(f"{group}\x1f{number}"),
        operation=st.just(Operation.REMOVE_MEMBER),
        group=st.just(group),
        **_COMMON,
    )


rule_limits = st.builds(
    RuleLimits,
    limit=some_limits,
    population=st.one_of(st.none(), st.integers(0, 20), st.just(20_000)),
    earlier=st.one_of(st.none(), st.frozensets(st.integers(0, 20), max_size=5)),
    ceiling=st.booleans(),
    raised=st.one_of(st.none(), st.integers(0, 12)),
    clears=st.one_of(st.none(), some_limits),
    attributes=st.dictionaries(st.sampled_from(["mail", "title"]), some_limits),
    members=st.one_of(st.none(), some_limits),
    groups=st.dictionaries(
        st.sampled_from(["g1", "g2"]),
        st.builds(GroupSize, name=st.just("g"), members=st.integers(0, 40)),
    ),
)


def judge(candidates: list[Candidate[Any]], limits: RuleLimits) -> Verdicts[Any]:
    return guard(candidates, limits, NOW)


def stopped(verdicts: Verdicts[Any]) -> tuple[Any, ...]:
    return verdicts.throttled, verdicts.limited, verdicts.suspended, set(verdicts.queued)


@given(wishes(), rule_limits)
def test_every_candidate_gets_exactly_one_verdict_and_a_stopped_one_a_reason(candidates, limits):
    verdicts = judge(candidates, limits)
    keys = [*verdicts.throttled, *verdicts.limited, *verdicts.suspended, *verdicts.queued]
    assert sorted(keys, key=str) == sorted((each.key for each in candidates), key=str)
    assert all(verdicts.throttled.values())
    assert all(reasons and all(r.text for r in reasons) for reasons in verdicts.suspended.values())


@given(wishes(), rule_limits)
def test_nothing_of_a_tripped_rule_is_queued(candidates, limits):
    verdicts = judge(candidates, limits)
    if verdicts.reason:
        assert verdicts.queued == []
    counted = {unit(each) for each in candidates if each.key in {*verdicts.queued}}
    assert not counted or len(counted) <= (verdicts.allowed or 0)


@given(wishes(), rule_limits)
def test_neither_a_vip_nor_what_changed_is_ever_queued(candidates, limits):
    queued = set(judge(candidates, limits).queued)
    assert not any(each.key in queued for each in candidates if each.vip or each.changed)


@given(wishes(), rule_limits, st.data())
def test_adding_a_vip_never_releases_more(candidates, limits, data):
    chosen = data.draw(st.sets(st.sampled_from(range(len(candidates) or 1))))
    more = [
        each._replace(vip=CHIEF) if place in chosen else each
        for place, each in enumerate(candidates)
    ]
    assert set(judge(more, limits).queued) <= set(judge(candidates, limits).queued)


@given(wishes(), rule_limits, st.data())
def test_adding_a_vip_never_lets_a_rate_release_more(candidates, limits, data):
    chosen = data.draw(st.sets(st.sampled_from(range(len(candidates) or 1))))
    most = data.draw(st.integers(0, 6))

    def rated(each: Candidate[Any], contexts: Contexts) -> Candidate[Any]:
        return each._replace(allows=lambda: contexts.count(True, "x", HOUR) <= most)

    plain, more = Contexts({}, NOW), Contexts({}, NOW)
    before = judge([rated(each, plain) for each in candidates], limits)
    after = judge(
        [
            rated(each, more)._replace(vip=CHIEF if place in chosen else each.vip)
            for place, each in enumerate(candidates)
        ],
        limits,
    )
    assert len(after.queued) <= len(before.queued) <= most


@given(wishes(), rule_limits, st.frozensets(st.integers(0, 40), max_size=8))
def test_looking_back_at_more_never_releases_more(candidates, limits, more):
    if limits.earlier is None:
        return
    longer = replace(limits, earlier=limits.earlier | more)
    assert set(judge(candidates, longer).queued) <= set(judge(candidates, limits).queued)


@given(wishes(), rule_limits, wishes(), wishes())
def test_a_longer_past_never_releases_more(candidates, limits, past, more):
    known, longer = replace(limits, past=past), replace(limits, past=[*past, *more])
    assert set(judge(candidates, longer).queued) <= set(judge(candidates, known).queued)


@given(wishes(), rule_limits)
def test_what_was_let_through_before_counts_once_with_the_same_now(candidates, limits):
    free = [each._replace(throttle=None, vip=None, changed=False) for each in candidates]
    again = judge(free, replace(limits, past=free))
    assert again.reason == judge(free, limits).reason


@given(wishes(), rule_limits, st.sampled_from(["population", "earlier", "groups"]))
def test_knowing_less_never_releases_more(candidates, limits, what):
    less = replace(limits, **{what: {} if what == "groups" else None})
    assert set(judge(candidates, less).queued) <= set(judge(candidates, limits).queued)


@given(wishes(), rule_limits, wishes())
def test_more_candidates_never_release_more_of_those_there_were(candidates, limits, others):
    others = [each._replace(key=f"other {each.key}") for each in others]
    queued = set(judge([*candidates, *others], limits).queued)
    assert queued & {each.key for each in candidates} <= set(judge(candidates, limits).queued)


@given(wishes(), rule_limits, st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_nothing(candidates, limits, chance):
    shuffled = list(candidates)
    chance.shuffle(shuffled)
    one, other = judge(candidates, limits), judge(shuffled, limits)
    assert stopped(one) == stopped(other)
    assert (one.allowed, one.lookback, one.reason) == (other.allowed, other.lookback, other.reason)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_equal_to_the_limit_passes_and_one_more_does_not(fired, earlier, limit):
    before = frozenset(range(1_000, 1_000 + earlier))
    limits = RuleLimits(limit=Limit(number=limit), population=2_000, earlier=before)
    verdicts = judge([candidate(each) for each in range(fired)], limits)
    assert len(verdicts.queued) == (fired if fired + earlier <= limit else 0)


@given(some_limits, st.integers(0, 50_000), st.one_of(st.none(), st.integers(0, 50_000)))
def test_no_limit_is_above_the_ceiling_of_a_large_silo(limit, population, raised):
    verdicts = judge([], RuleLimits(limit=limit, population=population, raised=raised))
    assert verdicts.allowed is not None
    if population >= 10_000:
        assert verdicts.allowed <= max(1, population // 20)
    else:
        assert verdicts.errors == []


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from("xy")), max_size=40),
    st.integers(0, 10),
    st.integers(-30, 30),
)
def test_quotas_never_let_more_through_in_a_window_than_they_say(calls, used, hours):
    stored = {"x": QuotaState(NOW - hours * HOUR, used)}
    contexts, through = Contexts(stored, NOW), 0
    for runs, context in calls:
        contexts.begin()
        if contexts.quota(True, context, timedelta(days=1)) <= 5 and runs:
            through += context == "x"
        else:
            contexts.give_back(contexts.drawn())
    taken = used if hours < 24 else 0
    assert through <= max(0, 5 - taken)
    assert contexts.quota(False, "x", timedelta(days=1)) == taken + through
