from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from hypersync.errors import EvaluationError
from hypersync.model.actions import Reason
from hypersync.model.limit import parse_limit
from hypersync.model.objects import Operation
from hypersync.model.said import say, say_many
from hypersync.model.verdicts import Candidate, GroupSize, RuleLimits, Verdicts
from hypersync.pipeline.guard import guard, silo_reason, unit
from hypersync.pipeline.limits import unless_said
from tests.candidates import CHIEF, NOW, candidate, candidates, leaving, limits

HOUR = timedelta(hours=1)
TITLE = frozenset({"title"})


def judge(wishes: list[Candidate[Any]], limits: RuleLimits) -> Verdicts[Any]:
    return guard(wishes, limits, NOW)


# --- throttle ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "verdict"),
    [
        (timedelta(minutes=59, seconds=59), "throttled"),
        (HOUR, "queued"),
        (timedelta(days=30), "queued"),
        (timedelta(0), "throttled"),
        (-timedelta(days=1), "throttled"),
        (None, "queued"),
    ],
)
def test_throttle_is_the_least_time_between_two_starts_and_equal_is_allowed(ago, verdict):
    last = None if ago is None else NOW - ago
    verdicts = judge([candidate(1, throttle=HOUR, last_start=last)], limits())
    assert list(getattr(verdicts, verdict)) == [1]


def test_without_a_throttle_a_rule_may_start_again_at_once():
    assert judge([candidate(1, last_start=NOW)], limits()).queued == [1]


def test_a_throttle_of_zero_allows_every_start():
    verdicts = judge([candidate(1, throttle=timedelta(0), last_start=NOW)], limits())
    assert verdicts.queued == [1]


def test_each_throttled_action_says_its_own_times():
    wishes = [
        candidate(1, throttle=HOUR, last_start=NOW - timedelta(minutes=20)),
        candidate(2, throttle=HOUR, last_start=NOW - timedelta(minutes=30)),
        candidate(3, throttle=2 * HOUR, last_start=NOW - timedelta(minutes=30)),
    ]
    texts = judge(wishes, limits()).throttled
    assert [texts[each].partition(";")[0] for each in (1, 2, 3)] == [
        "started 20m ago, at most once in 1h",
        "started 30m ago, at most once in 1h",
        "started 30m ago, at most once in 2h",
    ]


def test_throttled_action_says_since_when_and_from_when_again():
    verdicts = judge(
        [candidate(1, throttle=HOUR, last_start=NOW - timedelta(minutes=20))], limits()
    )
    assert verdicts.throttled == {
        1: "started 20m ago, at most once in 1h; again from 2026-11-21 12:40:00 UTC"
    }
    assert verdicts.due == {1: NOW + timedelta(minutes=40)}


def test_a_start_in_the_future_counts_as_now():
    later = NOW + timedelta(days=1)
    verdicts = judge([candidate(1, throttle=HOUR, last_start=later)], limits())
    assert verdicts.due == {1: NOW + HOUR}


def test_negative_throttle_lets_nothing_through_and_is_an_error_of_each_identity():
    verdicts = judge([candidate(1, throttle=-HOUR), candidate(2)], limits())
    assert verdicts.failed == {1: "the throttle is negative: -1h"}
    assert list(verdicts.throttled) == [1]
    assert verdicts.due == {}
    assert verdicts.queued == [2]


def test_throttled_actions_do_not_count_towards_the_threshold():
    resting = candidates(50, throttle=HOUR, last_start=NOW)
    verdicts = judge([*resting, candidate(99)], limits("1"))
    assert verdicts.queued == [99]


# --- VIP ---------------------------------------------------------------------------------------


def test_vip_is_suspended_whatever_the_limit_and_the_others_go_on():
    verdicts = judge([candidate(1, vip=CHIEF), candidate(2)], limits())
    assert verdicts.suspended == {
        1: [Reason("vip", "executives", "executives is true for this identity")]
    }
    assert verdicts.queued == [2]
    assert verdicts.reason == ""


