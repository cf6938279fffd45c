"""Finds the text of a rule in its file, as it stood when this process started.

The file may have been changed since; what runs work with is what was read then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypersync.config.models import Configuration
from hypersync.rulebook.rules import Rulebook

MOST_LINES = 200


def rule_texts(configuration: Configuration, rulebook: Rulebook) -> Mapping[str, str]:
    """Return the text of every rule by its id; empty for one whose file cannot be read."""
    lines = {file: _lines(configuration, file) for file in {each.file for each in rulebook.rules}}
    return {rule.id: rule_text(lines[rule.file], rule.line) for rule in rulebook.rules}


def _lines(configuration: Configuration, file: str) -> Sequence[str]:
    try:
        return configuration.path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()


def rule_text(lines: Sequence[str], line: int) -> str:
    """Return the item of a list that begins on a line, counted from 1, and the comment above. Pure.

    It ends before the next line that is indented no further; blank lines and comments at its end
    belong to what follows.
    """
    if not 1 <= line <= len(lines):
        return ""
    first, depth = line - 1, _depth(lines[line - 1])
    end = first + 1
    while end < len(lines) and (not _says(lines[end]) or _depth(lines[end]) > depth):
        end += 1
    while end > first + 1 and not _says(lines[end - 1]):
        end -= 1
    while first and lines[first - 1].strip().startswith("#"):
        first -= 1
    shown = [each.rstrip() for each in lines[first : min(end, first + MOST_LINES)]]
    margin = min((_depth(each) for each in shown if each), default=0)
    return "\n".join(each[margin:] for each in shown)


def _says(line: str) -> bool:
    """Tell whether a line is more than blank or a comment."""
    return bool(line.strip()) and not line.strip().startswith("#")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
