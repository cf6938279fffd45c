"""Reads and writes CSV files, one per object type.

A file is believed only when it is whole: it did not change while it was read, its header has every
column that is needed, it is valid in its encoding, no quote is left open, and it does not end in
the middle of a row. A row that is complete but wrong (too many or too few fields, no anchor) is an
invalid object, not an absent one. Nobody knows which: its fields may have shifted, so what stands
in the column of the anchor need not be one. All rows of an anchor that stands more than once are
invalid too, which is reported before the end of the scan and overrules that they were seen. There
are no deltas: every scan is full.

Writing replaces the file in one step (temporary file, fsync, rename), under a lock that all
writers of HyperSync take; a file that somebody else changed meanwhile is left alone.
"""

from __future__ import annotations

import os
import re
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import ClassVar, TextIO

from hypersync.connectors.changes import refuse_all
from hypersync.connectors.csv_file.discover import other_files
from hypersync.connectors.csv_file.options import CsvOptions, CsvTypeOptions
from hypersync.connectors.csv_file.table import (
    Columns,
    Format,
    Row,
    ends_in_a_row,
    opened,
    read_header,
)
from hypersync.connectors.csv_file.write import Table, apply_changes
from hypersync.connectors.discovery import discover_by_scan
from hypersync.connectors.files import FilesConnector, Kept, Stamp
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import (
    BATCH_SIZE,
    SiloOptions,
    SiloSettings,
    fingerprint,
)
from hypersync.errors import CursorLost, ScanFailed, SiloError
from hypersync.model.discovery import FoundType
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    AttributeSchema,
    Batch,
    Change,
    Complete,
    Invalid,
    ObjectType,
    Outcome,
    Schema,
    Seen,
    SiloObject,
)
from hypersync.model.rights import Right, Verb

_LINE_END = re.compile(r"\r\n|\r|\n")


@connector("csv")
class CsvConnector(FilesConnector["CsvSession"]):
    """Reads and writes the CSV files of one silo."""

    options: ClassVar[type[SiloOptions]] = CsvOptions
    can_write: ClassVar[bool] = True
    recreates: ClassVar[bool] = True

    def session(self) -> CsvSession:
        """Return a session of its own."""
        return CsvSession(self._settings)


class CsvSession:
    """One caller's view of the files; keeps the last file it looked objects up in."""

    def __init__(self, settings: SiloSettings) -> None:
        self._settings = settings
        self._tables: Kept[Table] = Kept()

    def schema(self) -> Schema:
        """Return the columns of each file."""
        return Schema({each.name: self._columns(each) for each in self._settings.types})

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of files, formats and columns."""
        parts = []
        for each in types:
            kind = _options(each)
            written = (kind.path, kind.anchor, kind.delimiter, kind.quote, kind.encoding)
            parts.append((each.name, written, dict(kind.multi), sorted(each.attributes)))
        return fingerprint("csv", parts)

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read the whole files; a cursor cannot come from here."""
        if cursor is not None:
            raise CursorLost("a CSV file has no deltas; scan it in full")
        for each in types:
            yield from scan_file(each.name, self._format(each), each.attributes)
        yield [Complete()]

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Look one object up; raises `SiloRefused` when its rows cannot be told apart."""
        format_ = self._format(object_type)

        def load() -> tuple[Stamp, Table]:
            table = Table.load(format_)
            return table.stamp, table

        return self._tables.of(object_type, format_.path, load).object(object_type, anchor)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write all changes of one file in one replacement of it."""
        if not self._settings.write:
            return refuse_all(changes, f"the silo {self._settings.silo!r} is not to be written")
        by_type: dict[str, list[int]] = defaultdict(list)
        for position, change in enumerate(changes):
            by_type[change.type.name].append(position)
        outcomes: dict[int, Outcome] = {}
        for positions in by_type.values():
            some = [changes[position] for position in positions]
            format_ = self._format(some[0].type)
            outcomes.update(zip(positions, apply_changes(format_, some), strict=True))
        return [outcomes[position] for position in range(len(changes))]

    def discover(self) -> Sequence[FoundType]:
        """Look into the files of the types, and into the other CSV files of their folders."""
        types = self._settings.types
        schema = self.schema()
        found = [each for kind in types for each in discover_by_scan(self, [kind], schema)]
        known = {self._format(each).path for each in types}
        return [*found, *other_files(self._settings, known)]

    def check(self) -> Sequence[Mistake]:
        """Look at every file and its header, and whether it may be replaced."""
        mistakes = []
        for each in self._settings.types:
            path = self._format(each).path
            try:
                self._columns(each)
            except SiloError as error:
                remedy = f"see the type {each.name!r} of the silo {self._settings.silo!r}"
                mistakes.append(Mistake(error.message, remedy))
                continue
            if self._settings.write and not os.access(path.parent, os.W_OK):
                mistakes.append(Mistake(f"{path.parent} cannot be written", "grant the right"))
        return mistakes

    def rights(self) -> Sequence[Right]:
        """Ask the file system: files are read, and replaced by others in their folder."""
        found = []
        for each in self._settings.types:
            path = self._format(each).path
            found.append(_right(each, Verb.READ, path, os.R_OK))
            writes = (Verb.CREATE, Verb.UPDATE, Verb.DELETE)
            found += [_right(each, verb, path.parent, os.W_OK | os.X_OK) for verb in writes]
        return found

    def _format(self, kind: ObjectType) -> Format:
        options = _options(kind)
        multi = dict(options.multi)
        if kind.members is not None:
            multi.setdefault(kind.members, ";")
        enabled = {kind.enabled.attribute} if kind.enabled else set()
        used = {options.anchor, *multi, *enabled, *kind.attributes, *options.columns}
        return Format(
            path=self._settings.root / options.path,
            anchor=options.anchor,
            delimiter=options.delimiter,
            quote=options.quote,
            encoding=options.encoding,
            multi=multi,
            needed=frozenset(used),
        )

    def _columns(self, kind: ObjectType) -> dict[str, AttributeSchema]:
        format_ = self._format(kind)
        with opened(format_) as lines:
            columns = read_header(format_, format_.reader(lines), frozenset())
        return {
            name: AttributeSchema(name=name, multi_valued=name in format_.multi)
            for name in columns.names
        }