def test_vip_counts_towards_the_threshold():
    verdicts = judge([candidate(1, vip=CHIEF), *candidates(3)[2:], candidate(5)], limits("2"))
    assert verdicts.queued == []
    assert [reason.guard for reason in verdicts.suspended[1]] == ["vip", "threshold"]


def test_throttle_comes_before_vip():
    verdicts = judge([candidate(1, vip=CHIEF, throttle=HOUR, last_start=NOW)], limits())
    assert list(verdicts.throttled) == [1]
    assert verdicts.suspended == {}


def test_vip_does_not_spend_a_rate():
    verdicts = judge([candidate(1, vip=CHIEF, allows=lambda: pytest.fail("was asked"))], limits())
    assert list(verdicts.suspended) == [1]


def test_what_changed_since_people_were_asked_is_asked_again():
    verdicts = judge([candidate(1, changed=True), candidate(2)], limits())
    assert verdicts.suspended == {1: [Reason("change", "", "changed since people were asked")]}
    assert verdicts.queued == [2]


def test_vip_that_changed_says_both_the_vip_first():
    verdicts = judge([candidate(1, changed=True, vip=CHIEF)], limits())
    assert [reason.guard for reason in verdicts.suspended[1]] == ["vip", "change"]


def test_what_nobody_answered_before_is_asked_again_with_the_reason():
    text = "nobody answered until 2026-11-20; asked again"
    verdicts = judge([candidate(1, unanswered=text), candidate(2)], limits())
    assert verdicts.suspended == {1: [Reason("expiry", "", text)]}
    assert verdicts.queued == [2]
    both = judge([candidate(1, unanswered=text, changed=True, vip=CHIEF)], limits())
    assert sorted(each.guard for each in both.suspended[1]) == ["change", "expiry", "vip"]


# --- Count and Quota ---------------------------------------------------------------------------


def test_count_up_to_a_hundred_lets_exactly_a_hundred_through():
    calls = count(1)
    wishes = candidates(150, allows=lambda: next(calls) <= 100)
    verdicts = judge(wishes, limits("50%"))
    assert verdicts.queued == list(range(100))
    assert sorted(verdicts.limited) == list(range(100, 150))
    assert set(verdicts.limited.values()) == {
        "the rate limit is reached; it is tried again in a later run"
    }


def test_rates_ask_whose_last_start_is_oldest_first_then_by_id_then_by_target():
    asked: list[Any] = []

    def wish(identity: int, **more: Any) -> Candidate[Any]:
        own = candidate(identity, **more)
        return own._replace(allows=lambda: asked.append(own.key) is None)

    judge(
        [
            wish(1, last_start=NOW + HOUR),
            wish(2, last_start=NOW - HOUR),
            wish(3, last_start=NOW),
            wish(5),
            wish(4, target="b"),
            wish(4, target="a"),
        ],
        limits("50%"),
    )
    assert asked == ["4/a", "4/b", 5, 2, 1, 3]


def test_unknown_rate_does_not_let_through():
    verdicts = judge([candidate(1, allows=lambda: None)], limits())
    assert verdicts.limited == {
        1: "the rate limit cannot be told; it is tried again in a later run"
    }
    assert verdicts.failed == {}


def test_failing_rate_lets_nothing_through_and_is_an_error_of_that_identity():
    def fail() -> bool:
        raise EvaluationError("text is no number")

    verdicts = judge([candidate(1, allows=fail), candidate(2, allows=lambda: True)], limits())
    assert verdicts.failed == {1: "the rate limit failed: text is no number"}
    assert list(verdicts.limited) == [1]
    assert verdicts.queued == [2]


def test_limited_actions_do_not_count_towards_the_threshold():
    calls = count(1)
    verdicts = judge(candidates(50, allows=lambda: next(calls) <= 3), limits("3"))
    assert len(verdicts.queued) == 3


def test_candidate_without_a_rate_needs_none_beside_one_with():
    verdicts = judge([candidate(1), candidate(2, allows=lambda: False)], limits())
    assert verdicts.queued == [1]


