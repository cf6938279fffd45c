from __future__ import annotations

from datetime import timedelta

import pytest

from hypersync.model.time_span import format_time_span, parse_time_span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1.02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("1.00:00", timedelta(days=1)),
        ("10:30", timedelta(hours=10, minutes=30)),
        ("00:00:05", timedelta(seconds=5)),
        ("9:05", timedelta(hours=9, minutes=5)),
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1w", timedelta(weeks=1)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        ("0s", timedelta(0)),
        ("PT10M", timedelta(minutes=10)),
        ("P1DT2H", timedelta(days=1, hours=2)),
        ("P2W", timedelta(weeks=2)),
        ("PT0S", timedelta(0)),
        (" 5m ", timedelta(minutes=5)),
        ("10000d", timedelta(days=10_000)),
    ],
)
def test_time_spans_are_read_the_ways_people_write_them(text, span):
    assert parse_time_span(text) == span


@pytest.mark.parametrize("text", ["90", "0", " 15 "])
def test_bare_numbers_are_refused_with_both_likely_meanings(text):
    number = text.strip()
    with pytest.raises(ValueError, match=f"write '{number}s' for seconds or '{number}m' for min"):
        parse_time_span(text)


@pytest.mark.parametrize(
    "text", ["1mo", "2 months", "1 month", "1y", "3yr", "2 years", "P1M", "P1Y", "P1Y2M", "P1MT1H"]
)
def test_calendar_units_are_refused_with_both_likely_meanings(text):
    with pytest.raises(ValueError, match="'30d' for a month or '365d' for a year"):
        parse_time_span(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-5m",
        "1.5h",
        "5M",
        "m",
        "1h 30m",
        "30m1h",
        "P",
        "PT",
        "P1DT",
        "24:00",
        "1:60",
        "1:00:60",
        "1:2:3",
        "1:00:00:00",
        "env.SPAN",
    ],
)
def test_anything_else_is_no_time_span(text):
    with pytest.raises(ValueError, match="is not a time span; write for instance"):
        parse_time_span(text)


@pytest.mark.parametrize("text", ["10001d", "9999999999s", "240001h"])
def test_spans_beyond_ten_thousand_days_are_refused(text):
    with pytest.raises(ValueError, match="more than 10 000 days"):
        parse_time_span(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=1), "1h"),
        (timedelta(days=1, hours=2), "1d2h"),
        (timedelta(days=8, seconds=1), "8d1s"),
        (timedelta(microseconds=999_999), "0s"),
    ],
)
def test_time_spans_are_written_the_short_way(span, text):
    assert format_time_span(span) == text
