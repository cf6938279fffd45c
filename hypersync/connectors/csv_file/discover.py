"""Finding CSV files that are not configured yet, and how they are written."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

from hypersync.connectors.csv_file.options import CsvOptions
from hypersync.connectors.csv_file.table import Format, opened, read_header
from hypersync.connectors.settings import SiloSettings
from hypersync.errors import SiloError
from hypersync.model.discovery import (
    SAMPLE,
    FoundType,
    Survey,
    anchor_candidates,
    join_candidates,
)
from hypersync.model.objects import AttributeSchema

_MARKS = (",", ";", "\t", "|")
_FOLDER = "data"


def other_files(settings: SiloSettings, known: Collection[Path]) -> Iterator[FoundType]:
    """Look into each ``*.csv`` that is not ``known``, in the folder of the options or of ``known``.

    With neither of these the folder is ``data``.
    """
    options = settings.options
    folder = options.folder if isinstance(options, CsvOptions) else None
    chosen = {settings.root / (folder or _FOLDER)}
    if folder is None and known:
        chosen = {path.parent for path in known}
    for path in sorted(file for each in chosen for file in each.glob("*.csv")):
        if path not in known and path.is_file():
            yield _look_into(path, settings.root)


def _look_into(path: Path, root: Path) -> FoundType:
    shown = str(path.relative_to(root) if path.is_relative_to(root) else path)
    try:
        return _surveyed(path, shown)
    except (SiloError, OSError) as error:
        note = f"it cannot be read: {error}"
        options = {"path": shown, "anchor": "unknown"}
        return FoundType(name=path.stem, options=options, notes=(note,))


def _surveyed(path: Path, shown: str) -> FoundType:
    format_ = _format_of(path)
    survey = Survey()
    with opened(format_) as lines:
        reader = format_.reader(lines)
        columns = read_header(format_, reader, frozenset())
        rows = list(islice(reader, SAMPLE + 1))
        whole = [row for row in rows[:SAMPLE] if len(row) == columns.width]
        for attributes in columns.attributes(whole):
            survey.see(attributes)
    found = survey.attributes({name: AttributeSchema(name=name) for name in columns.names})
    anchors = anchor_candidates(found, survey.sampled)
    options = {"path": shown, "anchor": anchors[0] if anchors else columns.names[0]}
    if format_.delimiter != ",":
        options["delimiter"] = "tab" if format_.delimiter == "\t" else format_.delimiter
    if format_.encoding != "utf-8-sig":
        options["encoding"] = format_.encoding
    note = "no column has another value in every row; choose the anchor yourself"
    return FoundType(
        name=path.stem,
        options=options,
        attributes=found,
        anchors=anchors,
        joins=join_candidates(found, survey.sampled),
        sampled=survey.sampled,
        objects=survey.sampled if len(rows) <= SAMPLE else None,
        notes=() if anchors else (note,),
    )


def _format_of(path: Path) -> Format:
    """Guess encoding and delimiter by the first line; its first column stands for the anchor."""
    with path.open("rb") as file:
        line, *_ = file.readline().splitlines() or [b""]
    try:
        header, encoding = line.decode("utf-8-sig"), "utf-8-sig"
    except UnicodeDecodeError:
        header, encoding = line.decode("latin-1"), "latin-1"
    mark = max(_MARKS, key=header.count)
    first = next(csv.reader([header], delimiter=mark), [""])[0].strip() if header else ""
    return Format(path=path, anchor=first, delimiter=mark, encoding=encoding)
