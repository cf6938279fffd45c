"""Functions over text. Pure.

Regular expressions run on RE2, whose time is linear in the text: no pattern can hang a run.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import re2

from hypersync.errors import EvaluationError
from hypersync.model.time_span import format_time_span
from hypersync.rulebook.operators import LONGEST, bounded
from hypersync.rulebook.registry import described, function

_GROUP: Final = "Text"
_FIELD: Final = re.compile(r"\{\{|\}\}|\{(\d{0,2})(?::0(\d{1,2}))?\}|[{}]")
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
        "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
        "\u0131": "i", "ħ": "h", "Ħ": "H",
    }
)  # fmt: skip


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> Any:  # noqa: ANN401 - RE2 has no types
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"{pattern!r} is not a regular expression: {reason}") from error


def _field_count(template: str) -> int:
    """Count the values a template needs; raises ``ValueError`` when it is not one."""
    needed = automatic = 0
    for match in _FIELD.finditer(template):
        if match[0] in ("{", "}"):
            raise ValueError(f"{template!r} has a single {match[0]!r}; write it twice to mean it")
        if match[1] is None:
            continue
        needed = max(needed, int(match[1]) + 1 if match[1] else automatic + 1)
        automatic += not match[1]
    return needed


@function("lower", group=_GROUP, example=("lower(hr.surname)", "ng"), inline="{0}.lower()")
def lower(text: str) -> str:
    """Give the text in lower case."""
    return text.lower()


@function("upper", group=_GROUP, example=("upper('ng')", "NG"), inline="{0}.upper()")
def upper(text: str) -> str:
    """Give the text in upper case."""
    return text.upper()


@function("strip", group=_GROUP, example=("strip('  E7 ')", "E7"), inline="{0}.strip()")
def strip(text: str) -> str:
    """Give the text without white space at both ends."""
    return text.strip()


@function(
    "startswith",
    group=_GROUP,
    example=("startswith('adm-ann', 'adm-')", True),
    inline="{0}.startswith({1})",
)
def startswith(text: str, prefix: str) -> bool:
    """Tell whether the text begins with the prefix; upper and lower case differ."""
    return text.startswith(prefix)


@function(
    "endswith",
    group=_GROUP,
    example=("endswith(hr.mail, '@example.org')", True),
    inline="{0}.endswith({1})",
)
def endswith(text: str, suffix: str) -> bool:
    """Tell whether the text ends with the suffix; upper and lower case differ."""
    return text.endswith(suffix)


@function(
    "contains", group=_GROUP, example=("contains('Sales EMEA', 'EMEA')", True), inline="{1} in {0}"
)
def contains(text: str, part: str) -> bool:
    """Tell whether the part is somewhere in the text; for lists, write ``x in y``."""
    return part in text


@function(
    "matches",
    group=_GROUP,
    example=("matches(hr.employeeId, 'E[0-9]+')", True),
    checks={"pattern": _pattern},
)
def matches(text: str, pattern: str) -> bool:
    """Tell whether the whole text fits the regular expression (RE2 syntax, linear time)."""
    try:
        return _pattern(pattern).fullmatch(text) is not None
    except ValueError as error:
        raise EvaluationError(str(error)) from error


@function("replace", group=_GROUP, example=("replace('a.b.c', '.', '-')", "a-b-c"))
def replace(text: str, old: str, new: str) -> str:
    """Give the text with every ``old`` replaced by ``new``."""
    if len(new) > len(old) and len(text) + text.count(old) * (len(new) - len(old)) > LONGEST:
        raise EvaluationError(f"replace() would make a text longer than {LONGEST} characters")
    return text.replace(old, new)


@function(
    "split",
    group=_GROUP,
    example=("split('a;b', ';')", ("a", "b")),
    checks={"separator": lambda separator: _not_empty(separator)},
)
def split(text: str, separator: str) -> tuple[str, ...]:
    """Cut the text at every separator and give the parts as a list."""
    if not separator:
        raise EvaluationError("split() wants a separator that is not empty")
    return tuple(text.split(separator))


@function("join", group=_GROUP, example=("join(('a', 'b'), ', ')", "a, b"))
def join(values: object, separator: str) -> str:
    """Put the texts of a list together with the separator between them."""
    parts = values if isinstance(values, tuple) else (values,)
    texts = [text(part) for part in parts]
    if sum(map(len, texts)) + len(separator) * len(texts) > LONGEST:
        raise EvaluationError(f"join() would make a text longer than {LONGEST} characters")
    return separator.join(texts)


@function(
    "format",
    group=_GROUP,
    example=("format('{}-{:04}', lower(hr.surname), 7)", "ng-0007"),
    checks={"template": _field_count},
)
def format_(template: str, *values: object) -> str:
    """Put values into a template: ``{}`` or ``{0}``; ``{:04}`` fills up with zeros to 4 places."""
    try:
        if _field_count(template) > len(values):
            raise EvaluationError(f"format() has {len(values)} values, the template needs more")
    except ValueError as error:
        raise EvaluationError(str(error)) from error
    rest = iter(values)

    def filled(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        value = values[int(match[1])] if match[1] else next(rest)
        return text(value).zfill(int(match[2] or 0))

    return str(bounded(_FIELD.sub(filled, template)))


@function("truncate", group=_GROUP, example=("truncate('administrator', 5)", "admin"))
def truncate(text: str, length: int) -> str:
    """Give at most the first ``length`` characters."""
    if length < 0:
        raise EvaluationError("truncate() wants a length of 0 or more")
    return text[:length]


@function("ascii", group=_GROUP, example=("ascii('Łukasz Müßig')", "Lukasz Mussig"))
def ascii_(text: str) -> str:
    """Write the text in ASCII: letters lose their marks, what has no letter is left out."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return str(bounded(plain.encode("ascii", "ignore").decode("ascii")))


@function("text", group=_GROUP, example=("text(date('2026-03-02'))", "2026-03-02"))
def text(value: object) -> str:
    """Write a value as text: numbers in digits, dates and times in ISO 8601, true and false."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case timedelta():
            return ("-" if value < timedelta(0) else "") + format_time_span(abs(value))
        case _:
            raise EvaluationError(f"text() cannot write {described(value)}")


@function("number", group=_GROUP, example=("number('42') + 1", 43))
def number(text: str) -> float:
    """Read a number written in digits, with an optional sign and decimal point."""
    stripped = text.strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", stripped):
        raise EvaluationError(f"{truncate(text, 40)!r} is not a number")
    return float(stripped) if "." in stripped else int(stripped)


def _not_empty(separator: str) -> None:
    if not separator:
        raise ValueError("split() wants a separator that is not empty")
