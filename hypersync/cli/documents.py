"""What ``--json`` prints of actions, runs and scans, and the same for people.

The names are promised in ``docs/reference/json.md``: keys are always there, none is ever removed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from hypersync.insight.became import is_news, what_became
from hypersync.messages.carried import became_text, carried_lines
from hypersync.messages.difference import difference
from hypersync.model.actions import ActionState
from hypersync.model.runs import RunMode
from hypersync.model.visible import unhidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypersync.app import App
    from hypersync.model.actions import Action
    from hypersync.model.ids import RunId
    from hypersync.model.objects import Attributes
    from hypersync.model.runs import Run
    from hypersync.model.scans import ScanReport

_MOST_NAMES = 6
_LONGEST_VALUE = 60
"""How many attributes of an action are named on its line, and how long a value may be."""

_WORDS = ("throttled", "limited", "suspended", "planned", "queued", "released")
_OUTCOMES = ("succeeded", "failed", "conflict", "unknown", "stale", "void", "errors")


def action_document(action: Action) -> dict[str, object]:
    """Return one action as ``--json`` prints it."""
    return {
        "id": action.id,
        "run": action.run,
        "rule": action.rule,
        "identity": str(action.identity),
        "silo": action.silo or None,
        "type": action.type or None,
        "anchor": action.anchor,
        "operation": action.operation.value,
        "state": action.state.value,
        "reasons": [asdict(reason) for reason in action.reasons],
        "before": plain(action.before),
        "after": plain(action.after),
        "decided_by": action.decided_by,
        "decided_at": action.decided_at,
        "error": action.error,
        "waits": action.waits,
    }


def plain(attributes: Attributes | None) -> dict[str, object] | None:
    """Return attributes with multi-valued ones as lists."""
    if attributes is None:
        return None
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in sorted(attributes.items())
    }


def run_document(app: App, run: Run, *, limit: int) -> dict[str, object]:
    """Return one run with at most ``limit`` actions."""
    with app.store.snapshot() as unit:
        actions = unit.actions.of_run(run.id, limit=limit)
        total = unit.actions.count_of_run(run.id)
        errors = unit.runs.errors(run.id, limit=limit)
        became = what_became(unit, [run])
    return {
        **run_summary(run, became),
        "errors": [
            {
                "rule": error.rule,
                "identity": None if error.identity is None else str(error.identity),
                "code": error.code,
                "message": error.message,
            }
            for error in errors
        ],
        "actions": [action_document(action) for action in actions],
        "actions_total": total,
        "irreversible": app.irreversible(run).count,
    }


def run_summary(run: Run, became: Mapping[RunId, Mapping[ActionState, int]]) -> dict[str, object]:
    """Return one run without its actions and errors; ``became`` is of it and maybe others."""
    rules = {}
    for rule, report in run.rules.items():
        shown = asdict(report)
        counts = shown.pop("counts")
        rules[rule] = {**counts, **shown}
    return {
        "run": run.id,
        "kind": run.kind.value,
        "mode": run.mode.value,
        "state": run.state.value,
        "config": run.config,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "started_by": run.started_by,
        "counts": asdict(run.counts),
        "carried_on": [asdict(each) for each in run.carried_on],
        "now": _states(became.get(run.id)),
        "rules": rules,
        "scans": list(run.scans),
        "undoes": run.undoes,
        "reason": run.reason,
        "applied_plan": run.applied_plan,
    }


def _states(now: Mapping[ActionState, int] | None) -> dict[str, int] | None:
    """Return how many actions are in each state, zeros among them; nothing for a preview."""
    if now is None:
        return None
    shown = (state for state in ActionState if state is not ActionState.PROPOSED)
    return {state.value: now.get(state, 0) for state in shown}


def scan_document(report: ScanReport) -> dict[str, object]:
    """Return one scan as ``--json`` prints it."""
    return {
        "silo": report.silo,
        "kind": report.kind.value,
        "state": report.state.value,
        "types": {kind: asdict(counts) for kind, counts in report.types.items()},
        "reason": report.reason or None,
    }


# --- for people --------------------------------------------------------------------------------


def run_text(app: App, run: Run, *, limit: int) -> str:
    """Return what a run did, or would do, in a few lines."""
    would = run.mode is RunMode.PREVIEW
    word = "preview, nothing was changed" if would else "committed"
    what = f"{run.kind.value} sync" if run.undoes is None else f"undo of run {run.undoes}"
    lines = [f"run {run.id}: {what}, {word}; {run.counts.identities} identities"]
    if run.reason is not None:
        lines.append(f"  reason: {run.reason}")
    if run.applied_plan is not None:
        lines.append(f"  carries out the reviewed plan {run.applied_plan}")
    for rule, report in run.rules.items():
        counts = report.counts
        if counts.proposed or counts.released or counts.errors or report.reason:
            counted = _counted(asdict(report.counts), would=would)
            lines.append(f"  {rule}: {counted or 'nothing to do'}")
            if report.reason:
                lines.append(f"    {report.reason}")
            if report.cause:
                lines.append(f"    {report.cause}")
    lines.append(f"  all: {_all(run, would=would)}")
    irreversible = str(app.irreversible(run))
    lines += [f"  {irreversible}"] * bool(irreversible)
    with app.store.snapshot() as unit:
        lines += [f"  {each}" for each in besides(run, what_became(unit, [run]))]
        errors = unit.runs.errors(run.id, limit=10)
        actions = unit.actions.of_run(run.id, limit=min(limit, 20))
        total = unit.actions.count_of_run(run.id)
    lines += [f"  error: {_error(e.rule, e.identity)}{e.message}" for e in errors]
    lines += [f"  {action_line(action, would=would)}" for action in actions]
    if total > len(actions):
        lines.append(f"  ... and {total - len(actions)} more: hypersync history {run.id}")
    return "\n".join(lines)


def _all(run: Run, *, would: bool) -> str:
    counted = _counted(asdict(run.counts), would=would)
    return counted or ("nothing new" if run.carried_on else "nothing to do")


def besides(run: Run, became: Mapping[RunId, Mapping[ActionState, int]]) -> list[str]:
    """Return what a run carried on, and what became of its actions where its counts are over."""
    now = became.get(run.id)
    lines = carried_lines(run.carried_on)
    return lines if now is None or not is_news(run, now) else [*lines, f"now: {became_text(now)}"]


def _error(rule: str | None, identity: int | None) -> str:
    parts = [rule, None if identity is None else f"identity {identity}"]
    shown = ", ".join(part for part in parts if part)
    return f"{shown}: " if shown else ""


def _counted(counts: Mapping[str, int], *, would: bool) -> str:
    be = "would be " if would else ""
    words = [f"{counts[word]} {be}{word}" for word in _WORDS if counts[word]]
    words += [f"{counts[word]} {word}" for word in _OUTCOMES if counts[word]]
    return ", ".join(words)


def action_line(action: Action, *, would: bool = False, is_whole: bool = False) -> str:
    """Return one action on one line: who, what, before and after, and why it waits.

    ``is_whole`` names every attribute that changes, for whoever decides by it.
    """
    state = "would" if would else action.state.value
    what = action.operation.value.replace("_", " ")
    where = "/".join(part for part in (action.silo, action.type, action.anchor) if part)
    reasons = "; ".join(reason.text for reason in action.reasons)
    change = change_text(action.before, action.after, is_whole=is_whole)
    tail = f"  [{reasons}]" if reasons else ""
    tail += f"  (waits: {action.waits})" if action.waits else ""
    return f"{action.id}  {state} {what} {unhidden(action.title)} ({where}) {change}{tail}".rstrip()


def change_text(
    before: Attributes | None, after: Attributes | None, *, is_whole: bool = False
) -> str:
    """Return what changes as ``name: old → new``, shortened for a terminal."""
    names = sorted({*(before or {}), *(after or {})})
    shown = names if is_whole else names[:_MOST_NAMES]
    parts = []
    for name in shown:
        old, new = difference((before or {}).get(name), (after or {}).get(name), _LONGEST_VALUE)
        parts.append(f"{name}: {old} → {new}")
    rest = len(names) - len(shown)
    text = ", ".join(parts)
    return f"{text} and {rest} more attribute{'s' if rest > 1 else ''}" if rest else text
