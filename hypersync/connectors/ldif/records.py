"""LDIF as text: records out of lines (RFC 2849). Pure.

Only content is read, and change records that add. Values that stand elsewhere (``name:< URL``) are
never fetched. Two things go beyond the RFC, as all tools do: text may be UTF-8 without base64, and
space after the colon may be missing. A record that cannot be read is told with its first line and
does not hide the others; a file that holds changes, or is of another version, is no source at all.
A record is over at an empty line. One that is over at the end of the file alone may have lost lines
there, each of them a value, so it is not returned.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_NAME = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)(?:;[A-Za-z0-9-]+)*")
_COUNT = re.compile(rb"# numEntries: *(\d+)\s*")


class NoContent(Exception):
    """The file is no list of entries; the message says why, with the line."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry: the line where it begins, its DN, and its attributes as they are written."""

    line: int
    dn: str
    attributes: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """What should be an entry and cannot be read; ``dn`` is ``None`` when not even that can."""

    line: int
    why: str
    dn: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: bytes


class _Wrong(Exception):
    """A line of a record cannot be read."""


@dataclass(slots=True)
class Reader:
    """Reads records, and tells what it learned of the file once all of them are read.

    ``announced`` is how many records the file says it has, if it does. ``unended`` is where a last
    record begins that no empty line follows: it was not returned, for it may be cut off.
    """

    announced: int | None = None
    unended: int | None = None
    _is_first: bool = field(default=True)

    def read(self, lines: Iterable[bytes]) -> Iterator[Record | Broken]:
        """Return what the lines of a file hold; raises `NoContent`."""
        record: list[_Line] = []
        for line in self._unfolded(lines):
            if line.text:
                record.append(line)
            elif record:
                yield from self._record(record)
                record = []
        if record:
            self.unended = next((each.line for each in self._record(record)), record[0].number)

    def _unfolded(self, lines: Iterable[bytes]) -> Iterator[_Line]:
        """Put folded lines together and leave comments out; an empty line stays."""
        current: list[bytes] = []
        begin = 0
        for number, raw in enumerate(lines, start=1):
            text = raw.removesuffix(b"\n").removesuffix(b"\r")
            if text.startswith(b" ") and current:
                current.append(text[1:])
                continue
            if current:
                yield from self._told(begin, b"".join(current))
            current, begin = [text], number
        if current:
            yield from self._told(begin, b"".join(current))

    def _told(self, number: int, text: bytes) -> Iterator[_Line]:
        if not text.startswith(b"#"):
            yield _Line(number, text)
        elif count := _COUNT.fullmatch(text):
            self.announced = int(count[1])

    def _record(self, lines: list[_Line]) -> Iterator[Record | Broken]:
        if self._is_first:
            self._is_first = False
            lines = _without_version(lines)
        if not lines:
            return
        dn = None
        try:
            dn = _dn(lines[0])
            yield Record(lines[0].number, dn, tuple(_attributes(lines[1:])))
        except _Wrong as error:
            yield Broken(lines[0].number, str(error), dn)


def _without_version(lines: list[_Line]) -> list[_Line]:
    first = lines[0]
    text = first.text.removeprefix(b"\xef\xbb\xbf")
    name, colon, value = text.partition(b":")
    if not colon or name.lower() != b"version":
        return [_Line(first.number, text), *lines[1:]]
    if value.strip() != b"1":
        raise NoContent(f"line {first.number}: LDIF has the version 1 only")
    return lines[1:]


def _dn(line: _Line) -> str:
    name, value = _split(line)
    if name.lower() != "dn":
        raise _Wrong(f"line {line.number}: an entry begins with 'dn:'")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _Wrong(f"line {line.number}: the DN is not UTF-8") from None


def _attributes(lines: Iterable[_Line]) -> Iterator[tuple[str, bytes]]:
    for line in lines:
        name, value = _split(line)
        match name.lower():
            case "changetype" if value.strip().lower() != b"add":
                shown = value.decode("utf-8", "replace")
                raise NoContent(
                    f"line {line.number}: these are changes ('changetype: {shown}') and not "
                    "objects; export the entries themselves"
                )
            case "control":
                raise NoContent(f"line {line.number}: these are changes ('control:'), not objects")
            case "changetype":
                continue
            case "dn":
                raise _Wrong(f"line {line.number}: a second 'dn:'; an empty line is missing")
            case _:
                yield name, value


def _split(line: _Line) -> tuple[str, bytes]:
    found = _NAME.match(line.text)
    rest = b"" if found is None else line.text[found.end() :]
    if found is None or not rest.startswith(b":"):
        raise _Wrong(f"line {line.number}: this is no 'name: value'")
    name = found[0].decode("ascii")
    if rest.startswith(b":<"):
        raise _Wrong(f"line {line.number}: the value of {name!r} stands elsewhere; write it here")
    if not rest.startswith(b"::"):
        return name, rest[1:].lstrip(b" ")
    try:
        return name, b64decode(rest[2:].strip(b" "), validate=True)
    except binascii.Error:
        raise _Wrong(f"line {line.number}: the value of {name!r} is not base64") from None
