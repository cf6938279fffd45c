"""What the account may do in a domain, as the domain controller itself works it out.

``allowedChildClassesEffective`` of the base says what may be created below it and
``allowedAttributesEffective`` of an object what of it may be written (MS-ADTS 3.1.1.4.5). Nothing
of the kind tells of deleting. One object stands for all of its type; rights may differ below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypersync.connectors.ad.directory import AdDirectory
from hypersync.connectors.ad.place import AdPlace
from hypersync.connectors.ad.values import ACCOUNT_ENABLED, CONTROL
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.wire import Entry
from hypersync.errors import ScanFailed
from hypersync.model.rights import Right, Verb

_DELEGATE = "delegate control of {} to the account, or let it inherit the right"


def rights_of(directory: AdDirectory, place: AdPlace) -> Iterator[Right]:
    """Yield what may be done to the objects of one type."""
    wanted = ["allowedChildClassesEffective"]
    base = directory.wire.find(place.base, ANY, wanted, base_only=True)
    if not base:
        lacking = (f"read {place.base}",)
        yield Right(type=place.name, verb=Verb.READ, granted=False, lacking=lacking)
        return
    yield Right(type=place.name, verb=Verb.READ, granted=True)
    if place.object_class:
        yield _create(place, _names(base[0], wanted[0]))
    example = _example(directory, place)
    if example is not None:
        yield _update(directory, place, _names(example, "allowedAttributesEffective"))


def _create(place: AdPlace, classes: frozenset[str]) -> Right:
    name = place.object_class[-1]
    is_granted = name.lower() in classes
    return Right(
        type=place.name,
        verb=Verb.CREATE,
        granted=is_granted,
        lacking=() if is_granted else (f"create {name} objects in {place.base}",),
        remedy="" if is_granted else _DELEGATE.format(place.base),
    )


def _update(directory: AdDirectory, place: AdPlace, allowed: frozenset[str]) -> Right:
    shown = directory.representation(place)
    named = sorted(
        name for name in place.attributes - {"dn"} if not shown.reported(name).is_read_only
    )
    denied = tuple(name for name in named if _stored(name) not in allowed)
    is_granted = bool(allowed) and (not named or len(denied) < len(named))
    return Right(
        type=place.name,
        verb=Verb.UPDATE,
        granted=is_granted,
        lacking=() if is_granted else (_any_of(named),),
        except_for=denied if is_granted else (),
        remedy=_to_write(place) if denied or not is_granted else "",
    )


def _to_write(place: AdPlace) -> str:
    """Say which right goes with which operation, so that no more is given than is needed."""
    switch = [f"'{CONTROL}' to enable and disable"] * place.has_account
    members = [f"'{place.members}' for memberships"] * bool(place.members)
    named = f" ({', '.join([*switch, *members])})" if switch or members else ""
    return f"let it write what rules set{named} below {place.base}; the others need no right"


def _any_of(named: Sequence[str]) -> str:
    """Say that none of these may be written: which of them rules write is not known here."""
    if len(named) < 2:
        return f"write {next(iter(named), 'any attribute')}"
    return f"write any of {', '.join(named)}"


def _stored(name: str) -> str:
    """Return the attribute that is written for one that is reported, in lower case."""
    return (CONTROL if name.lower() == ACCOUNT_ENABLED.lower() else name).lower()


def _example(directory: AdDirectory, place: AdPlace) -> Entry | None:
    wanted = ["allowedAttributesEffective"]
    try:
        for page in directory.wire.pages(place.base, place.filter, wanted, page_size=1):
            for entry in page:
                return entry
    except ScanFailed:
        return None
    return None


def _names(entry: Entry, attribute: str) -> frozenset[str]:
    for name, values in entry.raw.items():
        if name.lower() == attribute.lower():
            return frozenset(value.decode("utf-8", "replace").lower() for value in values)
    return frozenset()
