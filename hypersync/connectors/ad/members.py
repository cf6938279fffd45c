"""Entries with all their values: ranges fetched, primary members added.

A domain controller gives so many values of an attribute at once (1 500 on Windows): the attribute
then comes empty, and beside it ``member;range=0-1499``. Who reads only the former sees an empty
group. So the rest is fetched until a range ends in ``*``, and everything again when the object
changed meanwhile (its ``uSNChanged`` did), because ranges of two states make a third that never
was. Who has a group as primary group is never in its ``member``; such accounts are looked for where
the type wants it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from hypersync.connectors.ad.place import AdPlace, any_of, first
from hypersync.connectors.ad.values import guid_text
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.wire import Busy, Control, Entry, Wire
from hypersync.errors import SiloRefused

ATTEMPTS: Final = 5
"""How often an object that changes while its values are fetched is read."""
_RANGE = re.compile(r"(?P<name>[^;]+);range=(?P<low>\d+)-(?P<high>\d+|\*)", re.IGNORECASE)
_CHANGED = "uSNChanged"
_Read: TypeAlias = Callable[[Sequence[str]], Entry | None]
"""Reads attributes of one object; ``None`` when it is gone."""


class Unsteady(ValueError):
    """An object did not stand still while its values were fetched."""


class _ChangedMeanwhile(Exception):
    """Part of the values is of another state of the object."""


def complete(wire: Wire, entry: Entry, *controls: Control) -> Entry | None:
    """Fetch the values that did not come with an entry; ``None`` when it is gone.

    ``controls`` are those with which it was found. Raises `Unsteady` when it changes faster than it
    can be read, and `Lost`.
    """
    if not is_partial(entry):
        return entry
    anchor = first(entry.raw, "objectGUID")
    if anchor is None:
        raise SiloRefused(f"{entry.dn} has no objectGUID to fetch the rest of its values by")
    where = f"<GUID={guid_text(anchor)}>"
    names = [*{each.partition(";")[0] for each in entry.raw}, _CHANGED]
    current: Entry | None = entry

    def read(attributes: Sequence[str]) -> Entry | None:
        found = wire.find(where, ANY, attributes, base_only=True, controls=controls)
        return found[0] if found else None

    for _ in range(ATTEMPTS):
        if current is None:
            return None
        try:
            return _whole(read, current)
        except _ChangedMeanwhile:
            current = read(names)
    raise Unsteady(f"it changed {ATTEMPTS} times while its values were fetched")


def is_partial(entry: Entry) -> bool:
    """Tell whether an attribute came with a part of its values only."""
    return _has_range(tuple(entry.raw))


@lru_cache(maxsize=1_000)
def _has_range(names: tuple[str, ...]) -> bool:
    """Tell whether one of these names says a range; entries of one type have the same names."""
    return any(";" in name and _RANGE.fullmatch(name) for name in names)


def _whole(read: _Read, entry: Entry) -> Entry:
    raw = {name: list(values) for name, values in entry.raw.items() if not _RANGE.fullmatch(name)}
    for name, values in entry.raw.items():
        match = _RANGE.fullmatch(name)
        if match is not None:
            rest = _rest(read, match, first(entry.raw, _CHANGED))
            raw[match["name"]] = [*values, *rest]
    return Entry(entry.dn, raw)


def _rest(read: _Read, match: re.Match[str], changed: bytes | None) -> list[bytes]:
    """Fetch what follows a range."""
    found: list[bytes] = []
    if match["low"] != "0" or changed is None:
        raise _ChangedMeanwhile
    while match["high"] != "*":
        start = int(match["high"]) + 1
        try:
            entry = read([f"{match['name']};range={start}-*", _CHANGED])
        except Busy:
            raise
        except SiloRefused as error:  # there are not that many values any more
            raise _ChangedMeanwhile from error
        if entry is None or first(entry.raw, _CHANGED) != changed:
            raise _ChangedMeanwhile
        ranges = {each: got for name, got in entry.raw.items() if (each := _RANGE.fullmatch(name))}
        following = [
            each
            for each in ranges
            if int(each["low"]) == start and each["name"].lower() == match["name"].lower()
        ]
        if len(following) != 1:
            raise _ChangedMeanwhile
        match = following[0]
        found += ranges[match]
    return found


def with_primary(wire: Wire, place: AdPlace, groups: Sequence[Entry]) -> list[Entry]:
    """Add to groups the accounts whose primary group they are, if the type wants it.

    Raises `ScanFailed`.
    """
    if not place.primary_members or place.members is None or not groups:
        return list(groups)
    numbers = {number_of(sid): at for at, each in enumerate(groups) if (sid := _sid(each))}
    added: list[list[bytes]] = [[] for _ in groups]
    wanted = any_of([f"(primaryGroupID={number})" for number in sorted(numbers)])
    for page in wire.pages(place.context, wanted, ["primaryGroupID"], ignore_references=True):
        for account in page:
            number = first(account.raw, "primaryGroupID")
            if number is not None and int(number) in numbers:
                added[numbers[int(number)]].append(account.dn.encode())
    return [
        Entry(each.dn, _added(each, place.members, more)) if more else each
        for each, more in zip(groups, added, strict=True)
    ]


def _added(group: Entry, members: str, more: Sequence[bytes]) -> dict[str, Sequence[bytes]]:
    name = next((each for each in group.raw if each.lower() == members.lower()), members)
    return {**group.raw, name: [*group.raw.get(name, ()), *more]}


def _sid(group: Entry) -> bytes | None:
    return first(group.raw, "objectSid")


def number_of(sid: bytes) -> int:
    """Return the last part of a SID, by which accounts name their primary group."""
    return int.from_bytes(sid[-4:], "little")
