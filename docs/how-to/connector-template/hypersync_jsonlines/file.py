"""One file: its lines as objects, what is wrong with some of them, and how it is replaced."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hypersync.connectors.changes import chosen, present, sorted_values
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import Attributes, Invalid, ObjectType, Seen, Value


@dataclass(slots=True)
class Lines:
    """What a file holds: objects by anchor, and for each wrong line anchor, place and reason."""

    path: Path
    objects: dict[str, Attributes] = field(default_factory=dict)
    wrong: list[tuple[str | None, str, str]] = field(default_factory=list)


def load(path: Path, anchor: str) -> Lines:
    """Read a whole file; raises `SiloUnreachable` and, when it breaks off, `ScanFailed`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SiloUnreachable(f"{path}: {error.strerror or error}") from error
    if raw and not raw.endswith(b"\n"):
        raise ScanFailed(f"{path.name} ends in the middle of a line")
    found = Lines(path)
    for number, line in enumerate(raw.splitlines(), start=1):
        _add(found, f"{path.name}, line {number}", line, anchor)
    return found


def _add(lines: Lines, where: str, line: bytes, anchor: str) -> None:
    try:
        given = json.loads(line)
    except ValueError as error:
        lines.wrong.append((None, where, f"this is no JSON: {error}"))
        return
    name = given.get(anchor) if isinstance(given, dict) else None
    if not isinstance(name, str) or not name:
        lines.wrong.append((None, where, f"this is no object with the text {anchor!r}"))
    elif name in lines.objects:
        lines.wrong.append((name, where, "the anchor is repeated"))
    else:
        lines.objects[name] = present({key: _value(each) for key, each in given.items()})


def _value(given: object) -> Value:
    """Return a JSON value as an attribute: lists are sorted, what is nested stays JSON text."""
    if isinstance(given, list):
        return sorted_values(text for text in map(_scalar, given) if text is not None)
    return _scalar(given)


def _scalar(given: object) -> str | int | float | bool | None:
    if given is None or isinstance(given, str | int | float | bool):
        return given
    return json.dumps(given, ensure_ascii=False, sort_keys=True)


def events_of(kind: ObjectType, lines: Lines) -> Iterator[Seen | Invalid]:
    """Report every object, and every line that is none."""
    for anchor, attributes in lines.objects.items():
        yield Seen(kind.name, anchor, chosen(kind, attributes))
    for known, where, why in lines.wrong:
        yield Invalid(kind.name, known, where, why)


def replace(lines: Lines) -> None:
    """Write a file anew in one step; raises `SiloRefused` when that is not possible."""
    try:
        text = "".join(
            f"{json.dumps(each, ensure_ascii=False)}\n" for each in lines.objects.values()
        )
    except TypeError as error:
        raise SiloRefused(f"this cannot be written as JSON: {error}") from error
    handle, temporary = tempfile.mkstemp(dir=lines.path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    shutil.copymode(lines.path, temporary)
    os.replace(temporary, lines.path)
