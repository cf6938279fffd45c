"""Functions that are told when a value is missing. Pure."""

from __future__ import annotations

from typing import Final

from hypersync.rulebook.registry import function

_GROUP: Final = "Missing values"


@function(
    "missing",
    group=_GROUP,
    example=("missing(hr.endDate)", True),
    takes_missing=True,
)
def missing(value: object) -> bool:
    """Tell whether the value is missing; true or false, never unknown."""
    return value is None


@function("present", group=_GROUP, example=("present(hr.surname)", True), takes_missing=True)
def present(value: object) -> bool:
    """Tell whether there is a value; true or false, never unknown."""
    return value is not None


@function(
    "coalesce",
    group=_GROUP,
    example=("coalesce(hr.nickname, hr.given)", "Ann"),
    takes_missing=True,
)
def coalesce(*values: object) -> object:
    """Give the first value that is not missing; those after it are not computed."""
    return next((value for value in values if value is not None), None)
