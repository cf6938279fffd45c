"""What schedules make of lookbacks: full syncs that let every limit start anew. Pure.

A full sync does not look back unless its rules say so. One that comes more often than a lookback is
long lets through in portions what the limit was meant to stop. Two schedules are not added up.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypersync.model.mistake import Level, Mistake
from hypersync.model.time_span import format_time_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hypersync.config.models import Configuration
    from hypersync.rulebook.rules import Rule, Rulebook

_WARN = Level.WARNING
_DAY = 24 * 60
_MINUTES, _HOURS = 60, 24


def schedule_mistakes(configuration: Configuration, rulebook: Rulebook) -> Iterator[Mistake]:
    """Yield the schedules of full syncs that are shorter than a lookback that they leave out."""
    for schedule in configuration.schedules:
        if schedule.sync != "full" or schedule.preview:
            continue
        line = schedule.at
        between = schedule.every if line is None else shortest_time_between(str(line))
        if between is None or not (passed := _passed_over(rulebook.rules, between)):
            continue
        place = schedule.place("every" if line is None else "at")
        yield Mistake(_message(passed, between), _remedy(passed), place.file, place.line, _WARN)


def _passed_over(rules: Iterable[Rule], between: timedelta) -> list[Rule]:
    """Return the rules whose lookback is longer and left out by full syncs, the longest first."""
    lookbacks = [
        each
        for each in rules
        if not each.threshold.lookback.full and each.threshold.lookback.span > between
    ]
    return sorted(lookbacks, key=lambda each: each.threshold.lookback.span, reverse=True)


def _message(passed: list[Rule], between: timedelta) -> str:
    first = passed[0]
    others = "" if len(passed) == 1 else f" and {len(passed) - 1} more"
    return (
        f"full syncs come {format_time_span(between)} apart and do not look back: each lets "
        f"through anew what the limits of {first.id!r}{others} allow, whose lookback is "
        f"{format_time_span(first.threshold.lookback.span)}"
    )


def _remedy(passed: list[Rule]) -> str:
    span = format_time_span(passed[0].threshold.lookback.span)
    return (
        f"write 'lookback: {{span: {span}, full: true}}' under threshold:, 'sync: delta' here, or "
        "run full syncs less often"
    )


def shortest_time_between(cron: str) -> timedelta | None:
    """Return the shortest time between two moments of a cron line within a day and overnight.

    Nights count where it names every day. ``None``: it names one moment, and not of every day.
    """
    minute, hour, day, _, weekday = cron.split()
    moments = [60 * h + m for h in _numbers(hour, _HOURS) for m in _numbers(minute, _MINUTES)]
    if day == weekday == "*":
        moments.append(moments[0] + _DAY)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    return timedelta(minutes=min(gaps)) if gaps else None


def _numbers(field: str, end: int) -> list[int]:
    """Return the numbers that a field of a cron line stands for, in order."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "-", str(end - 1)) if span == "*" else span.partition("-")
        open_end = str(end - 1) if step else first
        found.update(range(int(first), int(last or open_end) + 1, int(step or 1)))
    return sorted(found)
