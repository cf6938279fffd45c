"""Reads the rows of the audit trail as somebody else may have left them. Pure.

What HyperSync wrote is text, and a time that Python knows. Anything else stands in the content of
an entry in a form that no text has, so that its seal tells one from the other, and is named in
``unreadable``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from hypersync.ports.store.events import Entry

NAMES = ("at", "kind", "run", "rule", "request", "action", "silo", "by", "data")
_START = datetime.fromtimestamp(0, UTC)
_ODD = "odd"


def of_sqlite(key: int, *columns: Any) -> Entry:  # noqa: ANN401 - a row
    """Return a row of SQLite: each column as its type and its bytes, the seal last."""
    values = [_value(kind, raw) for kind, raw in zip(columns[::2], columns[1::2], strict=True)]
    at, *said, seal = values
    if isinstance(at, str):
        at = _moment(at)
    return _entry(key, at, said, seal)


def of_server(key: int, seconds: str, *columns: str | None) -> Entry:
    """Return a row of PostgreSQL: the time in seconds since 1970, and texts, the seal last."""
    *said, seal = columns
    return _entry(key, _instant(seconds), said, seal)


def _entry(key: int, at: object, said: Sequence[object], seal: object) -> Entry:
    odd = [name for name, value in zip(NAMES[1:], said, strict=True) if _is_odd(value)]
    if _time(at) is None:
        odd.insert(0, "at")
    if _is_odd(seal):
        odd.append("seal")
    text = None if seal is None else shown(seal)
    return Entry(key, (at, *said), f"({_ODD}) {text}" if _is_odd(seal) else text, tuple(odd))


def _value(kind: str, raw: bytes | None) -> object:
    """Return a text as it is, and anything else with what it is."""
    if raw is None:
        return None
    if kind == "text":
        try:
            return raw.decode()
        except UnicodeDecodeError:
            pass
    return [_ODD, kind, raw]


def _is_odd(value: object) -> bool:
    return isinstance(value, list)


def _moment(at: str) -> object:
    """Return a time as SQLite keeps it as ISO 8601 in UTC, anything else as it stands."""
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return at
    return at if found.tzinfo else found.replace(tzinfo=UTC).isoformat()


def _instant(seconds: str) -> object:
    """Return seconds since 1970 as ISO 8601 in UTC, the same as of any other database."""
    try:
        return (_START + timedelta(microseconds=int(Decimal(seconds) * 1_000_000))).isoformat()
    except (ArithmeticError, ValueError):  # infinite, or beyond what Python has times for
        return [_ODD, "seconds", seconds]


def _time(at: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(at)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# --- for people --------------------------------------------------------------------------------


def time_of(at: object) -> datetime:
    """Return the time of an event; the start of 1970 for what is none."""
    return _time(at) or _START


def data_of(text: object) -> dict[str, Any]:
    """Return what an event says; nothing when it is no JSON."""
    try:
        found = orjson.loads(text or "{}")  # type: ignore[arg-type] # refused below when no text
    except (orjson.JSONDecodeError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def shown(value: object) -> str:
    """Return a value as text, with the bytes that are none written out."""
    if isinstance(value, list):
        raw = value[-1]
        return raw.decode(errors="backslashreplace") if isinstance(raw, bytes) else str(raw)
    return str(value)
