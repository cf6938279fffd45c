"""Functions over dates, times and time spans. Pure.

A run has one clock: ``now()`` and ``today()`` are constants of it. Times are aware and UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hypersync.errors import EvaluationError
from hypersync.model.time_span import parse_time_span
from hypersync.rulebook.registry import Needs, described, function

_GROUP: Final = "Time"
_LDAP_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(?:(\d\d)(?:[.,]\d+)?)?Z")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone such as 'Europe/Paris'") from error


@function("now", group=_GROUP, example=("text(now())", "2026-03-02T09:30:00Z"), needs=Needs.CLOCK)
def now(clock: datetime) -> datetime:
    """Give the time of the run, in UTC."""
    return clock


@function(
    "today",
    group=_GROUP,
    example=("text(today('Europe/Paris'))", "2026-03-02"),
    needs=Needs.CLOCK,
    checks={"zone": _zone},
)
def today(clock: datetime, zone: str = "UTC") -> date:
    """Give the date of the run in a time zone."""
    try:
        return clock.astimezone(_zone(zone)).date()
    except ValueError as error:
        raise EvaluationError(str(error)) from error


@lru_cache(maxsize=4096)
def _date(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        return _time(text).date()
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a date such as '2026-03-02'") from error


def _time(text: str) -> datetime:
    if match := _LDAP_TIME.fullmatch(text):
        return datetime(*(int(part or 0) for part in match.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


@function(
    "date",
    group=_GROUP,
    example=("date('2026-03-02') < date('2026-03-10T08:00:00Z')", True),
    checks={"value": lambda value: _date(value) if isinstance(value, str) else value},
)
def date_(value: object) -> date:
    """Read a date: ``2026-03-02``, an ISO 8601 time or an LDAP time (its date in UTC)."""
    if isinstance(value, str):
        try:
            return _date(value.strip())
        except (ValueError, OverflowError) as error:
            raise EvaluationError(str(error)) from error
    if isinstance(value, datetime):
        return value.astimezone(UTC).date()
    if isinstance(value, date):
        return value
    raise EvaluationError(f"date() wants text or a time, not {described(value)}")


@function(
    "time",
    group=_GROUP,
    example=("time('2026-03-02T10:30:00+01:00') == now()", True),
)
def time_(value: object) -> datetime:
    """Read a time, ISO 8601 or LDAP; without a zone it is UTC, a date is its first moment."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        try:
            return _time(value.strip())
        except (ValueError, OverflowError) as error:
            raise EvaluationError(f"{value[:40]!r} is not a time") from error
    raise EvaluationError(f"time() wants text or a date, not {described(value)}")


@function(
    "ago",
    group=_GROUP,
    example=("ago('1d') < now()", True),
    needs=Needs.CLOCK,
    checks={"length": lambda length: _checked_span(length)},
)
def ago(clock: datetime, length: object) -> datetime:
    """Give the time so long before the run; the length is text such as ``'90d'`` or a span."""
    try:
        return clock - (length if isinstance(length, timedelta) else span(length))
    except OverflowError as error:
        raise EvaluationError("ago() is out of range") from error


@function(
    "span",
    group=_GROUP,
    example=("span('1h30m') == span('90m')", True),
    checks={"length": lambda length: _checked_span(length)},
)
def span(length: object) -> timedelta:
    """Read a time span such as ``'90s'``, ``'1h30m'``, ``'1.02:03:04'`` or ``'PT10M'``."""
    if isinstance(length, timedelta):
        return length
    if not isinstance(length, str):
        raise EvaluationError(f"span() wants text, not {described(length)}")
    try:
        return parse_time_span(length)
    except ValueError as error:
        raise EvaluationError(str(error)) from error


def _checked_span(length: object) -> object:
    return parse_time_span(length) if isinstance(length, str) else length
