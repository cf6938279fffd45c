"""When what is scheduled is due: the schedules of a configuration, computed without a scheduler.

The daemon runs by it and the pages show it. Cron lines are read by APScheduler, on the clocks of
their zone; intervals are counted from a start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from hypersync.config.models import Configuration, ScheduleConfig
from hypersync.config.values import Cron, Every

INSTANT = timedelta(microseconds=1)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WINDOWS = tuple(map(timedelta, (0.01, 1, 32, 366, 366 * 30)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """One thing that is scheduled: its name in the store, when, and what.

    ``silo`` is set for a scan, which is ``full`` or ``delta`` as a sync is. ``after`` counts the
    rounds that it waits before its very first run: scans come before syncs.
    """

    name: str
    timing: Cron | Every
    timezone: str = "UTC"
    after: int = 0
    kind: str = "full"
    silo: str | None = None
    is_preview: bool = False


def timetable(configuration: Configuration) -> list[Scheduled]:
    """Return everything that is scheduled, in the order of the configuration."""
    return [
        each
        for number, schedule in enumerate(configuration.schedules, 1)
        for each in _scheduled(number, schedule)
    ]


def _scheduled(number: int, schedule: ScheduleConfig) -> Iterator[Scheduled]:
    """Yield what one entry schedules; its number keeps equal entries apart."""
    zone = schedule.timezone
    if schedule.scan is not None:
        silo = schedule.scan
        for kind, timing in (("full", schedule.full), ("delta", schedule.delta)):
            if timing is not None:
                name = f"{number} scan {silo} {kind} {timing}"
                yield Scheduled(name=name, timing=timing, timezone=zone, kind=kind, silo=silo)
        return
    timing = schedule.at or (None if schedule.every is None else Every(schedule.every))
    if timing is not None and schedule.sync is not None:
        yield Scheduled(
            name=f"{number} sync {schedule.sync} {timing}",
            timing=timing,
            timezone=zone,
            after=1,
            kind=schedule.sync,
            is_preview=schedule.preview,
        )


def next_due(scheduled: Scheduled, last: datetime | None, now: datetime) -> datetime | None:
    """Return when something is due next: now when it was missed, ``None`` for never.

    ``last`` is the due time that was run last; what never ran is due when the daemon begins, if it
    is an interval, and as if it began now, if it is a cron line.
    """
    start = now if last is None else last
    if latest_due(scheduled, start, now, is_first=last is None) is not None:
        return now
    if isinstance(scheduled.timing, Every):
        return start + scheduled.timing.span
    return _following(trigger_of(scheduled, start), max(start, now))


def trigger_of(scheduled: Scheduled, start: datetime) -> Any:  # noqa: ANN401 - APScheduler has no types
    """Return the trigger of what is scheduled; intervals are counted from ``start``.

    With both a day of the month and a day of the week a cron line means either, as cron has it.
    """
    if isinstance(scheduled.timing, Every):
        seconds = scheduled.timing.span.total_seconds()
        return IntervalTrigger(seconds=seconds, start_date=start, timezone="UTC")
    minute, hour, day, month, weekday = scheduled.timing.text.split()
    days = [(day, "*"), ("*", weekday)] if "*" not in (day, weekday) else [(day, weekday)]
    either = [
        CronTrigger(
            minute=minute,
            hour=hour,
            day=of_month,
            month=month,
            day_of_week=weekdays(of_week),
            timezone=scheduled.timezone,
        )
        for of_month, of_week in days
    ]
    return either[0] if len(either) == 1 else OrTrigger(either)


def weekdays(field: str) -> str:
    """Write a cron line's days of the week by name: its 0 and 7 are Sunday, APScheduler's 6."""
    return ",".join(_weekdays(part) for part in field.split(","))


def _weekdays(part: str) -> str:
    days, _, step = part.partition("/")
    if part == "*":
        return part
    first, _, last = ("0", "-", "6") if days == "*" else days.partition("-")
    end = int(last or first) if last or not step else 6
    numbers = range(int(first), end + 1, int(step or 1))
    return ",".join(_DAYS[number % 7] for number in numbers)


def latest_due(
    scheduled: Scheduled, since: datetime, now: datetime, *, is_first: bool = False
) -> datetime | None:
    """Return the latest due time after ``since`` and not after ``now``; ``None``: none is due.

    ``is_first`` says that it never ran: then an interval is due at ``since`` as well.
    """
    if isinstance(scheduled.timing, Every):
        rounds = (now - since) // scheduled.timing.span
        return since + rounds * scheduled.timing.span if rounds > 0 or is_first else None
    zone = ZoneInfo(scheduled.timezone)
    trigger = trigger_of(scheduled, since)
    for window in _WINDOWS:
        found = _last_between(trigger, max(since, now - window), now)
        if found is not None and _on_the_wall(found, zone) != _on_the_wall(since, zone):
            return found
        if now - window <= since:
            return None
    return None


def _last_between(trigger: Any, after: datetime, until: datetime) -> datetime | None:  # noqa: ANN401
    found = None
    following = _following(trigger, after)
    while following is not None and following <= until:
        found = following
        following = _following(trigger, following)
    return found


def _following(trigger: Any, after: datetime) -> datetime | None:  # noqa: ANN401
    """Return the first due time after a moment, in UTC.

    In the hour that a zone has twice, APScheduler may name a time before the one it was asked for;
    it is asked again for later ones.
    """
    asked = after + INSTANT
    for _ in range(24):
        found: datetime | None = trigger.get_next_fire_time(None, asked)
        if found is None or found.astimezone(UTC) > after:
            return None if found is None else found.astimezone(UTC)
        asked += timedelta(minutes=15)
    return None


def _on_the_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what a clock on the wall shows: a time that comes twice in a night is one."""
    return moment.astimezone(zone).replace(tzinfo=None)
