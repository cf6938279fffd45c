"""Says what people have to be asked again, however few it is about, and why. Pure.

Whatever was stopped and not approved since comes back with a question: what nobody answered, what
became void before it was done, and what takes the place of a change that was rejected.

Failure direction: what is remembered under a key asks about anything that is wanted under it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hypersync.pipeline.release import asks_again
from hypersync.ports.store.marks import Hold

VOID_ASKS_AGAIN = timedelta(days=30)
"""How long what became void before it was done is asked again, however little rejections hold."""

_VOID = "void"


def why_again(hold: Hold | None, now: datetime) -> str:
    """Say why people have to be asked about what `hold_applies` does not hold back, or nothing."""
    if hold is None or not asks_again(hold, now):
        return ""
    when = "" if hold.at is None else f" at {hold.at:%Y-%m-%d %H:%M} UTC"
    times = "" if hold.times < 2 else f", {hold.times} times so far"
    if not hold.is_unanswered:
        who = "" if hold.by is None else f" by {hold.by}"
        return f"rejected{who}{when}{times}; it is another change now"
    if hold.by == _VOID:
        return f"it was stopped before and became void{when} before it was done{times}; asked again"
    return f"its time ran out{when} without an answer{times}; asked again"
