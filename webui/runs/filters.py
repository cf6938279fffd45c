"""Reads what a page of runs is asked for, and makes the fields that ask for it.

What cannot be is refused with a sentence, never ignored: a filter that is not applied would show
what nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar
from urllib.parse import urlencode

from werkzeug.exceptions import BadRequest

from hypersync.messages.pages.runs import ChoiceView, FieldView
from hypersync.model.actions import ActionState
from hypersync.model.objects import Operation
from hypersync.model.runs import RunKind, RunMode, RunState
from hypersync.ports.store.ledger import ActionsWanted, RunsWanted

E = TypeVar("E", bound=Enum)

RUNS = ("kind", "mode", "state", "by", "errors", "days", "after")
ACTIONS = ("rule", "state", "operation", "q", "after")
PUT_OFF = ("rule", "verdict", "after")
ERRORS = ("rule", "after")
"""What the pages may be asked for."""
LONGEST = 200
_DAYS = ("1", "7", "30", "90", "365")
_RUN_STATES = (RunState.EXECUTING, RunState.DONE, RunState.FAILED)


def asked(given: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return what was asked for by name, without what was left empty."""
    found = {name: given[name].strip() for name in names if given.get(name, "").strip()}
    if any(len(value) > LONGEST for value in found.values()):
        raise BadRequest("What was asked for is too long.")
    return found


def runs_wanted(given: Mapping[str, str], now: datetime) -> RunsWanted:
    """Return which runs are asked for."""
    days = given.get("days")
    if days is not None and days not in _DAYS:
        raise BadRequest(f"days is one of {', '.join(_DAYS)}.")
    return RunsWanted(
        kind=_one_of(RunKind, given, "kind"),
        mode=_one_of(RunMode, given, "mode"),
        state=_one_of(RunState, given, "state"),
        by=given.get("by", ""),
        has_errors="errors" in given,
        since=None if days is None else now - timedelta(days=int(days)),
    )


def actions_wanted(given: Mapping[str, str]) -> ActionsWanted:
    """Return which actions of a run are asked for."""
    return ActionsWanted(
        rule=given.get("rule"),
        state=_one_of(ActionState, given, "state"),
        operation=_one_of(Operation, given, "operation"),
        text=given.get("q", ""),
    )


def number_after(given: Mapping[str, str]) -> int:
    """Return the number behind which a page of rows begins."""
    text = given.get("after", "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise BadRequest("This page is not whole; begin with the first one.")
    return int(text)


def _one_of(kind: type[E], given: Mapping[str, str], name: str) -> E | None:
    value = given.get(name)
    try:
        return None if value is None else kind(value)
    except ValueError:
        known = ", ".join(str(each.value) for each in kind)
        raise BadRequest(f"{name} is one of {known}.") from None


def address(home: str, kept: Mapping[str, str], after: str | int | None = "") -> str:
    """Return the address of a page that asks for the same, behind a key; empty without one."""
    if after is None:
        return ""
    more = {"after": str(after)} if after != "" else {}
    query = urlencode({**kept, **more})
    return f"{home}?{query}" if query else home


# --- fields ------------------------------------------------------------------------------------


def runs_fields(given: Mapping[str, str]) -> list[FieldView]:
    """Return the fields that filter the history."""
    return [
        _choice("kind", "Kind", [each.value for each in RunKind], given),
        _choice("mode", "Mode", [each.value for each in RunMode], given),
        _choice("state", "State", [each.value for each in _RUN_STATES], given),
        FieldView("by", "Started by", given.get("by", "")),
        _choice("errors", "Errors", {"yes": "with errors"}, given),
        _choice("days", "Since", {each: _days(each) for each in _DAYS}, given),
    ]


def run_fields(given: Mapping[str, str], rules: Sequence[str]) -> list[FieldView]:
    """Return the fields that filter the actions of a run."""
    states = [each.value for each in ActionState if each is not ActionState.PROPOSED]
    operations = {each.value: each.value.replace("_", " ") for each in Operation}
    return [
        _choice("rule", "Rule", rules, given),
        _choice("state", "State", states, given),
        _choice("operation", "Operation", operations, given),
        FieldView("q", "Name, anchor or identity", given.get("q", "")),
    ]


def put_off_fields(
    given: Mapping[str, str], rules: Sequence[str], verdicts: Mapping[str, str]
) -> list[FieldView]:
    """Return the fields that filter what a run put off."""
    return [
        _choice("rule", "Rule", rules, given),
        _choice("verdict", "Put off", verdicts, given),
    ]


def _choice(
    name: str, label: str, values: Sequence[str] | Mapping[str, str], given: Mapping[str, str]
) -> FieldView:
    labels = values if isinstance(values, Mapping) else {each: each for each in values}
    chosen = given.get(name, "")
    shown = [ChoiceView("", "any", not chosen)]
    shown += [ChoiceView(value, text, value == chosen) for value, text in labels.items()]
    return FieldView(name, label, chosen, shown)


def _days(days: str) -> str:
    return "last day" if days == "1" else f"last {days} days"
