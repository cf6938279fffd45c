"""Says what people have to be asked again, however few it is about, and why. Pure.

Whatever was stopped and not approved since comes back with a question: what nobody answered, what
became void before it was done, and what takes the place of a change that was rejected. A rule
that does what one did that is gone does not start anew: what is remembered of that one asks too.

Failure direction: what is remembered under a key asks about anything that is wanted under it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from hypersync.model.said import say
from hypersync.pipeline.drafts import Draft
from hypersync.pipeline.release import asks_again
from hypersync.ports.store.actions import OpenAction
from hypersync.ports.store.marks import Hold

VOID_ASKS_AGAIN = timedelta(days=30)
"""How long what became void before it was done is asked again, however little rejections hold."""

_VOID = "void"


def why_again(hold: Hold | None, now: datetime, other: str = "change") -> str:
    """Say why people have to be asked about what `hold_applies` does not hold back, or nothing.

    ``other`` is what makes it differ from what was rejected.
    """
    if hold is None or not asks_again(hold, now):
        return ""
    when = "" if hold.at is None else say(" at {at}", at=hold.at)
    times = "" if hold.times < 2 else say(", {count} times so far", count=hold.times)
    if not hold.is_unanswered:
        who = "" if hold.by is None else say(" by {who}", who=hold.by)
        now_it = (
            say("it is another rule now") if other == "rule" else say("it is another change now")
        )
        return say("rejected{who}{at}{times}; {now}", who=who, at=when, times=times, now=now_it)
    if hold.by == _VOID:
        return say(
            "it was stopped before and became void{at} before it was done{times}; asked again",
            at=when,
            times=times,
        )
    return say("its time ran out{at} without an answer{times}; asked again", at=when, times=times)


def why_for_kin(hold: Hold, now: datetime) -> str:
    """Say what is remembered of a rule that is gone, for one that does the same."""
    why = why_again(hold, now, "rule")
    return say("{rule}, which is gone, did the same: {why}", rule=hold.rule, why=why)


def of_kin(
    draft: Draft, holds: Iterable[Hold], kin: Collection[str], now: datetime
) -> Iterator[Hold]:
    """Yield what is remembered of rules that are gone about what a draft would do.

    ``holds`` are those of its identity, ``kin`` the rules that did what its rule does.
    """
    place = draft.key.removeprefix(f"{draft.rule.id}|{draft.identity}|")
    for hold in holds:
        where = hold.key.removeprefix(f"{hold.rule}|{hold.identity}|")
        if hold.rule in kin and where == place and asks_again(hold, now):
            yield hold


def about_to_be_void(action: OpenAction, now: datetime) -> Hold:
    """Return what will be remembered of an action that people were asked about."""
    return Hold(
        key=action.key,
        rule=action.rule,
        identity=action.identity,
        fingerprint=action.fingerprint,
        until=now + VOID_ASKS_AGAIN,
        times=1,
        at=now,
        is_unanswered=True,
        by=_VOID,
    )
