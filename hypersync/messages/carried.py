"""Words for what runs carried on of earlier ones, and what became of their actions since. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypersync.messages import wording
from hypersync.model.actions import ActionState
from hypersync.model.runs import CarriedOn

MOST_RUNS = 10
"""Of how many earlier runs each is told of; the others are told of together."""
_SAID = {
    "succeeded": "succeeded",
    "failed": "failed",
    "conflict": "conflict",
    "unknown": "unknown",
    "found": "found done",
    "waiting": "still waiting",
}


def carried_lines(carried: Sequence[CarriedOn], most: int = MOST_RUNS) -> list[str]:
    """Return a line for each earlier run, and one for those beyond ``most``."""
    lines = [_line(each, f"of run {each.run}") for each in carried[:most]]
    rest = carried[most:]
    if rest:
        counts = {name: sum(getattr(each, name) for each in rest) for name in _SAID}
        runs = wording.counted(len(rest), "other run")
        lines.append(_line(CarriedOn(run=rest[0].run, **counts), f"of {runs}"))
    return lines


def _line(each: CarriedOn, whose: str) -> str:
    """Return ``carried on: 219 actions of run X succeeded``, or how many did and did not."""
    what = f"{wording.counted(each.total, 'action')} {whose}"
    if each.waiting == each.total:
        return f"still waiting: {what}"
    if each.succeeded == each.total:
        return f"carried on: {what} succeeded"
    counts = {said: getattr(each, name) for name, said in _SAID.items()}
    parts = [f"{wording.number(count)} {said}" for said, count in counts.items() if count]
    return f"carried on: {what}: {', '.join(parts)}"


def became_text(now: Mapping[ActionState, int]) -> str:
    """Return how many actions are in which state now: ``300 succeeded``."""
    shown = (f"{wording.number(count)} {state.value}" for state, count in now.items() if count)
    return ", ".join(shown) or "nothing is left"
