"""Words schedules: what each does, when it is due next, and when it was last. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from hypersync.messages import wording
from hypersync.messages.pages.dashboard import DueView
from hypersync.timetable import Scheduled

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Coming:
    """Something scheduled, when it is due next (``None``: never), and when it was last."""

    scheduled: Scheduled
    due: datetime | None
    last: datetime | None


def due_views(coming: Iterable[Coming], now: datetime, zone: str, *, is_led: bool) -> list[DueView]:
    """Return what is scheduled, what comes next first."""
    ordered = sorted(coming, key=lambda each: each.due or _NEVER)
    return [_due_view(each, now, zone, is_led=is_led) for each in ordered]


def _due_view(coming: Coming, now: datetime, zone: str, *, is_led: bool) -> DueView:
    last = coming.last
    return DueView(
        what=what(coming.scheduled),
        due=_due(coming, now, zone, is_led=is_led),
        last="never yet" if last is None else wording.moment(last, zone),
    )


def what(scheduled: Scheduled) -> str:
    """Return what something scheduled does, and how often."""
    timing = wording.visible(str(scheduled.timing), 80)
    if scheduled.silo is not None:
        return f"{scheduled.kind} scan of {wording.visible(scheduled.silo, 60)}, {timing}"
    preview = ", a preview only" if scheduled.is_preview else ""
    return f"{scheduled.kind} sync{preview}, {timing}"


def _due(coming: Coming, now: datetime, zone: str, *, is_led: bool) -> str:
    if coming.due is None:
        return "never"
    if coming.due > now:
        return wording.moment(coming.due, zone)
    return "now" if is_led else "as soon as a daemon runs"