# --- threshold ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "population", "fired", "verdict"),
    [
        ("5%", 100_000, 5_000, "queued"),
        ("5%", 100_000, 5_001, "suspended"),
        ("50%", 9_999, 4_999, "queued"),
        ("50%", 9_999, 5_000, "suspended"),
        ("0", 2_000, 1, "suspended"),
        ("0%", 2_000, 1, "suspended"),
        ("1", 2_000, 1, "queued"),
        ("1%", 2, 1, "queued"),
        ("1%", 2, 2, "suspended"),
        ("1%", 0, 1, "queued"),
        ("0.5%", 2_000, 10, "queued"),
        ("0.5%", 2_000, 11, "suspended"),
        ("200", 2_000, 200, "queued"),
        ("200", 2_000, 201, "suspended"),
    ],
)
def test_limit_is_the_number_allowed(limit, population, fired, verdict):
    verdicts = judge(candidates(fired), limits(limit, population))
    assert len(getattr(verdicts, verdict)) == fired


def test_tripped_threshold_suspends_the_whole_rule_with_the_sentence_of_the_mail():
    verdicts = judge(candidates(300), limits("5%", 2_000))
    sentence = "300 actions, 100 allowed (5% of 2 000)"
    assert verdicts.reason == sentence
    assert set(verdicts.suspended) == set(range(300))
    assert verdicts.suspended[7] == [Reason("threshold", "limit", sentence)]
    assert (verdicts.allowed, verdicts.limit_text) == (100, "5% of 2 000")


def test_a_plain_number_needs_no_explanation():
    assert judge(candidates(1), limits("0")).reason == "1 action, 0 allowed"


def test_several_objects_of_one_identity_count_once():
    twice = [candidate(1), candidate(1)._replace(key="other")]
    assert judge(twice, limits("1")).queued == [1, "other"]


def test_memberships_count_each_addition_and_each_removal():
    additions = [
        candidate(1, operation=Operation.ADD_MEMBER, target=f"{group}\x1f1") for group in "abc"
    ]
    assert judge(additions, limits("3")).reason == ""
    assert judge(additions, limits("2")).reason == "3 actions, 2 allowed"


def test_nothing_fired_trips_nothing_even_where_nothing_can_be_measured():
    verdicts = judge([], limits("0", None, earlier=None))
    assert verdicts.reason == ""
    assert verdicts.allowed is None


# --- ceiling -----------------------------------------------------------------------------------


def test_six_thousand_asked_on_a_large_silo_becomes_five_thousand_with_an_error():
    verdicts = judge([], limits("6000", 100_000))
    assert verdicts.allowed == 5_000
    assert verdicts.limit_text == "6 000, reduced to 5% of 100 000"
    assert verdicts.errors == [
        "the limit 6 000 is above the ceiling of 5%; it was reduced to 5% of 100 000, "
        "which is 5 000. Lower it, or apply an unlock key"
    ]


def test_reduced_limit_trips_at_the_ceiling():
    assert judge(candidates(5_000), limits("6000", 100_000)).reason == ""
    assert judge(candidates(5_001), limits("6000", 100_000)).reason == (
        "5 001 actions, 5 000 allowed (6 000, reduced to 5% of 100 000)"
    )


@pytest.mark.parametrize(
    ("limit", "population", "more", "allowed", "is_error"),
    [
        ("5%", 10_000, {}, 500, False),
        ("500", 10_000, {}, 500, False),
        ("501", 10_000, {}, 500, True),
        ("6%", 10_000, {}, 500, True),
        ("5.000001%", 10_000, {}, 500, True),
        ("100%", 9_999, {}, 9_999, False),
        ("9999", 9_999, {}, 9_999, False),
        ("50%", 4_000, {"silo_population": 9_999}, 2_000, False),
        ("50%", 4_000, {"silo_population": 10_000}, 200, True),
        ("50%", 12_000, {"silo_population": 4_000}, 600, True),
        ("50%", 100_000, {"ceiling": False}, 50_000, False),
        ("5%", 100_000, {"raised": 6_000}, 5_000, True),
        ("1%", 100_000, {"raised": 4_000}, 4_000, False),
        ("1%", 2_000, {"raised": 1_500}, 1_500, False),
        ("1%", 2_000, {"raised": 0}, 0, False),
    ],
)
def test_ceiling_holds_from_ten_thousand_live_objects(limit, population, more, allowed, is_error):
    verdicts = judge([], limits(limit, population, **more))
    assert verdicts.allowed == allowed
    assert bool(verdicts.errors) is is_error


