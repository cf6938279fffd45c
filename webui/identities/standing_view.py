"""Builds the views of what decides about an identity: rules, VIP rules, actions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hypersync.insight.standing import RuleStanding, VipStanding
from hypersync.messages import wording
from hypersync.messages.pages.identities import AboutView, RuleView
from hypersync.messages.rows import row_view
from hypersync.model.actions import OPEN_STATES, Action
from hypersync.model.objects import Value
from hypersync.pipeline.why import RuleAnswer
from webui.identities import addresses


def rule_view(standing: RuleStanding, zone: str, now: datetime) -> RuleView:
    """Return one rule with its values, its throttle and what holds it back."""
    answer = standing.answer
    return RuleView(
        name=wording.visible(answer.rule, 80),
        result=answer.result,
        notes=[*_rule_notes(standing, zone, now)],
        values=_values(answer),
    )


def _rule_notes(standing: RuleStanding, zone: str, now: datetime) -> Iterator[str]:
    if standing.answer.note:
        yield wording.visible(standing.answer.note, 300)
    if standing.last_start is None:
        return
    last = f"last started {wording.moment(standing.last_start, zone)}"
    if standing.again is not None and standing.again > now:
        yield f"{last}; throttled until {wording.moment(standing.again, zone)}"
    else:
        yield last


def vip_view(standing: VipStanding, zone: str) -> RuleView:
    """Return one VIP rule, and whether it is remembered."""
    if standing.answer is None:
        return RuleView(
            name=standing.name,
            result="true",
            notes=["this is somebody who answers requests: always asked about one by one"],
            values=[],
        )
    notes = []
    if standing.is_remembered:
        stopped = standing.stopped
        when = (
            "at the last committing run"
            if stopped is None
            else f"until {wording.moment(stopped, zone)}"
        )
        notes.append(f"it held {when}, which is remembered")
    if standing.answer.result in ("unknown", "error"):
        notes.append("it cannot be told, which counts as true")
    if standing.answer.note:
        notes.append(wording.visible(standing.answer.note, 300))
    return RuleView(
        name=wording.visible(standing.name, 80),
        result=standing.answer.result,
        notes=notes,
        values=_values(standing.answer),
    )


def _values(answer: RuleAnswer) -> list[tuple[str, str]]:
    """Return what a rule read; a step is its source and what became of it."""
    return [(wording.visible(each.source, 300), _value(each.value)) for each in answer.values]


def _value(value: object) -> str:
    """Word the value of any expression: also dates, times and spans."""
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return wording.value(value)
    if isinstance(value, tuple | list | frozenset | set):
        plain: Value = tuple(
            each if isinstance(each, str | int | float | bool | bytes) else str(each)
            for each in value
        )
        return wording.value(plain)
    return wording.visible(str(value))


def about_view(action: Action, zone: str) -> AboutView:
    """Return one action about the identity."""
    moments = (action.started_at, action.queued_at, action.suspended_at)
    at = next((each for each in moments if each is not None), None)
    decided = ""
    if action.decided_by is not None and action.decided_at is not None:
        when = wording.moment(action.decided_at, zone)
        decided = f"decided by {wording.visible(action.decided_by, 80)} on {when}"
    return AboutView(
        row=row_view(action, is_whole=True),
        rule=wording.visible(action.rule, 80),
        state=action.state.value,
        when="" if at is None else wording.moment(at, zone),
        decided=decided,
        error=wording.visible(action.error or "", 300),
        run=addresses.of_run(action.released_by or action.run),
        is_open=action.state in OPEN_STATES,
    )
