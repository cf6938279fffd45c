"""Time spans: how long, written the ways people write it. Pure.

Accepted: ``d.hh:mm:ss``, ``hh:mm``, ``hh:mm:ss``, ``90s 10m 2h 1d 1w`` and sums of those
(``1h30m``), ISO 8601 ``PT10M`` and ``P1DT2H``. Bare numbers and calendar units (months, years)
have no one meaning and are refused with both likely ones named.
"""

from __future__ import annotations

import re
from datetime import timedelta

_CLOCK = re.compile(r"(?:(\d{1,6})\.)?(\d{1,2}):(\d{2})(?::(\d{2}))?")
_UNITS = re.compile(r"(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?(?:(\d{1,9})m)?(?:(\d{1,10})s)?")
_ISO = re.compile(
    r"P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,10})S)?)?"
)
_CALENDAR = re.compile(r"(?i)P?\d+\s*(mo|month|months|y|yr|year|years)|P\d+[YM].*")


def parse_time_span(text: str) -> timedelta:
    """Read a time span; negative ones and anything above 10 000 days are refused.

    Raises ``ValueError`` with a sentence that says what would be right.
    """
    stripped = text.strip()
    if re.fullmatch(r"\d+", stripped):
        raise ValueError(
            f"{text!r} has no unit; write '{stripped}s' for seconds or '{stripped}m' for minutes"
        )
    if _CALENDAR.fullmatch(stripped):
        raise ValueError(
            f"{text!r} is a calendar unit and has no fixed length; "
            "write '30d' for a month or '365d' for a year"
        )
    span = _parse(stripped)
    if span is None:
        raise ValueError(
            f"{text!r} is not a time span; write for instance '90s', '1h30m', '1d', "
            "'1.02:03:04' or 'PT10M'"
        )
    if span > timedelta(days=10_000):
        raise ValueError(f"{text!r} is more than 10 000 days; write a shorter time span")
    return span


def _parse(text: str) -> timedelta | None:
    if match := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        if hours > 23 or minutes > 59 or seconds > 59:
            return None
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    match = _UNITS.fullmatch(text) or _ISO.fullmatch(text)
    if match is None or not any(match.groups()) or text.endswith("T"):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def format_time_span(span: timedelta) -> str:
    """Write a time span the short way, for instance ``1d2h`` or ``90s``; zero is ``0s``."""
    seconds = int(span.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
