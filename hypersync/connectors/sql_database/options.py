"""What the configuration says about an SQL database.

The URL holds a password and is therefore a secret as a whole: it is never part of a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from hypersync.config.located import Located
from hypersync.config.values import Filled, Secret, SecretText
from hypersync.connectors.settings import SiloOptions, TypeOptions
from hypersync.model.objects import ObjectType
from hypersync.model.time_span import parse_time_span

DRIVERS: Mapping[str, str] = MappingProxyType(
    {
        "postgresql": "postgresql+psycopg",
        "postgresql+psycopg": "postgresql+psycopg",
        "mariadb": "mariadb+pymysql",
        "mariadb+pymysql": "mariadb+pymysql",
        "mysql": "mysql+pymysql",
        "mysql+pymysql": "mysql+pymysql",
        "sqlite": "sqlite",
    }
)
"""What a URL may begin with, and the driver that is meant."""

DEFAULT_OVERLAP = timedelta(minutes=5)
DEFAULT_NUMBERS = 1_000


def _check_url(url: Secret) -> Secret:
    wrong = (
        "this is no address of a database; write for instance postgresql://NAME@HOST/DATABASE, "
        "mariadb://NAME@HOST/DATABASE or sqlite:///FILE"
    )
    try:
        parsed = make_url(url.reveal())
    except (ArgumentError, ValueError):
        raise ValueError(wrong) from None
    if parsed.drivername not in DRIVERS or not parsed.database or parsed.database == ":memory:":
        raise ValueError(wrong)
    return url


def _check_overlap(text: str) -> str:
    if not text.isdecimal():
        parse_time_span(text)
    return text


class ListOptions(Located):
    """A second table that holds the values of one attribute, a row for each.

    ``of`` is its column with the anchor of the object, ``value`` the one with the value.
    """

    table: Filled
    of: Filled
    value: Filled


class SqlTypeOptions(TypeOptions):
    """Where the objects of one type are: in a ``table``, or in what a ``query`` finds.

    A type with both is read by the query and written to the table. ``where`` is a condition in
    SQL. ``delta`` is a column that grows with every change, ``overlap`` how far before the last
    change a delta begins (a time span, or a number). ``key`` is the column by which a new object
    is found again when the database gives it its anchor.
    """

    anchor: Filled
    table: Filled | None = None
    query: Filled | None = None
    where: Filled | None = None
    lists: Mapping[str, ListOptions] = Field(default_factory=dict)
    delta: Filled | None = None
    overlap: Annotated[Filled, AfterValidator(_check_overlap)] | None = None
    key: Filled | None = None

    @property
    def gives_anchor(self) -> bool:
        """Whether the database itself gives new rows their anchor: where they have a ``key``."""
        return self.key is not None

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if self.table is None and self.query is None:
            raise ValueError("this type is nowhere; say its 'table' or its 'query'")
        if self.delta is not None and self.lists:
            raise ValueError(
                "a type with 'lists' has no 'delta': a row of a second table leaves no trace in "
                "the first; remove one of them"
            )
        return self


class SqlOptions(SiloOptions):
    """One database."""

    url: Annotated[SecretText, AfterValidator(_check_url)]
    types: Mapping[str, SqlTypeOptions] = Field(min_length=1)


def type_options(kind: ObjectType) -> SqlTypeOptions:
    """Return the options of a type."""
    if not isinstance(kind.options, SqlTypeOptions):
        raise TypeError(f"{kind.name} is no type of an sql silo")
    return kind.options


def scope_of(kind: ObjectType) -> tuple[object, ...]:
    """Return what absence is measured against: source, condition, anchor and attributes."""
    options = type_options(kind)
    lists = sorted((name, each.table, each.of, each.value) for name, each in options.lists.items())
    where = (options.table, options.query, options.where, options.anchor, options.delta)
    enabled = None if kind.enabled is None else kind.enabled.attribute
    return (kind.name, *where, lists, enabled, sorted(kind.attributes))
