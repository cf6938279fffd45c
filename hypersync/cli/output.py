"""How answers are written: one JSON document or text, on standard output only.

Times are ISO 8601 UTC with Z, bytes ``{"base64": ...}``, as the reference promises.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypersync.model.time_span import format_time_span

if TYPE_CHECKING:
    from hypersync.cli.frame import Invocation


def print_answer(
    invocation: Invocation, document: Mapping[str, object], text: Callable[[], str]
) -> None:
    """Print ``document`` with ``--json``, else what ``text`` returns (nothing when empty)."""
    if invocation.as_json:
        print_document(document)
    elif shown := text():
        click.echo(shown)


def print_document(document: Mapping[str, object]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(document, default=_plain, indent=2, ensure_ascii=False))


def iso_time(moment: datetime) -> str:
    """Write an aware time as ISO 8601 UTC with Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: object) -> object:
    match value:
        case datetime():
            return iso_time(value)
        case timedelta():
            return format_time_span(value)
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case Enum():
            return value.value
        case Path():
            return str(value)
        case set() | frozenset():
            return sorted(value)
        case Mapping():
            return dict(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")
