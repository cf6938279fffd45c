"""Which of the usual kinds of objects a domain has, and what is not configured of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ad.place import place_of
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.wire import Wire
from hypersync.connectors.settings import object_types
from hypersync.model.discovery import FoundType
from hypersync.model.objects import ObjectType

_KINDS = ("user", "group", "contact", "computer", "ou")
IDENTIFIERS = frozenset(
    {"objectGUID", "objectSid", "distinguishedName", "uSNCreated", "uSNChanged", "whenCreated"}
)
"""Attributes that differ for every object and that no other silo knows."""
_NOTE = "all of the domain, its own accounts too: give it the base below which yours are"


def other_kinds(
    wire: Wire,
    options: AdOptions,
    silo: str,
    known: Collection[ObjectType],
    look: Callable[[ObjectType], FoundType],
) -> Iterator[FoundType]:
    """Look at each of the usual kinds in the domain that none of the ``known`` types is."""
    classes = {place_of(each).kind for each in known}
    (root,) = wire.find("", ANY, ["defaultNamingContext"], base_only=True)
    base = next(iter(root.raw.get("defaultNamingContext", ()))).decode()
    for name in _KINDS:
        given = {"url": list(options.url), "types": {name: {"base": base}}}
        (kind,) = object_types(silo, AdOptions.model_validate(given), {})
        if place_of(kind).kind in classes:
            continue
        found = look(kind)
        if found.sampled:
            yield replace(found, options={"base": base}, notes=(*found.notes, _NOTE))