# --- what cannot be measured -------------------------------------------------------------------


def test_unknown_population_suspends():
    verdicts = judge([candidate(1)], limits("5%", None))
    assert verdicts.reason == (
        "1 action, and how many objects there are is not known, so nothing is allowed"
    )
    assert verdicts.queued == []


def test_unknown_population_suspends_under_a_number_as_the_ceiling_cannot_be_told():
    assert judge([candidate(1)], limits("100", None)).queued == []


def test_a_number_without_a_ceiling_needs_no_population():
    verdicts = judge([candidate(1)], limits("100", None, ceiling=False))
    assert verdicts.queued == [1]
    assert verdicts.allowed == 100


@pytest.mark.parametrize("limit", ["100", "5%"])
def test_a_limit_is_said_although_nobody_knows_of_how_many(limit):
    assert judge([], limits(limit, None)).limit_text == limit
    assert judge([], limits(limit, None, ceiling=False)).limit_text == limit


def test_a_percentage_without_a_population_suspends_even_without_a_ceiling():
    assert judge([candidate(1)], limits("5%", None, ceiling=False)).queued == []


def test_lookback_that_cannot_be_read_suspends():
    verdicts = judge(candidates(2), limits(earlier=None))
    assert verdicts.reason == "2 actions, and those of the last hour cannot be read"
    assert verdicts.lookback == 0


# --- lookback ----------------------------------------------------------------------------------


def test_two_deltas_of_sixty_under_a_limit_of_a_hundred_trip_the_second():
    first = judge(candidates(60), limits("100"))
    assert len(first.queued) == 60
    second = judge([candidate(i) for i in range(60, 120)], limits("100", earlier=set(first.queued)))
    assert second.queued == []
    assert second.reason == "60 actions and 60 in the last hour, 100 allowed"
    assert second.lookback == 60


def test_an_identity_counts_once_with_its_earlier_action():
    verdicts = judge(candidates(60), limits("100", earlier=frozenset(range(20, 100))))
    assert len(verdicts.queued) == 60
    assert verdicts.lookback == 40


def test_lookback_of_memberships_knows_additions_and_removals():
    wishes = leaving("sales", [1, 2])
    earlier = frozenset({unit(wishes[0]), unit(candidate(9, target="sales\x1f9"))})
    assert unit(wishes[0]) == (Operation.REMOVE_MEMBER, "sales\x1f1")
    known = {"groups": {"sales": GroupSize(name="grp-sales", members=100)}, "earlier": earlier}
    assert judge(wishes, limits("3", **known)).reason == ""
    assert judge(wishes, limits("2", **known)).reason == (
        "2 actions and 1 in the last hour, 2 allowed"
    )


def test_lookback_over_another_span_says_which():
    verdicts = judge(candidates(1), limits("1", earlier=frozenset({7}), span=timedelta(hours=2)))
    assert verdicts.reason == "1 action and 1 in the last 2h, 1 allowed"


# --- limits besides ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clears", "population", "cleared", "reason"),
    [
        ("1%", 2_000, 20, ""),
        ("1%", 2_000, 21, "21 values become empty, 20 allowed (1% of 2 000)"),
        ("1%", 100, 5, ""),
        ("1%", 100, 6, "6 values become empty, 5 allowed (1% of 100, at least 5)"),
        ("3", 2_000, 4, "4 values become empty, 3 allowed"),
        ("0", 2_000, 1, "1 value becomes empty, 0 allowed"),
        ("0%", 2_000, 1, "1 value becomes empty, 0 allowed (0% of 2 000)"),
    ],
)
def test_changes_to_empty_have_a_limit_of_their_own(clears, population, cleared, reason):
    wishes = [*candidates(cleared, clears=TITLE), candidate(98)]
    verdicts = judge(wishes, limits("50%", population, clears=clears))
    assert verdicts.reason == reason
    assert (not verdicts.queued) is bool(reason)


