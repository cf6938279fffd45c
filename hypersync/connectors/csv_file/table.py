"""What a CSV file holds: its format, its columns, its rows as attributes.

Blank fields are missing; the fields of ``multi`` columns are sorted tuples of their parts. Errors
name the file and the line. Used for reading here and for writing by `write`.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hypersync.connectors.changes import sorted_values
from hypersync.connectors.files import Stamp
from hypersync.errors import ScanFailed, SiloUnreachable
from hypersync.model.objects import Value

if TYPE_CHECKING:
    from _csv import Reader

csv.field_size_limit(1 << 28)  # a group of many members is one field; the library stops at 128 KiB
Row = list[str]
Fields = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How one type's file is written; ``needed`` are the columns that must be there."""

    path: Path
    anchor: str
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8-sig"
    multi: Mapping[str, str] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The file as messages name it."""
        return self.path.name

    def reader(self, lines: TextIO) -> Reader:
        """Return a reader of rows that raises for broken quoting."""
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, strict=True)


class Columns:
    """The header of a file, checked, and how its rows become attributes.

    ``wanted`` are the columns to report, empty for all; the anchor is always reported.
    ``attributes`` turns many complete rows into attributes at once (this is where a scan spends
    its time). Raises `ScanFailed` when the header is not what the format needs.
    """

    def __init__(self, format_: Format, header: Row, wanted: frozenset[str] = frozenset()) -> None:
        self.header = header
        self.names = [name.strip() for name in header]
        self._check(format_)
        self.width = len(self.names)
        self.anchor = self.names.index(format_.anchor)
        self.positions = {name: position for position, name in enumerate(self.names)}
        self._multi = dict(format_.multi)
        self.attributes = self._converter(wanted and wanted | {format_.anchor})

    def _check(self, format_: Format) -> None:
        where = f"{format_.name}, line 1: "
        if not any(self.names):
            raise ScanFailed(f"{where}there is no header")
        if "" in self.names:
            raise ScanFailed(f"{where}column {self.names.index('') + 1} has no name")
        for name in self.names:
            if self.names.count(name) > 1:
                raise ScanFailed(f"{where}the column {name!r} is there twice")
        missing = sorted(format_.needed - set(self.names))
        if missing:
            close = get_close_matches(missing[0], self.names, n=1)
            hint = f" (there is {close[0]!r})" if close else ""
            listed = ", ".join(repr(name) for name in missing)
            raise ScanFailed(f"{where}missing columns: {listed}{hint}")

    def _converter(self, wanted: frozenset[str]) -> Callable[[Sequence[Row]], list[Fields]]:
        names, pick = _selection(self.names, wanted)
        multi = {name: mark for name, mark in self._multi.items() if name in names}

        def convert(rows: Sequence[Row]) -> list[Fields]:
            picked = rows if pick is None else map(pick, rows)
            found: list[Fields] = [
                {
                    name: text
                    for name, text in zip(names, row, strict=True)
                    if text and not text.isspace()
                }
                for row in picked
            ]
            for name, mark in multi.items():
                for fields in found:
                    if name in fields:
                        fields[name] = _parts(str(fields[name]), mark)
            return found

        return convert


def _selection(
    names: Row, wanted: frozenset[str]
) -> tuple[tuple[str, ...], Callable[[Row], tuple[str, ...]] | None]:
    """Return the names to report and what picks their fields from a row, if not all."""
    chosen = tuple(name for name in names if not wanted or name in wanted)
    if len(chosen) == len(names):
        return chosen, None
    if len(chosen) == 1:
        position = names.index(chosen[0])
        return chosen, lambda row: (row[position],)
    return chosen, itemgetter(*(names.index(name) for name in chosen))


def _parts(text: str, mark: str) -> Value:
    parts = (part.strip() for part in text.split(mark))
    return sorted_values(part for part in parts if part) or None


@contextmanager
def opened(format_: Format) -> Iterator[TextIO]:
    """Open the file and turn what may be wrong with it while it is read into sentences.

    Raises `SiloUnreachable` when it cannot be opened, `ScanFailed` when it breaks off, is not in
    its encoding, has broken quoting, or changed between the first and the last look.
    """
    try:
        lines = format_.path.open(encoding=format_.encoding, newline="")
    except OSError as error:
        raise SiloUnreachable(f"{format_.path}: {error.strerror or error}") from error
    with lines:
        before = Stamp.of(lines.fileno())
        try:
            yield lines
        except UnicodeError as error:
            raise ScanFailed(_wrong_encoding(format_)) from error
        except csv.Error as error:
            raise ScanFailed(_wrong_quoting(format_, error)) from error
        except OSError as error:
            raise ScanFailed(f"{format_.name}: {error.strerror or error}") from error
        if Stamp.of(lines.fileno()) != before:
            raise ScanFailed(f"{format_.name} changed while it was read; it is still being written")


def read_header(format_: Format, reader: Reader, wanted: frozenset[str]) -> Columns:
    """Read the first row; raises `ScanFailed` for an empty file or a header that does not fit."""
    header = next(reader, None)
    if header is None:
        raise ScanFailed(f"{format_.name} is empty; there is not even a header")
    return Columns(format_, header, wanted)


def ends_in_a_row(lines: TextIO) -> bool:
    """Tell whether the last line of an open file is not ended; it may be read from ``0`` again."""
    raw = lines.buffer
    if raw.seek(0, os.SEEK_END) == 0:
        return False
    raw.seek(-1, os.SEEK_END)
    return bool(raw.read(1) not in b"\r\n")


def _wrong_encoding(format_: Format) -> str:
    name = format_.encoding.removesuffix("-sig")
    with format_.path.open("rb") as raw:
        for number, line in enumerate(raw, start=1):
            try:
                line.decode(name)
            except UnicodeError:
                return f"{format_.name}, line {number}: this is not {name.upper()}"
    return f"{format_.name} is not {name.upper()}"


def _wrong_quoting(format_: Format, error: csv.Error) -> str:
    """Name the line where the row begins that could not be read."""
    last_good = 0
    with format_.path.open(encoding=format_.encoding, newline="") as lines:
        reader = format_.reader(lines)
        try:
            for _ in reader:
                last_good = reader.line_num
        except (csv.Error, UnicodeError):
            pass
    why = "a quote is opened and not closed" if "end of data" in str(error) else str(error)
    return f"{format_.name}, line {last_good + 1}: {why}"
