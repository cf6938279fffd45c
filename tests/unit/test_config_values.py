from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hypersync.config import values
from hypersync.config.values import Cron, Every, Secret, WeeklyWindow, parse_window
from hypersync.model.limit import Limit


def convert(kind: Any, text: object) -> Any:
    return TypeAdapter(kind).validate_python(text)


def why(kind: Any, text: object) -> str:
    with pytest.raises(ValidationError) as caught:
        convert(kind, text)
    return caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (values.Flag, "true", True),
        (values.Flag, "false", False),
        (values.Flag, True, True),
        (values.WholeNumber, "0", 0),
        (values.PositiveNumber, "100", 100),
        (values.SignedNumber, "-5", -5),
        (values.Span, "0s", timedelta(0)),
        (values.PositiveSpan, "1.02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        (values.LimitValue, "5%", Limit(parts=5_000_000)),
        (values.LimitValue, "0", Limit(number=0)),
        (values.LimitValue, Limit(number=3), Limit(number=3)),
        (values.SpanOrExpression, "24h", timedelta(hours=24)),
        (values.SpanOrExpression, "env.EXPIRES", "env.EXPIRES"),
        (
            values.SpanOrExpression,
            "span('1h') if hr.x else span('2h')",
            "span('1h') if hr.x else span('2h')",
        ),
        (values.Timing, "every 5m", Every(timedelta(minutes=5))),
        (values.Timing, "*/30 0-6 1,15 * 1-5", Cron("*/30 0-6 1,15 * 1-5")),
        (values.Zone, "Europe/Paris", "Europe/Paris"),
        (values.SecretText, "s3cret", Secret("s3cret")),
    ],
)
def test_text_becomes_a_value(kind, text, value):
    assert convert(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "part"),
    [
        (values.Flag, "on", "'on' is neither true nor false; write true or false"),
        (values.Flag, "True", "neither true nor false"),
        (values.WholeNumber, "1_000", "'1_000' is not a whole number; write digits only"),
        (values.WholeNumber, "-1", "digits only"),
        (values.SignedNumber, "1.5", "digits only"),
        (values.PositiveNumber, "0", "write a whole number from 1"),
        (values.Span, "90", "'90' has no unit"),
        (values.PositiveSpan, "0s", "no time at all"),
        (values.LimitValue, "101%", "more than 100%"),
        (values.LimitValue, "many", "is not a limit"),
        (values.SpanOrExpression, "10", "has no unit"),
        (values.SpanOrExpression, "1y", "calendar unit"),
        (values.SpanOrExpression, "5 minutes", "is not a time span"),
        (values.SpanOrExpression, "P1M", "calendar unit"),
        (values.Timing, "daily", "is no schedule"),
        (values.Timing, "61 * * * *", "numbers from 0 to 59"),
        (values.Timing, "*/0 * * * *", "no cron field"),
        (values.Timing, "5-1 * * * *", "backwards"),
        (values.Timing, "every 0s", "no time at all"),
        (values.CronLine, "every 5m", "five cron fields"),
        (values.Zone, "Paris", "is no time zone"),
        (values.Zone, "/etc/passwd", "is no time zone"),
        (values.Filled, "  ", "this is empty"),
        (values.WholeNumber, ["1"], "this must be one value"),
    ],
)
def test_a_wrong_text_says_what_would_be_right(kind, text, part):
    assert part in why(kind, text)


def test_a_secret_prints_as_stars():
    secret = Secret("geheim")
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    assert secret.reveal() == "geheim"
    assert len(secret) == 6


def test_schedules_print_as_they_are_written():
    assert str(Every(timedelta(minutes=5))) == "every 5m"
    assert str(Cron("0 3 * * *")) == "0 3 * * *"


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("fri 18:00 - mon 06:00", [4 * 1440 + 1080, 6 * 1440, 0, 359], [360, 4 * 1440 + 1079]),
        ("Tue 08:00-tue 17:30", [1440 + 480], [1440 + 479, 1440 + 1050]),
        ("sun 22:00 - sun 24:00", [6 * 1440 + 1439], [0, 6 * 1440]),
    ],
)
def test_a_window_of_the_week_contains_its_start_and_not_its_end(text, inside, outside):
    window = parse_window(text)
    assert isinstance(window, WeeklyWindow)
    assert all(window.contains(minute) for minute in inside)
    assert not any(window.contains(minute) for minute in outside)


@pytest.mark.parametrize(
    "text",
    [
        "18:00 - 06:00",
        "fri 25:00 - mon 06:00",
        "fri 18:00 - fri 18:00",
        "fri 24:30 - mon 1:00",
        "x",
    ],
)
def test_a_wrong_window_says_what_would_be_right(text):
    with pytest.raises(ValueError, match="is no window; write for instance"):
        parse_window(text)
