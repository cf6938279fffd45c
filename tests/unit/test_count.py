from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from hypersync.pipeline.count import Contexts
from hypersync.pipeline.guard import guard
from hypersync.ports.store.marks import QuotaState
from tests.candidates import NOW, candidate, limits

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def used(ago: timedelta, number: int = 40) -> Contexts:
    return Contexts({"x": QuotaState(NOW - ago, number)}, NOW)


def test_count_returns_how_often_it_was_called_this_call_included():
    contexts = Contexts({}, NOW)
    assert [contexts.count(True, "x", HOUR) for _ in range(3)] == [1, 2, 3]


def test_false_condition_returns_the_number_unchanged():
    contexts = Contexts({}, NOW)
    contexts.count(True, "x", HOUR)
    assert contexts.count(False, "x", HOUR) == 1
    assert contexts.count(False, "other", HOUR) == 0


def test_contexts_are_told_apart_by_name_only():
    contexts = Contexts({}, NOW)
    contexts.count(True, "x", HOUR)
    assert contexts.count(True, "x", DAY) == 2
    assert contexts.count(True, "y", HOUR) == 1


def test_count_starts_anew_with_each_run_and_keeps_nothing():
    contexts = Contexts({"x": QuotaState(NOW, 40)}, NOW)
    assert contexts.count(True, "x", DAY) == 1
    assert contexts.quotas() == {}


def test_count_up_to_a_hundred_in_a_rule_lets_exactly_a_hundred_through():
    contexts = Contexts({}, NOW)
    wishes = [
        candidate(each, allows=lambda: contexts.count(True, "x", HOUR) <= 100)
        for each in range(101)
    ]
    verdicts = guard(wishes, limits("50%"), NOW)
    assert (len(verdicts.queued), list(verdicts.limited)) == (100, [100])


def test_quota_goes_on_where_the_store_left_it():
    contexts = used(HOUR)
    assert contexts.quota(True, "x", DAY) == 41
    assert contexts.quotas() == {"x": QuotaState(NOW - HOUR, 41)}


@pytest.mark.parametrize(
    ("ago", "number"),
    [(DAY - timedelta(microseconds=1), 41), (DAY, 1), (DAY + HOUR, 1), (-HOUR, 41)],
)
def test_quota_starts_again_after_its_span(ago, number):
    assert used(ago).quota(True, "x", DAY) == number


def test_window_of_a_quota_starts_at_its_first_counted_call():
    contexts = used(2 * DAY)
    assert contexts.quota(False, "x", DAY) == 0
    assert contexts.quotas() == {}
    contexts.quota(True, "x", DAY)
    assert contexts.quotas() == {"x": QuotaState(NOW, 1)}


def test_window_that_starts_in_the_future_starts_now():
    contexts = used(-HOUR)
    contexts.quota(True, "x", DAY)
    assert contexts.quotas() == {"x": QuotaState(NOW, 41)}


@pytest.mark.parametrize("span", [timedelta(0), -HOUR])
def test_quota_without_length_still_counts_within_the_run(span):
    contexts = used(timedelta(0))
    assert [contexts.quota(True, "x", span) for _ in range(3)] == [1, 2, 3]


def test_what_a_candidate_drew_is_returned_when_it_does_not_run():
    contexts = used(HOUR)
    contexts.begin()
    contexts.quota(True, "x", DAY)
    contexts.quota(False, "x", DAY)
    first = contexts.drawn()
    contexts.begin()
    contexts.quota(True, "x", DAY)
    assert first == contexts.drawn() == Counter(x=1)
    contexts.give_back(first)
    assert contexts.quotas() == {"x": QuotaState(NOW - HOUR, 41)}
    assert contexts.quota(False, "x", DAY) == 41


def test_a_candidate_that_drew_twice_returns_both():
    contexts = used(HOUR)
    contexts.begin()
    contexts.quota(True, "x", DAY)
    contexts.quota(True, "x", DAY)
    drawn = contexts.drawn()
    assert drawn == Counter(x=2)
    contexts.give_back(drawn)
    assert contexts.quotas() == {"x": QuotaState(NOW - HOUR, 40)}
