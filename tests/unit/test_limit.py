from __future__ import annotations

import pytest

from hypersync.model.limit import Limit, parse_limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("0", Limit(number=0)),
        ("200", Limit(number=200)),
        (" 7 ", Limit(number=7)),
        ("0%", Limit(parts=0)),
        ("5%", Limit(parts=5_000_000)),
        ("5 %", Limit(parts=5_000_000)),
        ("0.5%", Limit(parts=500_000)),
        ("0.000001%", Limit(parts=1)),
        ("100%", Limit(parts=100_000_000)),
    ],
)
def test_a_limit_is_a_whole_number_or_a_percentage(text, limit):
    assert parse_limit(text) == limit
    assert parse_limit(str(limit)) == limit


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "1_000", "five", "%", ".5%", "5.%", "0.0000001%", "5%%", "1e3", "1 0"]
)
def test_anything_else_is_no_limit_and_the_message_says_what_would_be(text):
    with pytest.raises(ValueError, match="is not a limit; write a whole number such as 200"):
        parse_limit(text)


@pytest.mark.parametrize("text", ["101%", "100.000001%", "999%"])
def test_a_percentage_over_a_hundred_is_refused(text):
    with pytest.raises(ValueError, match="more than 100%"):
        parse_limit(text)


@pytest.mark.parametrize(
    ("text", "population", "allowed"),
    [
        ("5%", 100_000, 5_000),
        ("5%", 9_999, 499),
        ("5%", 1, 1),
        ("5%", 0, 1),
        ("0%", 100_000, 0),
        ("0.5%", 2_000, 10),
        ("0.1%", 999, 1),
        ("33.333333%", 3_000_000, 999_999),
        ("29%", 100, 29),
        ("100%", 7, 7),
        ("0", 100_000, 0),
        ("6000", 5, 6_000),
    ],
)
def test_percentages_round_down_to_at_least_one_and_numbers_stay(text, population, allowed):
    assert parse_limit(text).allowed(population) == allowed


@pytest.mark.parametrize("percent", range(1, 101))
def test_no_percentage_loses_one_as_floats_do(percent):
    assert parse_limit(f"{percent}%").allowed(100) == percent


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("5%", "5%"),
        ("0.50%", "0.5%"),
        ("10%", "10%"),
        ("100%", "100%"),
        ("0%", "0%"),
        ("010", "10"),
    ],
)
def test_limits_are_written_the_short_way(text, written):
    assert str(parse_limit(text)) == written


def test_only_percentages_depend_on_the_population():
    assert parse_limit("5%").is_percent
    assert parse_limit("0%").is_percent
    assert not parse_limit("0").is_percent


@pytest.mark.parametrize("both", [{}, {"number": 1, "parts": 1}])
def test_a_limit_is_one_of_the_two(both):
    with pytest.raises(ValueError, match="a number or a percentage"):
        Limit(**both)
