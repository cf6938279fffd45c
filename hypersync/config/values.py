"""The kinds of value a configuration holds, converted from text. Pure.

Everything arrives as text, so each kind says exactly which spellings it takes: a flag is ``true``
or ``false`` (``on`` is text), a number has digits only. Values that are already converted pass
unchanged, so that models can be built in code too. Connectors use the same kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from hypersync.model.limit import Limit, parse_limit
from hypersync.model.time_span import format_time_span, parse_time_span

T = TypeVar("T")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(
    r"(?:(mon|tue|wed|thu|fri|sat|sun)\s+)?(\d{1,2}):(\d{2})\s*-\s*"
    r"(?:(mon|tue|wed|thu|fri|sat|sun)\s+)?(\d{1,2}):(\d{2})"
)
_MINUTES_PER_WEEK = 7 * 24 * 60
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that prints as ``***``; ``reveal()`` gives it."""

    _text: str

    def reveal(self) -> str:
        """Return the secret text."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __len__(self) -> int:
        return len(self._text)


@dataclass(frozen=True, slots=True)
class Every:
    """A schedule: again and again after ``span``."""

    span: timedelta

    def __str__(self) -> str:
        return f"every {format_time_span(self.span)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule: minute, hour, day of month, month, day of week (0 and 7 are Sunday)."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """A part of each week, in minutes since Monday 00:00; it may wrap around the week's end."""

    start: int
    end: int

    def contains(self, minute: int) -> bool:
        """Whether ``minute`` of the week is in the window (the start is, the end is not)."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


def _from_text(kind: type[T], parse: Callable[[str], T]) -> Callable[[object], T]:
    def convert(value: object) -> T:
        if isinstance(value, kind) and not isinstance(value, str):
            return value
        if not isinstance(value, str):
            raise ValueError("this must be one value; write it as text")  # noqa: TRY004 - pydantic collects it
        return parse(value)

    return convert


def _parse_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false; write true or false")
    return text == "true"


def _parse_whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,12}", text):
        raise ValueError(f"{text!r} is not a whole number; write digits only, such as 100")
    return int(text)


def _parse_signed(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,12}", text):
        raise ValueError(f"{text!r} is not a whole number; write digits only, such as 10")
    return int(text)


def _parse_positive_span(text: str) -> timedelta:
    span = parse_time_span(text)
    if not span:
        raise ValueError(f"{text!r} is no time at all; write a time span above zero")
    return span


def _check_positive(number: int) -> int:
    if number < 1:
        raise ValueError("0 is too small; write a whole number from 1")
    return number


def _parse_span_or_expression(text: str) -> timedelta | str:
    """Read a time span; text that looks like an expression stays text, to be compiled later."""
    try:
        return parse_time_span(text)
    except ValueError:
        if re.match(r"\s*[A-Za-z_(]", text) and not re.match(r"P\d", text):
            return text
        raise


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write for instance Europe/Paris") from None
    return name


def parse_cron(text: str) -> Cron:
    """Read the five fields of a cron line, numbers only; raises ``ValueError``."""
    fields = text.split()
    if len(fields) != len(_CRON_RANGES):
        raise ValueError(
            f"{text!r} is no schedule; write five cron fields such as '0 3 * * *', or 'every 5m'"
        )
    for field, (low, high) in zip(fields, _CRON_RANGES, strict=True):
        for part in field.split(","):
            match = _CRON_PART.fullmatch(part)
            first, last, step = match.groups() if match else (None, None, "0")
            numbers = [int(number) for number in (first, last) if number is not None]
            if step == "0" or any(not low <= number <= high for number in numbers):
                raise ValueError(
                    f"{part!r} in {text!r} is no cron field; write numbers from {low} to {high}, "
                    "*, */5, 1-5 or 1,3"
                )
            if numbers != sorted(numbers):
                raise ValueError(f"{part!r} in {text!r} runs backwards; write the smaller first")
    return Cron(text)


def _parse_timing(text: str) -> Every | Cron:
    if text.startswith("every "):
        return Every(_parse_positive_span(text.removeprefix("every ")))
    return parse_cron(text)


def parse_window(text: str) -> WeeklyWindow:
    """Read ``fri 18:00 - mon 06:00``; raises ``ValueError``."""
    match = _WINDOW.fullmatch(text.strip().lower())
    wrong = f"{text!r} is no window; write for instance 'fri 18:00 - mon 06:00'"
    if match is None or match[1] is None or match[4] is None:
        raise ValueError(wrong)
    start = _minute(match[1], int(match[2]), int(match[3]), wrong)
    end = _minute(match[4], int(match[5]), int(match[6]), wrong)
    if start == end:
        raise ValueError(wrong + "; this one is empty")
    return WeeklyWindow(start, end)


def _minute(day: str, hour: int, minute: int, wrong: str) -> int:
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise ValueError(wrong)
    return (_DAYS.index(day) * 24 * 60 + hour * 60 + minute) % _MINUTES_PER_WEEK


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ValueError(f"{name!r} is no name; write letters, digits, '-', '_' and '.'")
    return name


def _check_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("this is not one line of text; write it without line breaks")
    return text


def _check_filled(text: str) -> str:
    if not text.strip():
        raise ValueError("this is empty; write a text")
    return text


def _schema(kind: Any, pattern: str = "", example: str = "") -> WithJsonSchema:  # noqa: ANN401
    schema: dict[str, Any] = {"type": kind}
    if pattern:
        schema["pattern"] = pattern
    if example:
        schema["examples"] = [example]
    return WithJsonSchema(schema)


_OR_VARIABLE = r"^({}|\$\{{.*\}})$"
_AS_TEXT = PlainSerializer(str, return_type=str)
_SPAN_AS_TEXT = PlainSerializer(
    lambda span: format_time_span(span) if isinstance(span, timedelta) else span, return_type=str
)

Flag = Annotated[
    bool,
    BeforeValidator(_from_text(bool, _parse_flag)),
    _schema(["boolean", "string"], _OR_VARIABLE.format("true|false")),
]
WholeNumber = Annotated[
    int,
    BeforeValidator(_from_text(int, _parse_whole)),
    _schema(["integer", "string"], _OR_VARIABLE.format(r"-?\d+")),
]
SignedNumber = Annotated[
    int,
    BeforeValidator(_from_text(int, _parse_signed)),
    _schema(["integer", "string"], _OR_VARIABLE.format(r"-?\d+")),
]
PositiveNumber = Annotated[WholeNumber, AfterValidator(_check_positive)]
Span = Annotated[
    timedelta,
    BeforeValidator(_from_text(timedelta, parse_time_span)),
    _SPAN_AS_TEXT,
    _schema("string", example="1h30m"),
]
PositiveSpan = Annotated[
    timedelta,
    BeforeValidator(_from_text(timedelta, _parse_positive_span)),
    _SPAN_AS_TEXT,
    _schema("string", example="10m"),
]
SpanOrExpression = Annotated[
    timedelta | str,
    BeforeValidator(_from_text(timedelta, _parse_span_or_expression)),
    _SPAN_AS_TEXT,
    _schema("string", example="24h"),
]
LimitValue = Annotated[
    Limit,
    BeforeValidator(_from_text(Limit, parse_limit)),
    _AS_TEXT,
    _schema(["integer", "string"], _OR_VARIABLE.format(r"\d+(\.\d+)?%?"), "5%"),
]
Timing = Annotated[
    Every | Cron,
    BeforeValidator(_from_text(Every | Cron, _parse_timing)),
    _AS_TEXT,
    _schema("string", example="every 5m"),
]
CronLine = Annotated[
    Cron,
    BeforeValidator(_from_text(Cron, parse_cron)),
    _AS_TEXT,
    _schema("string", example="0 3 * * *"),
]
Window = Annotated[
    WeeklyWindow,
    BeforeValidator(_from_text(WeeklyWindow, parse_window)),
    _schema("string", example="fri 18:00 - mon 06:00"),
]
SecretText = Annotated[
    Secret, BeforeValidator(_from_text(Secret, Secret)), _AS_TEXT, _schema("string")
]
Filled = Annotated[str, AfterValidator(_check_filled)]
Expression = Annotated[str, AfterValidator(_check_filled), _schema(["string", "number", "boolean"])]
Line = Annotated[str, AfterValidator(_check_line)]
Text = Annotated[str, _schema(["string", "number", "boolean"])]
Zone = Annotated[str, AfterValidator(_check_zone)]
Name = Annotated[str, AfterValidator(_check_name)]
