"""Builds the view of two runs beside each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from hypersync.insight.compare import Comparison, Part, Row, RuleCompared, Shown
from hypersync.messages import wording
from hypersync.messages.pages.runs import (
    ChoiceView,
    ComparedLine,
    ComparedRow,
    ComparePage,
    LinkView,
)
from hypersync.model.actions import Action
from hypersync.model.runs import Run
from hypersync.ports.store.ledger import Wish
from webui.runs.filters import address
from webui.runs.words import VERDICTS, action_view, counts_text, run_line, short_line

HOME = "/report/runs/compare"
_PARTS = {
    Part.CHANGED: "wanted differently",
    Part.ONLY_A: "wanted by the first only",
    Part.ONLY_B: "wanted by the second only",
    Part.BOTH: "wanted by both",
}


def which_page(runs: Sequence[Run], zone: str, a: str = "", b: str = "") -> ComparePage:
    """Return the form that asks which runs to compare."""
    return ComparePage(
        title="Compare two runs",
        choices_a=_choices(runs, zone, a),
        choices_b=_choices(runs, zone, b),
    )


def compare_page(
    found: Comparison, shown: Shown | None, runs: Sequence[Run], zone: str
) -> ComparePage:
    """Return two runs beside each other."""
    a, b = found.a, found.b
    known = {run.id: run for run in (*runs, a, b)}
    choices = sorted(known.values(), key=lambda run: run.started_at, reverse=True)
    return ComparePage(
        title="Two runs compared",
        choices_a=_choices(choices, zone, a.id),
        choices_b=_choices(choices, zone, b.id),
        a=run_line(a, zone),
        b=run_line(b, zone),
        rules=[_rule_line(each, found) for each in found.rules],
        note=_note(found.still_open),
        heading="" if shown is None else f"{wording.visible(shown.rule, 80)}: {_PARTS[shown.part]}",
        rows=[_row(each, zone) for each in found.shown.rows],
        more=""
        if shown is None
        else address(HOME, _query(found, shown.rule, shown.part), found.shown.next),
    )


def _choices(runs: Sequence[Run], zone: str, chosen: str) -> list[ChoiceView]:
    return [ChoiceView(run.id, short_line(run, zone), run.id == chosen) for run in runs]


def _note(still_open: int) -> str:
    if not still_open:
        return ""
    are = "is" if still_open == 1 else "are"
    return (
        f"{wording.counted(still_open, 'change')} wanted by one run only {are} still open: while "
        "an action is, no other run proposes the same."
    )


def _rule_line(compared: RuleCompared, found: Comparison) -> ComparedLine:
    links = {part: _link(part, compared, found) for part in Part}
    return ComparedLine(
        rule=wording.visible(compared.rule, 80),
        both=links[Part.BOTH],
        changed=links[Part.CHANGED],
        only_a=links[Part.ONLY_A],
        only_b=links[Part.ONLY_B],
        counts_a=_counts(found.a, compared.rule),
        counts_b=_counts(found.b, compared.rule),
    )


def _link(part: Part, compared: RuleCompared, found: Comparison) -> LinkView:
    count = compared.counts[part]
    where = address(HOME, _query(found, compared.rule, part)) if count else ""
    return LinkView(wording.number(count), where)


def _query(found: Comparison, rule: str, part: Part) -> dict[str, str]:
    return {"a": found.a.id, "b": found.b.id, "rule": rule, "part": part.value}


def _counts(run: Run, rule: str) -> str:
    report = run.rules.get(rule)
    return "" if report is None else counts_text(asdict(report.counts))


def _row(row: Row, zone: str) -> ComparedRow:
    return ComparedRow(
        identity=str(row.pair.identity),
        a=None if row.a is None else action_view(row.a, zone),
        b=None if row.b is None else action_view(row.b, zone),
        note_a=_side(row.pair.a, row.a),
        note_b=_side(row.pair.b, row.b),
    )


def _side(wish: Wish | None, action: Action | None) -> str:
    """Say what stands on a side that shows no action."""
    if action is not None:
        return ""
    return "not wanted" if wish is None else VERDICTS.get(wish.state, wish.state)
