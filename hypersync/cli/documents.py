"""What ``--json`` prints of actions, runs and scans, and the same for people.

The names are promised in ``docs/reference/json.md``: keys are always there, none is ever removed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from hypersync.messages.difference import difference
from hypersync.model.runs import RunMode
from hypersync.model.visible import unhidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypersync.app import App
    from hypersync.model.actions import Action
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
    return {
        **run_summary(run),
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


def run_summary(run: Run) -> dict[str, object]:
    """Return one run without its actions and errors."""
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
        "rules": rules,
        "scans": list(run.scans),
        "undoes": run.undoes,
        "reason": run.reason,
        "applied_plan": run.applied_plan,
    }


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
            lines.append(f"  {rule}: {_counted(asdict(report.counts), would=would)}")
            if report.reason:
                lines.append(f"    {report.reason}")
            if report.cause:
                lines.append(f"    {report.cause}")
    lines.append(f"  all: {_counted(asdict(run.counts), would=would)}")
    irreversible = str(app.irreversible(run))
    lines += [f"  {irreversible}"] * bool(irreversible)
    with app.store.snapshot() as unit:
        errors = unit.runs.errors(run.id, limit=10)
        actions = unit.actions.of_run(run.id, limit=min(limit, 20))
        total = unit.actions.count_of_run(run.id)
    lines += [f"  error: {_error(e.rule, e.identity)}{e.message}" for e in errors]
    lines += [f"  {action_line(action, would=would)}" for action in actions]
    if total > len(actions):
        lines.append(f"  ... and {total - len(actions)} more: hypersync history {run.id}")
    return "\n".join(lines)


def _error(rule: str | None, identity: int | None) -> str:
    parts = [rule, None if identity is None else f"identity {identity}"]
    shown = ", ".join(part for part in parts if part)
    return f"{shown}: " if shown else ""


def _counted(counts: Mapping[str, int], *, would: bool) -> str:
    be = "would be " if would else ""
    words = [f"{counts[word]} {be}{word}" for word in _WORDS if counts[word]]
    words += [f"{counts[word]} {word}" for word in _OUTCOMES if counts[word]]
    return ", ".join(words) or "nothing to do"


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
