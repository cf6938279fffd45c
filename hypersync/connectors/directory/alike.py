"""Reads entries that differ in a few values only, such as those of a list of all anchors. Pure.

Where two messages are of one length and the same bytes stand around their values, they have the
same structure. So one that was decoded with every check (`ber`) is a pattern for others of its
length: what matches it is taken apart without another look, by a search in C. What does not match
is decoded, and is the pattern from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from hypersync.connectors.directory.ber import (
    ENTRY,
    INTEGER,
    MESSAGE,
    OCTETS,
    SEQUENCE,
    SET,
    SearchEntry,
    search_entry,
    span,
)

_MOST: Final = 500
"""How many patterns are kept; an anchor list needs one for each length that names have."""
_NONE: Final = (re.compile(rb"(?!)"), ())


class Alike:
    """Reads entries as `ber.search_entry` does, sooner where they are alike."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[re.Pattern[bytes], Sequence[str]]] = {}

    def search_entry(self, data: bytes, at: int, end: int) -> SearchEntry | None:
        """Return the entry in the message from ``at`` to ``end``, ``None`` for something else.

        Raises ``ValueError`` or ``IndexError`` for an entry that is broken.
        """
        pattern, names = self._known.get(end - at, _NONE)
        found = pattern.match(data, at, end)
        if found is None:
            return self._decoded(data, at, end)
        number, name, *values = found.groups()
        raw = {each: [value] for each, value in zip(names, values, strict=True)}
        return SearchEntry(int.from_bytes(number, "big", signed=True), name, raw)

    def _decoded(self, data: bytes, at: int, end: int) -> SearchEntry | None:
        entry = search_entry(data, at, end)
        if entry is not None and all(len(values) == 1 for values in entry.raw.values()):
            if len(self._known) == _MOST:
                self._known.clear()
            self._known[end - at] = (_pattern(data[at:end]), tuple(entry.raw))
        return entry


def _pattern(message: bytes) -> re.Pattern[bytes]:
    """Return what matches messages that differ from this one in number, name and values only."""
    parts, at = [], 0
    for start, end in _variable(message):
        parts += [re.escape(message[at:start]), b"(.{%d})" % (end - start)]
        at = end
    return re.compile(b"".join((*parts, re.escape(message[at:]))), re.DOTALL)


def _variable(message: bytes) -> Iterator[tuple[int, int]]:
    """Yield where number, name and values stand in an entry whose attributes have one each."""
    at, _ = span(message, 0, MESSAGE)
    number = span(message, at, INTEGER)
    yield number
    at, _ = span(message, number[1], ENTRY)
    name = span(message, at, OCTETS)
    yield name
    at, end = span(message, name[1], SEQUENCE)
    while at < end:
        inside, at = span(message, at, SEQUENCE)
        _, type_end = span(message, inside, OCTETS)
        value, _ = span(message, type_end, SET)
        yield span(message, value, OCTETS)
