"""How answers are written: one JSON document or text, on standard output only.

Times are ISO 8601 UTC with Z, bytes ``{"base64": ...}``, as the reference promises.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypersync.model.time_span import format_time_span
from hypersync.model.visible import unhidden

if TYPE_CHECKING:
    from hypersync.cli.frame import Invocation

_HIDDEN = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def print_answer(
    invocation: Invocation, document: Mapping[str, object], text: Callable[[], str]
) -> None:
    """Print ``document`` with ``--json``, else what ``text`` returns (nothing when empty)."""
    if invocation.as_json:
        print_document(document)
    elif shown := text():
        say(shown)


def say(text: str, *, err: bool = False) -> None:
    """Print text for people; what would steer their terminal or cannot be seen is spelt out.

    Names and values come from directories and files that others write.
    """
    click.echo("\n".join(unhidden(line) for line in text.split("\n")), err=err)


def print_document(document: Mapping[str, object]) -> None:
    """Print one JSON document; what cannot be seen is escaped in it."""
    text = json.dumps(document, default=_plain, indent=2, ensure_ascii=False)
    click.echo(_HIDDEN.sub(_escaped, text))


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


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
