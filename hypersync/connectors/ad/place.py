"""What the directory needs to know of an object type of an Active Directory. Pure.

The anchor is ``objectGUID``, which is binary in the directory and text here. ``accountEnabled``
stands for one bit of ``userAccountControl``, so whoever wants the one is given the other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hypersync.connectors.ad.options import AdTypeOptions, naming_context
from hypersync.connectors.ad.values import (
    ACCOUNT_ENABLED,
    CONTROL,
    guid_bytes,
    guid_text,
)
from hypersync.connectors.directory.answers import Raw, escaped_bytes
from hypersync.connectors.directory.tree import Place
from hypersync.connectors.directory.wire import Entry
from hypersync.model.names import is_below, normal, split
from hypersync.model.objects import KNOWN_SWITCHES, ObjectType

ANCHOR: Final = "objectGUID"
NOTHING: Final = "(!(objectClass=*))"
"""A filter that finds nothing."""

_FILTERED: Final = re.compile(r"\(\s*(?![&|!\s])([^()=~<>:;]*?)\s*[=~<>:;]")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdPlace(Place):
    """A type; ``kind`` is its class in lower case, empty when nobody says it.

    ``context`` is the naming context of its base, ``has_account`` whether it has an enabled state
    in ``userAccountControl``.
    """

    filter: str
    is_one_level: bool
    context: str
    kind: str
    has_account: bool
    primary_members: bool

    def anchor_of(self, entry: Entry) -> str | None:
        """Return the objectGUID of an entry as text, ``None`` when it has none."""
        raw = first(entry.raw, ANCHOR)
        try:
            return None if raw is None else guid_text(raw)
        except ValueError:
            return None

    def anchor_filter(self, anchor: str) -> str:
        """Return the filter that finds an object by its objectGUID; by nonsense nothing."""
        try:
            return guid_filter(guid_bytes(anchor))
        except ValueError:
            return NOTHING

    def asked(self, names: Collection[str]) -> set[str]:
        """Return what the server is asked for when these attributes are wanted."""
        switches = {each for each in names if each.lower() == ACCOUNT_ENABLED.lower()}
        found = {*names, ANCHOR, "uSNChanged"} - {"dn"} - switches
        found |= {CONTROL} if switches else set()
        return found | {"objectSid"} if self.primary_members else found

    @property
    def requested(self) -> list[str]:
        """What a scan asks for."""
        return sorted(self.asked(self.attributes - {"dn"} or {"*"}))

    @property
    def filtered(self) -> set[str]:
        """The attributes that the filter looks at; ``*`` when it may look at any."""
        return {name or "*" for name in _FILTERED.findall(self.filter)}

    def holds(self, dn: str) -> bool:
        """Tell whether an object with this name is below the base, as far down as is looked."""
        if self.is_one_level:
            return normal(split(dn)[1]) == normal(self.base)
        return is_below(dn, self.base)

    def may_be(self, classes: Sequence[bytes]) -> bool:
        """Tell whether an object of these classes may be of the type; of none it may."""
        return not self.kind or not classes or self.kind in class_names(tuple(classes))


def place_of(kind: ObjectType) -> AdPlace:
    """Return what the directory needs to know of a type."""
    options = kind.options
    if not isinstance(options, AdTypeOptions):
        raise TypeError(f"{kind.name} is no type of an ad silo")
    has_account = kind.enabled == KNOWN_SWITCHES["ad"]
    switch = {kind.enabled.attribute} if kind.enabled else set()
    return AdPlace(
        name=kind.name,
        base=options.base,
        anchor=ANCHOR,
        attributes=kind.attributes,
        single=frozenset({*options.single, *switch}),
        multi=frozenset({*options.multi, *([kind.members] if kind.members else [])}),
        members=kind.members,
        placeholder=None,
        object_class=options.object_class,
        filter=options.filter,
        is_one_level=options.scope == "one",
        context=naming_context(options.base),
        kind=options.kind,
        has_account=has_account,
        primary_members=options.primary_members,
    )


def scope_of(kind: ObjectType) -> tuple[object, ...]:
    """Return what absence is measured against: base, filter, attributes and how they are read."""
    place = place_of(kind)
    where = (place.base, place.filter, place.is_one_level, place.kind, place.primary_members)
    return (kind.name, *where, *map(sorted, (place.single, place.multi, place.attributes)))


def first(raw: Raw, name: str) -> bytes | None:
    """Return the first value of an attribute, whatever the case of its name."""
    values = raw.get(name)
    if values is None:
        spelled = _spelled(name, tuple(raw))
        values = () if spelled is None else raw[spelled]
    return values[0] if values else None


@lru_cache(maxsize=1_000)
def _spelled(name: str, names: tuple[str, ...]) -> str | None:
    """Return how a name is spelled among others; entries of one type have the same names."""
    return next((each for each in names if each.lower() == name.lower()), None)


@lru_cache(maxsize=1_000)
def class_names(classes: tuple[bytes, ...]) -> frozenset[str]:
    """Return classes as they are compared; objects of one type have the same."""
    return frozenset(each.decode("ascii", "replace").lower() for each in classes)


def guid_filter(raw: bytes) -> str:
    """Return the filter that finds an object by its GUID as it is stored."""
    return f"({ANCHOR}={escaped_bytes(raw)})"


def any_of(filters: Sequence[str]) -> str:
    """Return a filter that finds what one of these finds."""
    return f"(|{''.join(filters)})" if filters else NOTHING


def chunks(raws: Collection[bytes], size: int) -> list[list[bytes]]:
    """Cut GUIDs into lists of at most ``size``."""
    ordered = list(raws)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]
