"""Text as a cell of a CSV file that people open in a spreadsheet. Pure.

A spreadsheet takes what begins like a formula for one. Which character ends a cell depends on who
opens the file: where it is the semicolon, each part of a cell after one is a cell of its own, and
one in quotes is the same without them. So an apostrophe stands before a formula there as well.
"""

from __future__ import annotations

import re

from hypersync.messages.wording import visible

_FORMULA = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"  # the wide ones count as well
_AT_ITS_START = re.compile(rf'[\s"]*{_FORMULA}|[\t\r\n]')
_INSIDE = re.compile(rf'([;\t\r\n][\s";]*)({_FORMULA})?')
"""Always takes the whole run of what may stand before a formula, so that it stays linear."""


def cell_of(text: str, most: int) -> str:
    """Return text for a cell: nothing hidden, cut after ``most`` characters, never a formula."""
    shown = _INSIDE.sub(_guarded, visible(text, most))
    return f"'{shown}" if _AT_ITS_START.match(text) else shown


def _guarded(found: re.Match[str]) -> str:
    before, formula = found[1], found[2]
    return before if formula is None else f"{before}'{formula}"
