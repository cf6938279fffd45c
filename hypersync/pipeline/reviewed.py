"""Compares a plan that people reviewed with what a run finds now, and says what moved. Pure.

A reviewed plan is carried out exactly or not at all: each of its actions is wanted again with the
same values, and nothing else is wanted. That a silo was scanned again is no difference by itself.
Guards may hold back more than they did when the plan was made, never less: what the plan had held
back stays held back.

Failure direction: what cannot be compared is a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hypersync.errors import PlanMoved
from hypersync.model.actions import Reason
from hypersync.model.objects import Attributes
from hypersync.model.plan_file import Basis, PlannedAction, ReviewedPlan, Verdict
from hypersync.model.visible import unhidden
from hypersync.pipeline.found import Before, Candidate, Collected
from hypersync.pipeline.release import fingerprint

MOST_DIFFERENCES = 20
"""How many differences are told one by one."""
_LONGEST_VALUE = 80


def planned_action(
    candidate: Candidate, verdict: Verdict, reasons: tuple[Reason, ...] = (), lasting: str = ""
) -> PlannedAction:
    """Return a candidate as a plan tells it; ``lasting`` says why it cannot be undone."""
    draft = candidate.draft
    return PlannedAction(
        rule=draft.rule.id,
        identity=draft.identity,
        key=draft.key,
        title=draft.name,
        silo=draft.silo,
        type=draft.type,
        anchor=draft.anchor,
        operation=draft.operation,
        before=draft.before,
        after=draft.after,
        once=draft.once,
        fingerprint=fingerprint(draft, draft.rule.content_hash),
        verdict=verdict,
        reasons=reasons,
        irreversible=lasting or None,
    )


def check_revision(expected: ReviewedPlan, revision: str) -> None:
    """Raise `PlanMoved` when the rules are others than those the plan was made with."""
    made = expected.header.revision
    if made != revision:
        raise PlanMoved([f"the rules or the configuration changed: revision {made} -> {revision}"])


def check_same(
    expected: ReviewedPlan, found: Collected, before: Before, scans: Iterable[Basis]
) -> None:
    """Raise `PlanMoved`, saying what moved, when a run finds something else than the plan has."""
    moved = list(_differences(expected, found, before))
    if not moved:
        return
    count = len(moved)
    told = moved[:MOST_DIFFERENCES]
    if count > len(told):
        told.append(f"... and {count - len(told)} more")
    raise PlanMoved([*told, *_newer_scans(expected, scans)])


def held_back(expected: ReviewedPlan | None) -> Mapping[str, PlannedAction]:
    """Return by key what a reviewed plan does not let through; nothing without a plan."""
    if expected is None:
        return {}
    return {each.key: each for each in expected.actions if each.verdict is not Verdict.QUEUED}


def reason_of(planned: PlannedAction) -> str:
    """Say that the plan had held an action back, and why."""
    why = "; ".join(each.text for each in planned.reasons)
    return "held back in the reviewed plan" + (f": {why}" if why else "")


# --- what moved --------------------------------------------------------------------------------


def _differences(expected: ReviewedPlan, found: Collected, before: Before) -> Iterator[str]:
    wanted = {
        key: planned_action(candidate, Verdict.QUEUED)
        for candidates in found.candidates.values()
        for key, candidate in candidates.items()
    }
    gone = _Gone(found, before)
    for planned in expected.actions:
        now = wanted.pop(planned.key, None)
        if now is None:
            yield f"{_who(planned)}: {gone.why(planned)}"
        elif now.change() != planned.change():
            yield f"{_who(planned)}: {_changes(planned, now)}"
    for new in wanted.values():
        yield f"new: {new.rule} would {_what(new)} {_whom(new)}"


class _Gone:
    """Says why something that was planned is not among what a run may do."""

    def __init__(self, found: Collected, before: Before) -> None:
        self._open = before.open
        self._held = {key: row[-1] for key, row in found.repeated.items()}
        self._errors = {(each.rule, each.identity): each.message for each in found.errors}

    def why(self, planned: PlannedAction) -> str:
        """Say it in a few words."""
        if (existing := self._open.get(planned.key)) is not None:
            return f"is {existing.state.value} already, as action {existing.id}"
        if (text := self._held.get(planned.key)) is not None:
            return text
        for rule in (planned.rule, None):
            if (text := self._errors.get((rule, planned.identity))) is not None:
                return f"cannot be told now: {text}"
        return f"{planned.rule} no longer wants to {_what(planned)} it"


def _changes(planned: PlannedAction, now: PlannedAction) -> str:
    if planned.operation is not now.operation:
        return f"would be {_what(now)} now, the plan had {_what(planned)}"
    parts = [
        *_values("is now", planned.before, now.before),
        *_values("would become", planned.after, now.after),
        *_values("would become", planned.once, now.once),
    ]
    if planned.anchor != now.anchor:
        parts.append(f"the object is now {now.anchor}, the plan had {planned.anchor}")
    return ", ".join(parts) or "the change is another one than in the plan"


def _values(verb: str, planned: Attributes | None, now: Attributes | None) -> Iterator[str]:
    old, new = planned or {}, now or {}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            shown = _shown(new.get(name)), _shown(old.get(name))
            yield f"{name} {verb} {shown[0]}, the plan had {shown[1]}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = unhidden(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _what(action: PlannedAction) -> str:
    return action.operation.value.replace("_", " ")


def _whom(action: PlannedAction) -> str:
    where = "/".join(part for part in (action.silo, action.type, action.anchor) if part)
    return unhidden(f"{action.title} ({where})" if where else action.title)


def _who(action: PlannedAction) -> str:
    return f"{_whom(action)}, {action.rule}"


def _newer_scans(expected: ReviewedPlan, scans: Iterable[Basis]) -> Iterator[str]:
    known = {each.scan for each in expected.header.scans}
    for each in scans:
        if each.scan not in known:
            yield f"silo {each.silo} was scanned again at {each.at:%Y-%m-%d %H:%M} UTC"
