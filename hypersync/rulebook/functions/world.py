"""Functions that ask the world of the run: tables, references, names, counts. Pure.

Their first parameter is what the run gives them (`Lookups`, or the tables); in a rule it is not
written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

from hypersync.errors import EvaluationError
from hypersync.model.time_span import parse_time_span
from hypersync.rulebook.functions.time import span as read_span
from hypersync.rulebook.registry import Needs, Place, Slot, function

_GROUP: Final = "The world of the run"


class Lookups(Protocol):
    """What expressions ask of the run they are evaluated in."""

    def reference(self, slot: str, key: str) -> str | None:
        """Return the reference value (DN or anchor) of an object; ``None`` when it is not there.

        ``slot`` is the object's, ``key`` that of its identity, normalised as the slot's join does.
        """

    def unique(self, names: tuple[str, ...], candidate: str, maximum: int) -> str | None:
        """Return the candidate, or it with a number, so that no object has it yet.

        ``names`` are the attributes to look at (``slot.attribute``), ``maximum`` is in characters.
        """

    def initial_password(self) -> str:
        """Return a fresh password."""

    def disabled_by_us(self, slot: str, obj: object) -> bool:
        """Tell whether the last thing that happened to the object's state was our disabling it."""

    def count(self, truth: bool, context: str, span: timedelta) -> int:
        """Count a call with a true condition in the run's window; return the number so far."""

    def quota(self, truth: bool, context: str, span: timedelta) -> int:
        """Do the same in the window that is kept across runs and nodes."""


@function(
    "table",
    group=_GROUP,
    example=("table('ou', 'IT')", "OU=IT,DC=example,DC=org"),
    needs=Needs.TABLES,
)
def table(tables: Mapping[str, Mapping[str, str]], name: str, key: str) -> str | None:
    """Look up a key in a table of the configuration; missing when it is not in there."""
    try:
        return tables[name].get(key)
    except KeyError as error:
        raise EvaluationError(f"there is no table {name!r}") from error


@function(
    "ref",
    group=_GROUP,
    example=("ref('ad', hr.managerId)", "CN=Bob,OU=IT,DC=example,DC=org"),
    needs=Needs.LOOKUPS,
)
def ref(lookups: Lookups, slot: str, key: str) -> str | None:
    """Give the reference to the object in a slot of the identity with that key."""
    return lookups.reference(slot, key)


@function(
    "unique",
    group=_GROUP,
    example=("unique(('ad.sAMAccountName',), 'ann', max=20)", "ann2"),
    needs=Needs.LOOKUPS,
    place=Place.ONCE,
)
def unique(lookups: Lookups, names: tuple[str, ...], candidate: str, max_: int = 64) -> str | None:
    """Give the candidate, numbered if need be, as nobody has it under these attributes."""
    return lookups.unique(names, candidate, max_)


@function(
    "initial_password",
    group=_GROUP,
    example=("initial_password()", "a-fresh-password"),
    needs=Needs.LOOKUPS,
    place=Place.ONCE,
)
def initial_password(lookups: Lookups) -> str:
    """Make a password for a new account."""
    return lookups.initial_password()


@function(
    "disabled_by_us",
    group=_GROUP,
    example=("disabled_by_us(ad)", False),
    needs=Needs.LOOKUPS,
)
def disabled_by_us(lookups: Lookups, slot: Slot) -> bool:
    """Tell whether it was HyperSync that disabled the object, and nobody since."""
    return lookups.disabled_by_us(slot.name, slot.object)


def _counted_span(length: object) -> object:
    span = parse_time_span(length) if isinstance(length, str) else length
    if isinstance(span, timedelta) and not span:
        raise ValueError(f"{length!r} is no time at all; write a time span above zero")
    return span


def _count(lookups: Lookups, condition: bool, context: str, span: object) -> int:
    """Count how often this was called with a true condition in the context, this call included.

    A false condition gives the number unchanged. Contexts are shared by name between rules. The
    window of a context starts with its first counted call and ends after the span, at the latest
    with the run.
    """
    return lookups.count(condition, context, read_span(span))


def _quota(lookups: Lookups, condition: bool, context: str, span: object) -> int:
    """Count as `Count` does, in a window that is kept across runs: a quota per time span."""
    return lookups.quota(condition, context, read_span(span))


def _register_rates() -> None:
    rates: tuple[tuple[str, str, Any], ...] = (
        ("Count", "Count(True, 'joiners', '1h') <= 100", _count),
        ("count", "count(True, 'joiners', '1h')", _count),
        ("Quota", "Quota(True, 'joiners', '1d') <= 100", _quota),
        ("quota", "quota(True, 'joiners', '1d')", _quota),
    )
    for name, text, implementation in rates:
        function(
            name,
            group=_GROUP,
            example=(text, True if "<=" in text else 1),
            needs=Needs.LOOKUPS,
            place=Place.LAST,
            checks={"span": _counted_span},
        )(implementation)


_register_rates()