def test_one_action_may_empty_several_values():
    assert judge([candidate(1, clears=frozenset("abcdef"))], limits("50%", 100)).reason.startswith(
        "6 values"
    )


def test_clears_may_be_unlimited():
    assert judge(
        [candidate(1, clears=frozenset(map(str, range(60))))], limits("50%", clears=None)
    ).queued == [1]


def test_clears_without_a_population_trip_only_where_there_are_some():
    unknown = limits("100", None, ceiling=False)
    assert judge([candidate(1)], unknown).queued == [1]
    assert judge([candidate(1, clears=TITLE)], unknown).reason == (
        "1 value becomes empty, and 1% of an unknown number of objects cannot be told"
    )


def test_clears_as_a_number_need_no_population():
    unknown = limits("100", None, ceiling=False, clears="1")
    assert judge([candidate(1, clears=TITLE)], unknown).queued == [1]
    assert judge([candidate(1, clears=frozenset("ab"))], unknown).queued == []


@pytest.mark.parametrize(
    ("changing", "reason"),
    [
        (40, ""),
        (41, "department changes on 41 objects, 40 allowed (2% of 2 000)"),
    ],
)
def test_an_attribute_may_have_a_limit(changing, reason):
    wishes = [
        *candidates(changing, attributes=frozenset({"department", "title"})),
        candidate(99, attributes=frozenset({"title"})),
    ]
    own = {"attributes": {"department": parse_limit("2%")}}
    assert judge(wishes, limits("50%", **own)).reason == reason


def test_attribute_limit_of_zero_asks_for_one_object_and_not_for_none():
    own = limits(attributes={"manager": parse_limit("0")})
    changing = candidate(1, attributes=frozenset({"manager"}))
    assert judge([changing], own).reason == "manager changes on 1 object, 0 allowed"
    assert judge([candidate(1)], own).reason == ""


def test_attribute_limit_without_a_population_trips_only_where_it_changes():
    own = limits("100", None, ceiling=False, clears=None, attributes={"manager": parse_limit("2%")})
    assert judge([candidate(1)], own).queued == [1]
    assert judge([candidate(1, attributes=frozenset({"manager"}))], own).queued == []


@pytest.mark.parametrize(
    ("size", "removed", "reason"),
    [
        (10, 2, ""),
        (10, 3, "3 members leave the group grp-sales, 2 allowed (20% of 10)"),
        (9, 8, ""),
        (9, 9, "the group grp-sales becomes empty: 9 members leave"),
        (1, 1, "the group grp-sales becomes empty: 1 member leaves"),
    ],
)
def test_groups_lose_a_fifth_at_most_and_never_all(size, removed, reason):
    sizes = {"g1": GroupSize(name="grp-sales", members=size)}
    verdicts = judge(leaving("g1", range(removed)), limits("50%", groups=sizes))
    assert verdicts.reason == reason


def test_group_of_unknown_size_loses_nobody_unasked():
    verdicts = judge(leaving("g1", [1]), limits())
    assert verdicts.reason == "1 member leaves the group g1, whose size is not known"
    verdicts = judge(leaving("g1", [1, 2]), limits())
    assert verdicts.reason == "2 members leave the group g1, whose size is not known"


def test_members_may_be_unlimited_but_a_group_still_does_not_become_empty():
    sizes = {"g1": GroupSize(name="grp-sales", members=20)}
    free = limits("50%", groups=sizes, members=None)
    assert judge(leaving("g1", range(19)), free).reason == ""
    assert judge(leaving("g1", range(20)), free).reason.startswith("the group grp-sales becomes")


def test_every_way_of_being_too_much_is_said():
    wishes = candidates(30, clears=TITLE)
    verdicts = judge(wishes, limits("1%"))
    assert verdicts.reason == (
        "30 actions, 20 allowed (1% of 2 000); 30 values become empty, 20 allowed (1% of 2 000)"
    )
    assert [reason.name for reason in verdicts.suspended[0]] == ["limit", "clears"]


