"""Limits tried on the past: the guard's own measure, run by run, and what is advised from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hypersync.model.limit import Limit, parse_limit
from hypersync.pipeline.advise import Advice, Asked, Terms, Trials, Tried
from hypersync.rulebook.rules import Lookback

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def asked(
    at: datetime,
    units: range,
    *,
    population: int | None = 1000,
    is_full: bool = False,
    held: range = range(0),
    allowed: int | None = 50,
    earlier: int = 0,
) -> Asked:
    counted = frozenset(units)
    return Asked(
        at=at,
        is_full=is_full,
        units=counted,
        free=counted - set(held),
        held=frozenset(held),
        population=population,
        allowed=allowed,
        earlier=earlier,
    )


def terms(
    limit: str = "5%", *, silo: int | None = 1000, is_event: bool = False, **lookback
) -> Terms:
    return Terms(
        limit=parse_limit(limit),
        lookback=Lookback(**lookback),
        silo_population=silo,
        is_event=is_event,
    )


def advised(runs: list[Asked], now: datetime, *more: str, of: Terms | None = None) -> Advice:
    trials = Trials(of or terms(), [parse_limit(each) for each in more])
    for run in runs:
        trials.look(run)
    return trials.advice(now)


def tried(advice: Advice, limit: str) -> Tried:
    return next(each for each in advice.tried if each.limit == parse_limit(limit))


def tripped(advice: Advice, limit: str) -> int:
    return tried(advice, limit).tripped


def days(*sizes: int, **more) -> list[Asked]:
    """One run a day, each asking for so much."""
    return [asked(START + number * DAY, range(size), **more) for number, size in enumerate(sizes)]


# --- measuring ---------------------------------------------------------------------------------


def test_a_limit_is_the_number_allowed_so_equal_does_not_trip():
    advice = advised(days(10, 11), START + 2 * DAY)
    assert tripped(advice, "10") == 1
    assert tripped(advice, "20") == 0


def test_a_percentage_is_taken_of_the_population_of_each_run_and_allows_at_least_one():
    runs = [
        asked(START, range(2), population=1000),
        asked(START + DAY, range(2), population=2000),
        asked(START + 2 * DAY, range(1), population=10),
        asked(START + 3 * DAY, range(2), population=10),
    ]
    assert tripped(advised(runs, START + 4 * DAY), "0.1%") == 2


def test_the_lookback_counts_what_this_limit_would_have_let_through():
    runs = [asked(START, range(60)), asked(START + 30 * MINUTE, range(100, 160))]
    advice = advised(runs, START + DAY, "100", "120", "60", "59")
    assert tripped(advice, "120") == 0
    assert tripped(advice, "100") == 1
    assert tripped(advice, "60") == 1
    assert tripped(advice, "59") == 2


def test_the_lookback_counts_each_identity_once_and_ends_after_its_span():
    again = [asked(START, range(60)), asked(START + 30 * MINUTE, range(60))]
    assert tripped(advised(again, START + DAY, "60"), "60") == 0
    on_time = [asked(START, range(60)), asked(START + 60 * MINUTE, range(100, 160))]
    assert tripped(advised(on_time, START + DAY, "60"), "60") == 1
    later = [asked(START, range(60)), asked(START + 61 * MINUTE, range(100, 160))]
    assert tripped(advised(later, START + DAY, "60"), "60") == 0


def test_a_full_run_looks_back_only_when_the_rule_says_so():
    runs = [asked(START, range(60)), asked(START + MINUTE, range(100, 160), is_full=True)]
    assert tripped(advised(runs, START + DAY, "100"), "100") == 0
    assert tripped(advised(runs, START + DAY, "100", of=terms(full=True)), "100") == 1


def test_what_tripped_counts_in_a_later_lookback_only_when_the_rule_says_so():
    runs = [asked(START, range(200)), asked(START + MINUTE, range(300, 350))]
    assert tripped(advised(runs, START + DAY, "100"), "100") == 1
    assert tripped(advised(runs, START + DAY, "100", of=terms(suspended=True)), "100") == 2


def test_vips_count_at_once_and_never_in_a_lookback():
    runs = [
        asked(START, range(11), held=range(6)),
        asked(START + MINUTE, range(100, 106), held=range(100, 101)),
    ]
    assert tripped(advised(runs, START + DAY, "10"), "10") == 1
    assert tripped(advised(runs, START + DAY, "11"), "11") == 0
    assert tripped(advised(runs, START + DAY, "11", of=terms(suspended=True)), "11") == 0


def test_an_unknown_population_trips_as_the_guard_does():
    advice = advised(days(1, population=None), START + DAY)
    assert tripped(advice, "5%") == 1
    assert tripped(advice, "50") == 1


def test_how_often_the_limit_in_force_tripped_is_counted_with_the_lookback_of_then():
    runs = [
        asked(START, range(50), allowed=50),
        asked(START + DAY, range(50), allowed=50, earlier=1),
        asked(START + 2 * DAY, range(1), allowed=None),
    ]
    advice = advised(runs, START + 3 * DAY)
    assert advice.tripped == 2
    assert advice.largest_measured == 51


def test_sizes_are_ranked_over_the_runs_in_which_the_rule_asked_for_something():
    advice = advised(days(0, *range(1, 101)), START + 101 * DAY)
    assert (advice.runs, advice.asking) == (101, 100)
    assert (advice.median, advice.most, advice.largest) == (50, 95, 100)


def test_numbers_above_the_first_that_never_trips_are_left_out():
    advice = advised(days(3, 7), START + 2 * DAY)
    numbers = [str(each.limit) for each in advice.tried if not each.limit.is_percent]
    assert numbers == ["1", "2", "5", "10"]


# --- advising ----------------------------------------------------------------------------------


def test_the_lowest_limit_that_trips_at_most_once_a_month_is_advised():
    advice = advised(days(*[4] * 59, 30), START + 60 * DAY)
    assert (str(advice.percentage), str(advice.number)) == ("0.5%", "5")
    assert advice.text == "0.5% (would have tripped once) or 5 (would have tripped once)"


def test_in_two_months_a_limit_may_trip_twice():
    sizes = [1] * 58 + [40, 40]
    assert str(advised(days(*sizes), START + 60 * DAY).number) == "1"
    assert str(advised(days(*sizes), START + 59 * DAY).number) == "50"


@pytest.mark.parametrize(
    ("history", "text"),
    [
        (timedelta(hours=5), "2 runs in less than a day: too few to say; needs about 30 days"),
        (3 * DAY, "2 runs in 3 days: too few to say; needs about 30 days"),
        (29 * DAY, "2 runs in 29 days: too few to say; needs about 30 days"),
    ],
)
def test_with_too_little_history_nothing_is_advised(history, text):
    runs = [asked(START, range(3)), asked(START + MINUTE, range(3))]
    advice = advised(runs, START + history)
    assert (advice.percentage, advice.number) == (None, None)
    assert advice.text == text


def test_a_rule_that_asked_for_nothing_gives_nothing_to_go_by():
    advice = advised(days(0, 0), START + 40 * DAY)
    assert (advice.percentage, advice.number) == (None, None)
    assert advice.text == "it asked for nothing in 40 days, so there is nothing to go by"
    assert advised([], START).text == "no committing run yet"


def test_nothing_above_the_ceiling_is_ever_advised_on_a_large_silo():
    large = {"population": 10_000, "allowed": 500}
    advice = advised(days(*[600] * 40, **large), START + 40 * DAY, "50%", of=terms(silo=10_000))
    assert (advice.percentage, advice.number) == (None, None)
    assert advice.text.startswith("even the highest limit that may be advised")
    assert tripped(advice, "50%") == tripped(advice, "1000") == tripped(advice, "5%") == 40
    assert tried(advice, "50%").text == "50% of 10 000, reduced to 5% of 10 000"


def test_on_a_small_silo_a_number_above_five_percent_may_be_advised():
    small = {"population": 9_999, "allowed": 499}
    advice = advised(days(*[600] * 40, **small), START + 40 * DAY, of=terms(silo=9_999))
    assert (advice.percentage, str(advice.number)) == (None, "1000")


def test_an_event_rule_gets_numbers_only_and_no_ceiling():
    advice = advised(
        days(*[600] * 40, population=0),
        START + 40 * DAY,
        "3%",
        of=terms("100", silo=None, is_event=True),
    )
    assert not any(each.limit.is_percent for each in advice.tried)
    assert (advice.percentage, advice.number) == (None, Limit(number=1000))


def test_a_limit_is_not_advised_when_a_higher_one_tripped_more_often():
    """A lower limit stops the large run, and so spares the later ones its lookback."""
    runs = [asked(START, range(95))]
    runs += [asked(START + n * MINUTE, range(n * 100, n * 100 + 10)) for n in (1, 2, 3)]
    advice = advised(runs, START + 40 * DAY)
    assert (tripped(advice, "50"), tripped(advice, "100"), tripped(advice, "200")) == (1, 3, 0)
    assert str(advice.number) == "200"
    assert advice.text.endswith("200 (would have tripped 0 times)")
