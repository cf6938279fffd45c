"""What can be said of an object that others may share: the features a cause is looked for in. Pure.

Names of people, secrets and long lists say nothing and are left out. Values are compared as they
are stored; the containers of an object are all those above it but the root of the directory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from hypersync.model.joins import normal_reference
from hypersync.model.secrecy import is_secret
from hypersync.pipeline.causes.choose import Feature, Kind
from hypersync.pipeline.passwords import MARK
from hypersync.ports.store.objects import Trait

Json = Mapping[str, Any]
"""Attributes as they are stored: lists for several values, a mapping for bytes."""

LISTED = 20
"""How many values of one attribute are looked at."""

_DN = "dn"
_LEVELS = 8
_PREFIX = 3
_SCAN = "scan:"
_COMMA = re.compile(r"(?<!\\),")
_NAMES = frozenset(
    {
        "cn",
        "commonname",
        "displayname",
        "email",
        "firstname",
        "fullname",
        "given",
        "givenname",
        "initials",
        "lastname",
        "mail",
        "name",
        "samaccountname",
        "sn",
        "surname",
        "uid",
        "userprincipalname",
    }
)


@cache
def is_telling(name: str) -> bool:
    """Tell whether people may share the values of an attribute for a reason, and see them."""
    return name.casefold() not in _NAMES and not is_secret(name)


def scan_of(written_by: str) -> str | None:
    """Return the id of the scan that wrote an object last, ``None`` when an action did."""
    return written_by.removeprefix(_SCAN) if written_by.startswith(_SCAN) else None


def of_attributes(source: str, attributes: Json) -> Iterator[Feature]:
    """Yield what the attributes of an object say."""
    for name, value in attributes.items():
        if name == _DN:
            for container in containers(value):
                yield Feature(Kind.CONTAINER, source, name, container)
        elif is_telling(name):
            for each in scalars(value):
                yield Feature(Kind.ATTRIBUTE, source, name, each)


def of_changes(
    kind: Kind, source: str, after: Json, before: Json | None = None
) -> Iterator[Feature]:
    """Yield what changed attributes become; of lists only the values that were not there before."""
    for name, value in after.items():
        if name == _DN or name[:1] in "+-" or not is_telling(name):
            continue
        if value is None:
            yield Feature(kind, source, name, None)
            continue
        known = set(scalars((before or {}).get(name)))
        for each in scalars(value):
            if each not in known:
                yield Feature(kind, source, name, each)


def of_anchor(source: str, anchor: str) -> Iterator[Feature]:
    """Yield how an anchor begins."""
    for prefix in prefixes(anchor):
        yield Feature(Kind.ANCHOR, source, "", prefix)


def containers(name: object) -> Iterator[str]:
    """Yield the containers of a distinguished name in normal form, the innermost first."""
    if not isinstance(name, str):
        return
    parts = _COMMA.split(normal_reference(name))
    for index in range(1, min(len(parts), _LEVELS + 1)):
        if not parts[index].startswith("dc="):
            yield ",".join(parts[index:])


def prefixes(anchor: str) -> Iterator[str]:
    """Yield the first characters of an anchor, never all of it."""
    for length in range(1, min(_PREFIX, len(anchor) - 1) + 1):
        yield anchor[:length]


def scalars(value: object) -> Iterator[str | int | float | bool]:
    """Yield the values of an attribute that can be compared and shown."""
    listed = value[:LISTED] if isinstance(value, list | tuple) else (value,)
    for each in listed:
        if isinstance(each, str | int | float) and not (isinstance(each, str) and MARK in each):
            yield each


class Wanted:
    """Finds a few features again in many objects, at the price of a look at their attributes.

    A feature is named by its place in the list.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        values: dict[str, dict[str, dict[object, int]]] = {}
        besides: dict[str, dict[Kind, dict[object, int]]] = {}
        for place, (kind, source, name, value) in enumerate(features):
            if kind is Kind.ATTRIBUTE:
                values.setdefault(source, {}).setdefault(name, {})[value] = place
            elif kind in _BESIDES:
                besides.setdefault(source, {}).setdefault(kind, {})[value] = place
        self._values = {source: list(names.items()) for source, names in values.items()}
        self._besides = {
            source: [(_BESIDES[kind], places) for kind, places in kinds.items()]
            for source, kinds in besides.items()
        }

    def names(self, source: str) -> list[str]:
        """Return the attributes of a type of which values are looked for."""
        return [name for name, _ in self._values.get(source, ())]

    def found(self, source: str, trait: Trait, attributes: Json) -> list[int]:
        """Return the places of those that an object has, except what a scan changed."""
        found = []
        for name, places in self._values.get(source, ()):
            value = attributes.get(name)
            if isinstance(value, list):
                found += [places[each] for each in set(scalars(value)) if each in places]
            elif not isinstance(value, dict) and value in places:
                found.append(places[value])
        for said, places in self._besides.get(source, ()):
            found += [places[each] for each in said(trait, attributes) if each in places]
        return found


_BESIDES: Mapping[Kind, Callable[[Trait, Json], Iterable[object]]] = {
    Kind.CONTAINER: lambda _, attributes: containers(attributes.get(_DN)),
    Kind.ANCHOR: lambda trait, _: prefixes(trait.anchor),
    Kind.SCAN: lambda trait, _: (scan_of(trait.source),),
}
