"""Values of columns as attributes and as a database takes them, by the kind of the column. Pure.

Numbers, truth values, text and bytes are themselves; times are ISO 8601 in UTC, a time without
zone is taken as UTC; a decimal is a number where one can hold it exactly, else text; a JSON list
and an array are several values, a JSON object and whatever else there is are text. What cannot be
told is a ``ValueError``, which makes the object invalid.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from hypersync.connectors.changes import sorted_values
from hypersync.model.objects import Scalar, Value


class Kind(Enum):
    """What a column holds, as far as it is declared."""

    ANY = "any"
    TEXT = "text"
    WHOLE = "whole number"
    DECIMAL = "number"
    FRACTION = "fraction"
    TRUTH = "truth value"
    BYTES = "bytes"
    DATE = "date"
    MOMENT = "moment"
    UUID = "uuid"
    JSON = "json"
    SEVERAL = "several values"


# --- from the database ---------------------------------------------------------------------------


def plain(raw: Any) -> Value:  # noqa: ANN401 - whatever the driver makes of it
    """Return a value of any type as the attribute it is."""
    match raw:
        case None | str() | bool():
            return raw
        case int():
            return raw if -(2**63) <= raw < 2**63 else str(raw)
        case float() | Decimal():
            return number(raw)
        case bytes() | bytearray() | memoryview():
            return bytes(raw)
        case list() | tuple() | set() | frozenset():
            return _values(raw)
        case dict():
            return json_text(raw)
        case _:
            return _time(raw)


def _time(raw: Any) -> str:  # noqa: ANN401 - whatever the driver makes of it
    match raw:
        case datetime():
            return moment_text(raw)
        case date() | time():
            return raw.isoformat()
        case timedelta():
            return _clock(raw)
        case _:
            return str(raw)


def moment_text(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC; without zone it is taken as UTC."""
    aware = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.isoformat().replace("+00:00", "Z")


def number(raw: float | Decimal) -> Value:
    """Return a number that JSON can hold, or the digits of one that it cannot hold exactly."""
    if not math.isfinite(raw):
        raise ValueError("this is no number")
    if isinstance(raw, float):
        return raw
    if raw == raw.to_integral_value():
        return plain(int(raw))
    near = float(raw)
    return near if Decimal(repr(near)) == raw else format(raw.normalize(), "f")


def _values(raw: Iterable[Any]) -> Value:
    parts = [plain(each) for each in raw]
    found = [each for each in parts if each is not None and each != ""]
    if any(isinstance(each, tuple) for each in found):
        return json_text(list(raw))
    return sorted_values(found)  # type: ignore[arg-type] # scalars, as was just seen


def _truth(raw: Any) -> Value:  # noqa: ANN401 - a number, bytes or a truth value
    number = int.from_bytes(raw) if isinstance(raw, bytes) else raw
    if number in (0, 1):
        return bool(number)
    raise ValueError(f"{shown(raw)} is neither true nor false")


def json_text(raw: object) -> str:
    """Return a value as JSON, the same text for equal values."""
    return json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _json(raw: Any) -> Value:  # noqa: ANN401 - text, or what the driver made of it
    if not isinstance(raw, str | bytes):
        return plain(raw)
    try:
        return plain(json.loads(raw))
    except ValueError:
        raise ValueError("this is not JSON") from None


def moment_of_text(raw: Any) -> Value:  # noqa: ANN401 - SQLite holds anything
    """Return a moment that SQLite holds as text; what is none stays as it is."""
    if not isinstance(raw, str):
        return plain(raw)
    try:
        return moment_text(datetime.fromisoformat(raw))
    except ValueError:
        return raw


def _clock(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    minutes, rest = divmod(abs(seconds), 60)
    return f"{'-' if seconds < 0 else ''}{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def as_text(value: Value) -> Value:
    """Return a value as the configuration writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return value


READ: Mapping[Kind, Callable[[Any], Value]] = {Kind.TRUTH: _truth, Kind.JSON: _json}
"""What makes attributes of values; `plain` where nothing is said."""


# --- to the database -----------------------------------------------------------------------------


def _text(value: Scalar) -> str:
    if isinstance(value, bytes):
        raise TypeError
    text = as_text(value)
    assert isinstance(text, str)  # noqa: S101 - a scalar that is not bytes
    if "\0" in text:
        raise ValueError
    return text


def _whole(value: Scalar) -> int:
    if isinstance(value, bool | bytes) or (isinstance(value, float) and value != int(value)):
        raise TypeError
    return int(value)


def _decimal(value: Scalar) -> Decimal:
    if isinstance(value, bool | bytes):
        raise TypeError
    found = Decimal(str(value))
    if not found.is_finite():
        raise ValueError
    return found


def _bind_truth(value: Scalar) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[_text(value).lower()]


def _bytes(value: Scalar) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError
    return value


def _bind_moment(value: Scalar) -> datetime:
    found = datetime.fromisoformat(_text(value))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _bind_json(value: Scalar) -> str:
    text = _text(value) if not isinstance(value, bool | int | float) else value
    if isinstance(text, str) and text.startswith(("{", "[")):
        json.loads(text)
        return text
    return json_text(text)


BIND: Mapping[Kind, Callable[[Scalar], object]] = {
    Kind.TEXT: _text,
    Kind.WHOLE: _whole,
    Kind.DECIMAL: _decimal,
    Kind.FRACTION: lambda value: float(_decimal(value)),
    Kind.TRUTH: _bind_truth,
    Kind.BYTES: _bytes,
    Kind.DATE: lambda value: date.fromisoformat(_text(value)),
    Kind.MOMENT: _bind_moment,
    Kind.UUID: lambda value: str(UUID(_text(value))),
    Kind.JSON: _bind_json,
}
"""What makes values of attributes; raises ``ValueError``, ``TypeError``, ``KeyError`` and such."""


def shown(value: object) -> str:
    """Describe a value without repeating it, unless it is a number."""
    return repr(value) if isinstance(value, int | float) else f"{len(str(value))} characters of it"
