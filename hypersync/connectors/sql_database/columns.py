"""The columns of a table or query, and their anchors.

NULL and empty text are missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import types as sql
from sqlalchemy.dialects.mysql import BIT, TINYINT

from hypersync.connectors.changes import is_missing
from hypersync.connectors.sql_database.values import (
    BIND,
    READ,
    Kind,
    as_text,
    json_text,
    moment_of_text,
    number,
    plain,
    shown,
)
from hypersync.model.objects import Scalar, Value

_POSTGRESQL = "postgresql"
_SQLITE = "sqlite"


_KINDS: tuple[tuple[type[sql.TypeEngine[Any]], Kind], ...] = (
    (sql.Boolean, Kind.TRUTH),
    (BIT, Kind.WHOLE),
    (sql.Integer, Kind.WHOLE),
    (sql.Float, Kind.FRACTION),
    (sql.Numeric, Kind.DECIMAL),
    (sql.Uuid, Kind.UUID),
    (sql.String, Kind.TEXT),
    (sql.LargeBinary, Kind.BYTES),
    (sql.BINARY, Kind.BYTES),
    (sql.VARBINARY, Kind.BYTES),
    (sql.DateTime, Kind.MOMENT),
    (sql.Date, Kind.DATE),
    (sql.JSON, Kind.JSON),
    (sql.ARRAY, Kind.SEVERAL),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; ``is_choice`` is that of ``enabled``, which is text as in the configuration."""

    name: str
    kind: Kind = Kind.ANY
    is_read_only: bool = False
    is_zoned: bool = False
    is_padded: bool = False
    is_choice: bool = False
    dialect: str = ""

    @property
    def reader(self) -> Callable[[Any], Value] | None:
        """Return what makes an attribute of a value; ``None`` when the value is one already."""
        if self.is_choice:
            return lambda raw: as_text(READ.get(self.kind, plain)(raw))
        if self.is_padded:
            return lambda raw: raw.rstrip(" ") if isinstance(raw, str) else raw
        if self.kind in (Kind.TEXT, Kind.WHOLE):
            return None
        if self.kind is Kind.MOMENT and self.dialect == _SQLITE:
            return moment_of_text
        if self.kind is Kind.JSON and self.dialect == _POSTGRESQL:
            return plain  # the driver has read the JSON
        found: Callable[[Any], Value] = READ.get(self.kind, plain)
        return found

    def read(self, raw: Any) -> Value:  # noqa: ANN401 - whatever the driver makes of it
        """Return a value as the attribute it is."""
        value: Value = raw if self.reader is None or raw is None else self.reader(raw)
        return None if is_missing(value) else value

    def bound(self, value: Value) -> object:
        """Return an attribute as the driver takes it; raises ``ValueError`` for what does not fit.

        Numbers and times may be written as text.
        """
        if is_missing(value) or value is None:
            return None
        if isinstance(value, tuple):
            return self._several(value)
        if self.kind is Kind.SEVERAL:
            return [value]
        try:
            bound = BIND[self.kind](value) if self.kind in BIND else value
        except (ValueError, TypeError, KeyError, InvalidOperation, OverflowError):
            raise ValueError(
                f"{self.name!r} takes a {self.kind.value}, not {shown(value)}"
            ) from None
        if self.kind is Kind.WHOLE and isinstance(bound, int) and not self._has_room(bound):
            raise ValueError(f"{self.name!r} cannot hold so large a number")
        if isinstance(bound, datetime):
            return self._moment(bound)
        if self.dialect == _SQLITE and isinstance(bound, Decimal | date):
            return number(bound) if isinstance(bound, Decimal) else bound.isoformat()
        return bound

    def _has_room(self, value: int) -> bool:
        """Whether the largest type of whole numbers that the database has holds a number."""
        end = 2**64 if self.dialect in ("mysql", "mariadb") else 2**63
        return -(2**63) <= value < end

    def _several(self, values: tuple[Scalar, ...]) -> object:
        if self.kind is Kind.JSON:
            return json_text(list(values))
        if self.kind is Kind.SEVERAL:
            return list(values)
        raise ValueError(f"{self.name!r} holds one value, not {len(values)}")

    def _moment(self, value: datetime) -> object:
        if self.dialect == _SQLITE:
            return value.replace(tzinfo=None).isoformat(" ")
        return value if self.is_zoned else value.replace(tzinfo=None)

    def normal(self, value: Value) -> Value:
        """Return an attribute as it would be reported when it was written and read again."""
        bound = self.bound(value)
        if self.kind is Kind.JSON and isinstance(bound, str):
            told = plain(json.loads(bound))
            return None if is_missing(told) else told
        return self.read(bound)


def kind_of(declared: sql.TypeEngine[Any], *, is_json: bool = False) -> Kind:
    """Return the kind of a column by its declared type.

    MariaDB's BOOLEAN is ``TINYINT(1)``, and its JSON a text with a check (``is_json``).
    """
    if is_json:
        return Kind.JSON
    if isinstance(declared, TINYINT) and declared.display_width == 1:
        return Kind.TRUTH
    if isinstance(declared, BIT) and declared.length in (None, 1):
        return Kind.TRUTH
    return next((kind for each, kind in _KINDS if isinstance(declared, each)), Kind.ANY)


def anchor_text(value: Value) -> str:
    """Return an anchor as text; raises ``ValueError`` for what is none."""
    match value:
        case bool() | float() | tuple() | None:
            raise ValueError("this is no anchor: it is not text, a whole number or bytes")
        case bytes():
            return value.hex()
        case _:
            return str(value)


def anchor_bound(column: Column, anchor: str) -> object:
    """Return an anchor as the driver takes it; raises ``ValueError`` when no row can have it."""
    if column.kind is Kind.BYTES:
        return bytes.fromhex(anchor)
    return column.bound(anchor)
