"""Writes CSV files: a table in memory, changed, then put in the place of the file in one step.

Column order, delimiter, line ends, byte order mark, mode and owner stay. Rows that cannot be told
apart or read (an anchor twice, too few fields) are kept as they are and never written to.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import IO, Self

from hypersync.connectors.changes import is_missing, settled, sorted_values, written
from hypersync.connectors.csv_file.lock import locked
from hypersync.connectors.csv_file.replacing import beside, keep_rights, sync_folder
from hypersync.connectors.csv_file.table import Columns, Format, Row, opened, read_header
from hypersync.connectors.files import Stamp
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import (
    Attributes,
    Change,
    ObjectType,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    SiloObject,
    Succeeded,
    Value,
)

_SOON = timedelta(seconds=1)
_LINE_END = "\r\n"
_MARK = b"\xef\xbb\xbf"


def apply_changes(format_: Format, changes: Sequence[Change]) -> list[Outcome]:
    """Apply changes of one file and replace it; nothing is written when nothing differs.

    Another writer at work, somebody's edit in between, or a file or folder that cannot be used now
    answers `RetryAfter` for all: nothing was written.
    """
    format_ = replace(format_, path=format_.path.resolve())
    try:
        with locked(format_.path) as is_ours:
            if not is_ours:
                return _all_later(changes, f"{format_.name} is being written")
            table = Table.load(format_)
            outcomes = [table.apply(change) for change in changes]
            if table.is_changed and not table.save():
                return _all_later(changes, f"{format_.name} was changed meanwhile")
            return outcomes
    except (ScanFailed, SiloUnreachable) as error:
        return _all_later(changes, error.message)


def _all_later(changes: Sequence[Change], reason: str) -> list[Outcome]:
    return [RetryAfter(_SOON, reason) for _ in changes]


class Table:
    """All rows of a file, by anchor."""

    def __init__(self, format_: Format, columns: Columns, rows: list[Row], stamp: Stamp) -> None:
        self.stamp = stamp
        self.is_changed = False
        self._format = format_
        self._columns = columns
        self._rows: list[Row | None] = [*rows]
        self._positions: dict[str, int] = {}
        self._unclear: set[str] = set()
        self._is_ragged = False
        for position, row in enumerate(rows):
            self._index(position, row)

    @classmethod
    def load(cls, format_: Format) -> Self:
        """Read a file; raises `SiloUnreachable` or `ScanFailed` as a scan does."""
        with opened(format_) as lines:
            stamp = Stamp.of(lines.fileno())
            reader = format_.reader(lines)
            columns = read_header(format_, reader, frozenset())
            rows = list(reader)
        return cls(format_, columns, rows, stamp)

    def _index(self, position: int, row: Row) -> None:
        self._is_ragged = self._is_ragged or len(row) not in (0, self._columns.width)
        if len(row) <= self._columns.anchor:
            return
        anchor = row[self._columns.anchor]
        if len(row) != self._columns.width or anchor in self._positions:
            self._unclear.add(anchor)
        self._positions.setdefault(anchor, position)

    def object(self, kind: ObjectType, anchor: str) -> SiloObject | None:
        """Return an object as a scan reports it; raises `SiloRefused` when its rows are wrong."""
        found = self._all(anchor)
        if found is None:
            return None
        wanted = kind.attributes and kind.attributes | {self._format.anchor}
        shown = {name: found[name] for name in found if not wanted or name in wanted}
        return SiloObject(kind.name, anchor, shown)

    def _all(self, anchor: str) -> dict[str, Value] | None:
        if anchor in self._unclear:
            raise SiloRefused(f"{self._format.name}: the rows of {anchor} are wrong or repeated")
        position = self._positions.get(anchor)
        if position is None and self._is_ragged:
            what = f"{anchor} has no row, and may be one with too many or too few fields"
            raise SiloRefused(f"{self._format.name}: {what}; mend these first")
        row = None if position is None else self._rows[position]
        return None if row is None else self._columns.attributes([row])[0]

    def apply(self, change: Change) -> Outcome:
        """Apply one change to the table; the file is written by `save`."""
        try:
            change = self._as_in_file(change)
            anchor = self._anchor(change)
            stored = self._all(anchor)
        except (ValueError, SiloRefused) as error:
            return Refused(str(error))
        kind = change.type
        current = None if stored is None else SiloObject(kind.name, anchor, stored)
        if outcome := settled(change, current):
            return self._shown(kind, outcome)
        if change.operation is Operation.DELETE:
            self.is_changed = True
            self._rows[self._positions.pop(anchor)] = None
            return Succeeded(None)
        try:
            self._put(anchor, self._row(anchor, written(change, stored or {})))
        except ValueError as error:
            return Refused(str(error))
        return Succeeded(self.object(kind, anchor))

    def _shown(self, kind: ObjectType, outcome: Outcome) -> Outcome:
        """Leave out the columns that the type does not read."""
        if isinstance(outcome, Succeeded) and outcome.object is not None:
            return replace(outcome, object=self.object(kind, outcome.object.anchor))
        return outcome

    def _anchor(self, change: Change) -> str:
        name = self._format.anchor
        given = (change.after or {}).get(name, change.anchor)
        if not isinstance(given, str) or not given:
            raise ValueError(f"a new {change.type.name} needs its anchor: set {name!r}")
        if change.anchor is not None and change.anchor != given:
            raise ValueError(f"the anchor {name!r} of an object cannot be changed")
        return given

    def _as_in_file(self, change: Change) -> Change:
        """Write the values of a change as the file would report them; raises ``ValueError``."""
        if change.operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
            self._check_member(change)
            return change
        unknown = [
            name
            for name, value in (change.after or {}).items()
            if name not in self._columns.positions and not is_missing(value)
        ]
        if unknown:
            raise ValueError(f"{self._format.name} has no column {', '.join(sorted(unknown))}")
        return replace(change, before=self._normal(change.before), after=self._normal(change.after))

    def _check_member(self, change: Change) -> None:
        mark = self._format.multi.get(change.type.members or "", ";")
        for side in (change.before, change.after):
            for member in (side or {}).values():
                _text(member, mark)

    def _normal(self, attributes: Attributes | None) -> dict[str, Value] | None:
        if attributes is None:
            return None
        return {name: self._value(name, value) for name, value in attributes.items()}

    def _value(self, name: str, value: Value) -> Value:
        mark = self._format.multi.get(name)
        if is_missing(value):
            return None
        if mark is not None:
            parts = value if isinstance(value, tuple) else (value,)
            return sorted_values(_text(part, mark) for part in parts)
        text = _text(value, None)
        return text if text.strip() else None

    def _row(self, anchor: str, attributes: Attributes) -> Row:
        """Return the row of an object; raises ``ValueError`` where the encoding has no letter."""
        row = [""] * self._columns.width
        for name, value in {**attributes, self._format.anchor: anchor}.items():
            mark = self._format.multi.get(name, "")
            text = mark.join(map(str, value)) if isinstance(value, tuple) else str(value)
            row[self._columns.positions[name]] = text
        try:
            "".join(row).encode(self._format.encoding)
        except UnicodeEncodeError as error:
            what = f"{self._format.name} is in {self._format.encoding}"
            raise ValueError(f"{what}, which has no {error.object[error.start]!r}") from None
        return row

    def _put(self, anchor: str, row: Row) -> None:
        self.is_changed = True
        if anchor in self._positions:
            self._rows[self._positions[anchor]] = row
        else:
            self._positions[anchor] = len(self._rows)
            self._rows.append(row)

    def save(self) -> bool:
        """Replace the file; ``False`` when somebody else changed it since it was read.

        Raises `SiloUnreachable` when the folder does not let us write.
        """
        path = self._format.path
        try:
            with path.open("rb") as raw:
                start = raw.readline()
            with beside(path, self._encoding(start)) as file:
                self._write(file, start)
                if Stamp.of(path) != self.stamp:
                    return False
                os.replace(file.name, path)
            sync_folder(path.parent)
        except OSError as error:
            raise SiloUnreachable(f"{path}: {error.strerror or error}") from error
        return True

    def _encoding(self, start: bytes) -> str:
        encoding = self._format.encoding
        return "utf-8" if encoding == "utf-8-sig" and not start.startswith(_MARK) else encoding

    def _write(self, file: IO[str], start: bytes) -> None:
        """Write all rows as a file is written that begins with the line ``start``."""
        quoted = start.removeprefix(_MARK).startswith(self._format.quote.encode())
        writer = csv.writer(
            _Lines(file, "\r\n" if start.endswith(b"\r\n") else "\n"),
            delimiter=self._format.delimiter,
            quotechar=self._format.quote,
            quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
            lineterminator=_LINE_END,
        )
        writer.writerow(self._columns.header)
        writer.writerows(row for row in self._rows if row)
        file.flush()
        keep_rights(file.fileno(), self._format.path)
        os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class _Lines:
    """Takes the writer's lines and ends them as the file does.

    The writer is told of both characters that may end a line, or it would not quote the other.
    """

    file: IO[str]
    end: str

    def write(self, line: str) -> int:
        """Write one line."""
        return self.file.write(line.removesuffix(_LINE_END) + self.end)


def _text(value: Value, mark: str | None) -> str:
    """Return the text of one value; ``mark`` separates values of its column, if it holds several.

    Raises ``ValueError`` for what cannot stand in a CSV file.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str() if mark is not None and (mark in value or value != value.strip()):
            raise ValueError(f"{value!r} cannot be one of several values separated by {mark!r}")
        case str():
            return value
        case tuple():
            raise ValueError("several values need a separator; name the column in 'multi:'")
        case _:
            raise ValueError("a CSV file holds text only")