def test_every_reason_says_which_guard_and_which_of_its_limits():
    sizes = {"g1": GroupSize(name="grp-sales", members=10)}
    own = {"clears": "1", "attributes": {"title": parse_limit("1")}, "groups": sizes}
    wishes = [
        *candidates(3, clears=TITLE, attributes=frozenset({"title"})),
        *leaving("g1", range(3)),
    ]
    verdicts = judge(wishes, limits("5", **own))
    assert [(each.guard, each.name) for each in verdicts.suspended[0]] == [
        ("threshold", "limit"),
        ("threshold", "clears"),
        ("threshold", "attribute title"),
        ("threshold", "members"),
    ]


# --- the limits besides look back too ----------------------------------------------------------


def cleared(numbers, *names: str) -> list[Candidate[Any]]:
    return [candidate(number, clears=frozenset(names or ("title",))) for number in numbers]


def retitled(numbers) -> list[Candidate[Any]]:
    return [candidate(number, attributes=TITLE) for number in numbers]


@pytest.mark.parametrize(
    ("now", "past", "reason"),
    [
        (4, 1, ""),
        (4, 2, "4 values become empty and 2 in the last hour, 5 allowed (1% of 100, at least 5)"),
        (1, 5, "1 value becomes empty and 5 in the last hour, 5 allowed (1% of 100, at least 5)"),
        (0, 50, ""),
    ],
)
def test_values_that_became_empty_before_count_with_those_of_now(now, past, reason):
    wishes = [*cleared(range(now)), candidate(99)]
    own = limits("50%", 100, past=cleared(range(10, 10 + past)))
    assert judge(wishes, own).reason == reason


def test_a_value_that_becomes_empty_again_counts_once_and_another_of_the_same_object_besides():
    past = cleared(range(3), "title", "phone")
    assert judge(cleared(range(3)), limits("50%", clears="6", past=past)).reason == ""
    assert judge(cleared(range(3), "office"), limits("50%", clears="6", past=past)).reason == (
        "3 values become empty and 6 in the last hour, 6 allowed"
    )


@pytest.mark.parametrize(
    ("now", "past", "reason"),
    [
        (range(1), range(1, 10), ""),
        (range(1), range(1, 11), "title changes on 1 object and 10 in the last hour, 10 allowed"),
        (range(6), range(6, 11), "title changes on 6 objects and 5 in the last hour, 10 allowed"),
        (range(10), range(10), ""),
        (range(11), range(0), "title changes on 11 objects, 10 allowed"),
        (range(0), range(50), ""),
    ],
)
def test_objects_whose_attribute_changed_before_count_once_with_those_of_now(now, past, reason):
    wishes = [*retitled(now), candidate(99)]
    own = limits("50%", attributes={"title": parse_limit("10")}, past=retitled(past))
    assert judge(wishes, own).reason == reason


def test_another_attribute_that_changed_before_does_not_count():
    past = [candidate(number, attributes=frozenset({"phone"})) for number in range(50)]
    own = limits("50%", attributes={"title": parse_limit("1")}, past=past)
    assert judge(retitled([1]), own).queued == [1]


@pytest.mark.parametrize(
    ("members", "left", "now", "past", "reason"),
    [
        (18, 2, [3, 4], [1, 2], ""),
        (
            18,
            2,
            [3, 4, 5],
            [1, 2],
            "3 members leave the group grp-sales and 2 in the last hour, 4 allowed (20% of 20)",
        ),
        (
            19,
            1,
            [9],
            [1, 2, 3, 4],
            "1 member leaves the group grp-sales and 4 in the last hour, 4 allowed (20% of 20)",
        ),
        (20, 0, [1, 2, 3, 4], [1, 2], ""),
        (
            9,
            1,
            [2, 3],
            [1],
            "2 members leave the group grp-sales and 1 in the last hour, 2 allowed (20% of 10)",
        ),
        (8, 1, [2, 3], [1], ""),
        (2, 7, [8, 9], range(7), "the group grp-sales becomes empty: 2 members leave"),
    ],
)
def test_a_group_is_measured_by_what_it_had_before_the_lookback(members, left, now, past, reason):
    sizes = {"g1": GroupSize(name="grp-sales", members=members, left=left)}
    own = limits("50%", groups=sizes, past=leaving("g1", past))
    assert judge(leaving("g1", now), own).reason == reason


