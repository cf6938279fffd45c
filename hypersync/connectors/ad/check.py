"""What is wrong, or unwise, about how the configuration sees a domain."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final, Literal

from hypersync.connectors.ad.directory import AdDirectory
from hypersync.connectors.ad.dirsync import RIGHT, DirSync, NoRight
from hypersync.connectors.ad.options import AdOptions
from hypersync.connectors.ad.place import AdPlace, place_of
from hypersync.connectors.ad.usn import Numbers
from hypersync.connectors.directory.session import check_types
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.wire import Lost
from hypersync.connectors.settings import SiloSettings
from hypersync.errors import SiloError
from hypersync.model.mistake import Level, Mistake
from hypersync.model.names import normal
from hypersync.model.objects import ObjectType

UNITS: Final = 200
"""So many organizational units are looked into, each by a request."""
NAMED: Final = 3
"""So many of those in which nothing is seen are named."""
_UNIT = "(objectClass=organizationalUnit)"


def check(settings: SiloSettings, options: AdOptions, directory: AdDirectory) -> Iterator[Mistake]:
    """Look at the connection, at every type, and at how changes will be found."""
    yield from check_types(settings, options, partial(_check_type, directory))
    places = [place_of(kind) for kind in settings.types]
    for place in {place.base.lower(): place for place in places}.values():
        yield from _check_units(place, directory)
    for context in {place.context.lower(): place.context for place in places}.values():
        yield from _check_deltas(context, options.delta, directory, settings.silo)


def _check_type(directory: AdDirectory, kind: ObjectType) -> Iterator[Mistake]:
    place, wire = place_of(kind), directory.wire
    wire.find(place.context, f"(&(!(objectClass=*)){place.filter})", ["1.1"], base_only=True)
    if not wire.find(place.base, ANY, ["1.1"], base_only=True):
        yield Mistake(f"there is no entry {place.base!r}", f"mend the base of {place.name!r}")
    shown = directory.representation(place)
    named = {*kind.attributes, *place.multi, *place.single} - {"dn"}
    for name in sorted(named):
        if not shown.is_known(name):
            yield Mistake(
                f"the schema has no attribute {name!r}", f"mend it in the type {kind.name!r}"
            )
        elif directory.is_computed(name):
            yield Mistake(
                f"{name!r} is computed when it is read, so deltas do not notice its changes",
                f"read the other side, such as the members of groups, or scan {kind.name!r} in "
                "full more often",
                level=Level.WARNING,
            )


def _check_units(place: AdPlace, directory: AdDirectory) -> Iterator[Mistake]:
    """Say where nothing is seen: what the account may not list cannot be told from an empty unit.

    So many units as ``UNITS`` are looked at.
    """
    if place.is_one_level:
        return
    wire = directory.wire
    try:
        units = next(wire.pages(place.base, _UNIT, ["1.1"], page_size=UNITS), [])
        inner = [each.dn for each in units if normal(each.dn) != normal(place.base)]
        silent = sorted(
            dn
            for dn in inner
            if not any(next(wire.pages(dn, ANY, ["1.1"], one_level=True, page_size=1), []))
        )
    except (SiloError, Lost):  # what is wrong with the base was said
        return
    if silent:
        more = f" and {len(silent) - NAMED} more" if len(silent) > NAMED else ""
        yield Mistake(
            f"nothing is seen in {'; '.join(silent[:NAMED])}{more}: there is nothing, or the "
            "account may not list it, and then what is there looks absent",
            "let the account list these units, and name somebody in each who must be seen "
            "('source_guard: {canaries: ...}')",
            level=Level.WARNING,
        )


def _check_deltas(
    context: str, way: Literal["auto", "dirsync", "usn"], directory: AdDirectory, silo: str
) -> Iterator[Mistake]:
    """Say what the account lacks for deltas."""
    try:
        if way != "usn":
            DirSync(directory.wire, context, ["name"]).start()
    except NoRight:
        level = Level.ERROR if way == "dirsync" else Level.WARNING
        yield Mistake(
            f"the account has not the right {RIGHT!r} on {context}",
            f"grant it, or write 'delta: usn' in the silo {silo!r}",
            level=level,
        )
    except SiloError as error:
        yield Mistake(error.message, f"see the silo {silo!r}")
    else:
        if way != "usn" or Numbers(directory.wire, context, 1).sees_deleted():
            return
        yield Mistake(
            f"no deleted object is shown in {context}, so deltas read all anchors",
            "let the account list and read 'CN=Deleted Objects' (dsacls), if there are any",
            level=Level.WARNING,
        )
