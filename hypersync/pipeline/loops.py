"""Finds attributes that swing, and writes that never stick. Pure.

Looks at what rules wrote to one attribute of one object, oldest first, one write per run, as long
as there is less than a week between them. It is a loop when the value that is wanted now goes on
with a pattern that repeats itself: the same value for the fourth time (somebody, or the silo
itself, takes it back), ``a b a`` and now ``b``, or ``a b c a b`` and now ``c``.

Failure direction: stops that attribute of that rule for that object and says so in every run; the
other attributes and rules go on. It ends when another value is wanted, or a week after the last
write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypersync.model.ids import ObjectId
from hypersync.model.objects import Operation, Value
from hypersync.pipeline.drafts import Draft, Problem
from hypersync.pipeline.evaluate import Look
from hypersync.ports.store.actions import PastWrite
from hypersync.rulebook.rules import RuleKind

QUIET = timedelta(days=7)
"""How long nothing may be written until a swing is over."""

RUNS = 3
"""How many runs wrote before the next one is stopped."""

PERIODS = (1, 2, 3)
"""After how many writes a pattern repeats itself."""

LOOKED_AT = QUIET * (2 * PERIODS[-1] - 1)
"""How far back the writes of the longest pattern may lie."""

WRITES = (
    Operation.UPDATE,
    Operation.MOVE,
    Operation.RENAME,
    Operation.ENABLE,
    Operation.DISABLE,
)
"""The operations that write attributes of an object that is there."""

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Step:
    """One write to one attribute."""

    at: datetime
    run: str
    rule: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Loop:
    """The sentence that shows a swing, and when it is over if nobody writes again."""

    text: str
    until: datetime


def can_swing(draft: Draft) -> bool:
    """Tell whether a draft belongs to a flow: an update rule that writes to an object."""
    is_flow = draft.rule.kind is RuleKind.UPDATE and draft.operation in WRITES
    return is_flow and draft.object_id is not None


def without_loops(
    look: Look, writes: Mapping[ObjectId, Sequence[PastWrite]], now: datetime
) -> Look:
    """Take what would go on with a loop out of a look, and say so in it."""
    kept = []
    for draft in look.drafts:
        past = writes.get(draft.object_id) if draft.object_id is not None else None
        if past and can_swing(draft):
            _stop(look, draft, past, now)
        if draft.after or draft.operation not in WRITES:
            kept.append(draft)
        else:
            look.fired -= {draft.rule.id}
    look.drafts = kept
    return look


def _stop(look: Look, draft: Draft, past: Sequence[PastWrite], now: datetime) -> None:
    """Take the attributes that loop out of one draft."""
    for name, wanted in dict(draft.after or {}).items():
        current = (draft.before or {}).get(name)
        loop = loop_of(name, current, wanted, steps(name, past), rule=draft.rule.id, now=now)
        if loop is None:
            continue
        draft.after = {each: v for each, v in (draft.after or {}).items() if each != name}
        draft.before = {each: v for each, v in (draft.before or {}).items() if each != name}
        look.loops.append(Problem(draft.rule.id, draft.identity, "loop", loop.text))
        look.wake = loop.until if look.wake is None else min(look.wake, loop.until)


def steps(name: str, past: Sequence[PastWrite]) -> list[Step]:
    """Return the writes to one attribute, the last one of each run, oldest first."""
    found: dict[str, Step] = {}
    for each in past:
        if name in each.after:
            found.pop(each.run, None)
            step = Step(each.at, each.run, each.rule, each.before.get(name), each.after[name])
            found[each.run] = step
    return list(found.values())


def loop_of(
    name: str,
    current: Value,
    wanted: Value,
    written: Sequence[Step],
    *,
    rule: str,
    now: datetime,
) -> Loop | None:
    """Return the loop that writing the wanted value would go on with, or nothing.

    ``written`` are the writes to this attribute, oldest first; one from the future (the clock was
    set back) counts as written now.
    """
    recent = _without_gaps(written, now)
    values = [*(step.after for step in recent), wanted]
    for period in PERIODS:
        needed = max(RUNS, 2 * period - 1)
        tail = values[-needed - 1 :]
        repeats = all(one == other for one, other in zip(tail, tail[period:], strict=False))
        if len(tail) > needed and repeats:
            until = min(recent[-1].at, now) + QUIET
            return Loop(_text(name, current, recent[-needed:], rule, until), until)
    return None


def _without_gaps(written: Sequence[Step], now: datetime) -> list[Step]:
    """Return the last writes between which, and since which, there was no week of quiet."""
    recent: list[Step] = []
    later = now
    for step in reversed(written):
        at = min(step.at, later)
        if later - at >= QUIET:
            break
        recent.append(step)
        later = at
    return recent[::-1]


def _text(name: str, current: Value, tail: Sequence[Step], rule: str, until: datetime) -> str:
    chain: list[Value] = []
    for value in [each for step in tail for each in (step.before, step.after)] + [current]:
        if not chain or chain[-1] != value:
            chain.append(value)
    writers = list(dict.fromkeys(step.rule for step in tail))
    became = [*(step.before for step in tail[1:]), current]
    if any(step.after != value for step, value in zip(tail, became, strict=True)):
        writers.append("somebody else")
    by = writers[0] if len(writers) == 1 else f"{', '.join(writers[:-1])} and {writers[-1]}"
    return (
        f"{name}: {' -> '.join(map(_shown, chain))}, written by {by}; {rule} leaves it alone "
        f"until it wants another value, at the latest until {until:%Y-%m-%d %H:%M} UTC"
    )


def _shown(value: Value) -> str:
    if value is None:
        return "nothing"
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