def test_what_left_another_group_before_does_not_count():
    sizes = {"g1": GroupSize(name="grp-sales", members=10)}
    own = limits("50%", groups=sizes, past=leaving("g2", range(9)))
    assert judge(leaving("g1", [1, 2]), own).reason == ""


def test_the_lookback_of_every_limit_says_its_span():
    own = limits("50%", clears="1", past=cleared([2]), span=timedelta(hours=2))
    assert judge(cleared([1]), own).reason == (
        "1 value becomes empty and 1 in the last 2h, 1 allowed"
    )


def test_the_number_of_the_lookback_is_that_of_the_volume():
    verdicts = judge(cleared([1]), limits("50%", past=cleared([2]), earlier=frozenset({7})))
    assert verdicts.lookback == 1


# --- limits of a silo --------------------------------------------------------------------------


def silo(limit: str, objects: int | None, population: int | None = 2_000) -> Reason | None:
    return silo_reason(
        "ad",
        Operation.DELETE,
        parse_limit(limit),
        objects=objects,
        population=population,
        per=timedelta(days=1),
    )


def test_silo_limit_allows_as_many_as_it_says():
    assert silo("1%", 20) is None
    assert silo("20", 20) is None
    assert silo("20", 20, None) is None


@pytest.mark.parametrize(
    ("limit", "objects", "population", "text"),
    [
        ("1%", 21, 2_000, "21 objects of ad to delete within 1d, 20 allowed (1% of 2 000)"),
        ("20", 21, None, "21 objects of ad to delete within 1d, 20 allowed"),
        ("1%", 1, None, "how many objects ad has is not known"),
        ("0", 1, 2_000, "1 object of ad to delete within 1d, 0 allowed"),
        ("1%", None, 2_000, "the objects of ad to delete in the last 1d cannot be read"),
    ],
)
def test_silo_limit_says_why_it_is_too_much(limit, objects, population, text):
    assert silo(limit, objects, population) == Reason("limit", "ad", text)


def test_silo_limit_of_an_empty_silo_allows_one_and_says_of_how_many():
    assert silo("1%", 1, 0) is None
    found = silo("1%", 2, 0)
    assert found is not None
    assert found.text == "2 objects of ad to delete within 1d, 1 allowed (1% of 0)"


def test_silo_limit_writes_operations_in_words():
    found = silo_reason(
        "ad",
        Operation.REMOVE_MEMBER,
        parse_limit("0"),
        objects=1,
        population=5,
        per=timedelta(hours=1),
    )
    assert found is not None
    assert found.text == "1 object of ad to remove member within 1h, 0 allowed"


# --- how many are said already ------------------------------------------------------------------

THREE = say_many("{count} action", "{count} actions", 3)
TWO_ALLOWED = say("{count} allowed", count=2)


def too_many(**values):
    said = {"actions": THREE, "since": "", "allowed": TWO_ALLOWED, **values}
    return say("{actions}{since}, {allowed}", **said)


def test_a_number_that_is_said_already_is_not_said_again():
    assert unless_said(too_many(), 3) is TWO_ALLOWED


@pytest.mark.parametrize(
    ("reason", "count"),
    [
        (too_many(), 4),
        (too_many(since=" and 2 in the last hour"), 3),
        (too_many(actions="3 actions"), 3),
        (too_many(allowed="2 allowed"), 3),
        (say("changed since people were asked"), 3),
        ("3 actions, 2 allowed", 3),
    ],
)
def test_another_reason_is_said_as_it_is(reason, count):
    assert unless_said(reason, count) is reason