def _right(kind: ObjectType, verb: Verb, path: Path, mode: int) -> Right:
    what = "read" if verb is Verb.READ else "write"
    return Right(
        type=kind.name,
        verb=verb,
        granted=os.access(path, mode),
        lacking=() if os.access(path, mode) else (f"{what} {path}",),
        remedy="let the user who runs HyperSync do it",
    )


def _options(kind: ObjectType) -> CsvTypeOptions:
    if not isinstance(kind.options, CsvTypeOptions):
        raise TypeError(f"{kind.name} is no type of a csv silo")
    return kind.options


def scan_file(name: str, format_: Format, wanted: frozenset[str]) -> Iterator[Batch]:
    """Report the rows of one file as objects of the type ``name``, in batches.

    Raises what `table.opened` raises, and `ScanFailed` for a file that ends within a row.
    """
    hashes = array("q")
    with opened(format_) as lines:
        reader = format_.reader(lines)
        columns = read_header(format_, reader, wanted)
        wrong_at_end = False
        line = reader.line_num + 1
        while rows := list(islice(reader, BATCH_SIZE)):
            whole, wrong = _sorted_out(name, format_, columns, rows, line)
            line = reader.line_num + 1
            anchors = [row[columns.anchor] for row in whole]
            hashes.extend(map(hash, anchors))
            wrong_at_end = len(rows[-1]) not in (0, columns.width)
            yield [*map(Seen, repeat(name), anchors, columns.attributes(whole)), *wrong]
        if wrong_at_end and ends_in_a_row(lines):
            raise ScanFailed(f"{format_.name} ends in the middle of a row (line {line - 1})")
        if len(set(hashes)) < len(hashes):
            yield list(_repeated(name, format_, lines))


def _sorted_out(
    name: str, format_: Format, columns: Columns, rows: list[Row], line: int
) -> tuple[list[Row], list[Invalid]]:
    """Part the rows of a batch, which begins in ``line``, into good ones and invalid objects."""
    width, anchor = columns.width, columns.anchor
    if set(map(len, rows)) == {width} and all(row[anchor].strip() for row in rows):
        return rows, []
    whole, wrong = [], []
    for row in rows:
        if len(row) == width and row[anchor].strip():
            whole.append(row)
        elif row:
            wrong.append(_invalid(name, columns, row, f"{format_.name}, line {line}"))
        line += 1 + sum(len(_LINE_END.findall(text)) for text in row)
    return whole, wrong


def _invalid(name: str, columns: Columns, row: Row, where: str) -> Invalid:
    if len(row) == columns.width:
        blank = columns.names[columns.anchor]
        return Invalid(name, None, where, f"the anchor {blank!r} is blank")
    why = f"{len(row)} fields where the header has {columns.width}"
    return Invalid(name, None, where, why)


def _repeated(name: str, format_: Format, lines: TextIO) -> Iterator[Invalid]:
    """Report each anchor that stands in several rows; reads the same open file once more."""
    lines_of: dict[str, list[int]] = defaultdict(list)
    lines.seek(0)
    reader = format_.reader(lines)
    columns = read_header(format_, reader, frozenset())
    for row in reader:
        if len(row) == columns.width and row[columns.anchor].strip():
            lines_of[row[columns.anchor]].append(reader.line_num)
    for anchor, numbers in lines_of.items():
        if len(numbers) > 1:
            listed = ", ".join(map(str, numbers))
            yield Invalid(name, anchor, f"{format_.name}, lines {listed}", "the anchor is repeated")
