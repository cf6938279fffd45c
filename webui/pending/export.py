"""Writes what waits as CSV or JSON, one action after the other. Pure.

The columns and keys are promised in ``docs/reference/pending-export.md``. Neither carries links or
tokens. In CSV nothing is hidden, long values are cut, and what a spreadsheet would take for a
formula has an apostrophe before it; JSON has the values as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime

from hypersync.model.actions import Action
from hypersync.model.canonical import encode_value
from hypersync.model.objects import Attributes
from webui.spreadsheet import cell_of

COLUMNS = (
    "action",
    "request",
    "run",
    "rule",
    "silo",
    "type",
    "anchor",
    "identity",
    "who",
    "operation",
    "vip",
    "cluster",
    "before",
    "after",
    "reasons",
    "waiting_since",
    "expires_at",
    "on_expiry",
)
MOST_CHARACTERS = 10_000
_ROWS = 200


def csv_of(actions: Iterator[Action]) -> Iterator[str]:
    """Yield CSV with a line of column names, some hundred lines at a time."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number, action in enumerate(actions, 1):
        row = _document(action)
        writer.writerow([_cell(row[name]) for name in COLUMNS])
        if number % _ROWS == 0:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> str:
    """Return what was written, and begin anew."""
    written = text.getvalue()
    text.seek(0)
    text.truncate()
    return written


def json_of(actions: Iterator[Action]) -> Iterator[str]:
    """Yield one JSON document with a list of actions."""
    yield '{"actions":['
    for number, action in enumerate(actions):
        yield ("," if number else "") + encode_value(_document(action)).decode()
    yield "]}\n"


def _document(action: Action) -> dict[str, object]:
    return {
        "action": action.id,
        "request": action.request,
        "run": action.run,
        "rule": action.rule,
        "silo": action.silo or None,
        "type": action.type or None,
        "anchor": action.anchor,
        "identity": str(action.identity),
        "who": action.title or None,
        "operation": action.operation.value,
        "vip": action.vip,
        "cluster": action.cluster,
        "before": _plain(action.before),
        "after": _plain(action.after),
        "reasons": [asdict(reason) for reason in action.reasons],
        "waiting_since": _time(action.suspended_at),
        "expires_at": _time(action.expires_at),
        "on_expiry": action.on_expiry.value,
    }


def _plain(attributes: Attributes | None) -> dict[str, object] | None:
    if attributes is None:
        return None
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in attributes.items()
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _cell(value: object) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, list):
        text = "; ".join(str(reason["text"]) for reason in value if isinstance(reason, Mapping))
    elif isinstance(value, dict):
        text = encode_value(value).decode()
    else:
        text = str(value)
    return cell_of(text, MOST_CHARACTERS)
