"""What becomes of the objects that a domain controller says have changed.

Each is read again by its GUID with the base and filter of every type, and what is of none is looked
up wherever it is, deleted or not: what lives and is not found is out of scope, which is not
deleted. Three changes are seen at one object and happen to others, which are then read too:

* a container that got another name or place: everything below it has another name;
* an object that got another name or place, or came back: whoever refers to it (a group to its
  member, somebody to a manager) shows another name, and changes in no other way;
* an object that was deleted, of whatever type: groups lose it as a member, people as their manager,
  and they do not change otherwise. Which ones nobody says, so all groups are read.

Of other objects those that refer to nobody now are reported, with that alone: who lost the only
value of a reference is among them, and who still has one lost none. In a domain of 100 000 this is
a list of anchors at most, as long as that of those without a manager; all that refer to somebody
would be most of the domain, and tell nothing. Only of references with several values, which are
rare, whoever still has one is read again. The store knows who referred to what was deleted, but a
connector has no store, and an object that was deleted is known by its GUID alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from hypersync.connectors.ad.directory import AdDirectory
from hypersync.connectors.ad.dirsync import Touched
from hypersync.connectors.ad.members import number_of
from hypersync.connectors.ad.place import ANCHOR, AdPlace, any_of, chunks, class_names, first
from hypersync.connectors.ad.reading import Reader
from hypersync.connectors.ad.representation import references_of
from hypersync.connectors.ad.usn import SHOW_DELETED
from hypersync.connectors.ad.values import guid_text
from hypersync.connectors.directory.answers import escaped_bytes
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.wire import Among, Entry, Lost, escaped
from hypersync.errors import ScanFailed, SiloRefused
from hypersync.model.objects import Batch, Changed, Deleted, DeletionKind, ScanEvent

T = TypeVar("T")
AT_ONCE: Final = 100
"""How many objects are asked for by one filter."""
_FOUND = (ANCHOR, "isDeleted", "objectClass", "objectSid", "primaryGroupID", "uSNChanged")
_LEAVES = frozenset({"user", "computer", "inetorgperson", "contact", "group"})


class Changes:
    """One delta of one stream.

    ``owes_groups`` tells that a deletion was met, so that `groups` and `without_reference` are due.
    """

    def __init__(self, directory: AdDirectory, places: Sequence[AdPlace], reader: Reader) -> None:
        self._directory = directory
        self._wire = directory.wire
        self._places = places
        self._context = places[0].context
        self._reader = reader
        self._references = {
            place.name: references_of(directory.types, place.attributes - {"dn"})
            for place in places
        }
        has_primary = any(place.primary_members for place in places)
        self._besides = {"objectClass", *(("objectSid", "primaryGroupID") if has_primary else ())}
        self.owes_groups = False

    def events(self, touched: Sequence[Touched]) -> Iterator[Batch]:
        """Report what became of objects, and of those that their changes happen to.

        Raises `ScanFailed`.
        """
        by_guid: dict[bytes, Touched] = {}
        for each in touched:
            by_guid[each.guid] = _joined(by_guid.get(each.guid), each)
        for some in chunks(by_guid, AT_ONCE):
            yield from self._some({guid: by_guid[guid] for guid in some}, is_below_moved=False)

    def groups(self) -> Iterator[Batch]:
        """Report all objects that have members; raises `ScanFailed`."""
        for place in self._places:
            if place.members is not None:
                yield from self._reader.objects(place, place.filter)

    def without_reference(self) -> Iterator[Batch]:
        """Report what may have lost a reference to a deleted object; raises `ScanFailed`.

        Groups are none of it: `groups` reports them whole.
        """
        for place in self._places:
            names = self._references[place.name]
            if place.members is not None or not names:
                continue
            kinds = self._directory.types
            several = [name for name in names if not kinds[name.lower()].is_single]
            if several:
                terms = any_of([f"({name}=*)" for name in several])
                yield from self._reader.objects(place, f"(&{place.filter}{terms})")
            yield from self._cleared(place, names)

    def _cleared(self, place: AdPlace, names: Sequence[str]) -> Iterator[Batch]:
        """Say of the objects of a type which of these references have no value."""
        lacking = any_of([f"(!({name}=*))" for name in names])
        for page in self._wire.pages(
            place.base,
            f"(&{place.filter}{lacking})",
            sorted({ANCHOR, *names}),
            one_level=place.is_one_level,
            ignore_references=True,
        ):
            yield [
                Changed(place.name, anchor, cleared=cleared)
                for each in page
                if (anchor := place.anchor_of(each)) and (cleared := _lacking(each, names))
            ]

    def anchors(self, place: AdPlace) -> frozenset[str]:
        """Return the anchors of all objects of a type; raises `ScanFailed`."""
        found: set[str] = set()
        for page in self._wire.pages(
            place.base,
            place.filter,
            [ANCHOR],
            one_level=place.is_one_level,
            ignore_references=True,
        ):
            found.update(anchor for each in page if (anchor := place.anchor_of(each)))
        return frozenset(found)

    # --- one chunk -----------------------------------------------------------------------------

    def _some(self, touched: Mapping[bytes, Touched], *, is_below_moved: bool) -> Iterator[Batch]:
        """Read objects as every type, and look for those that are none now."""
        read: dict[AdPlace, tuple[list[ScanEvent], dict[bytes, Entry]]] = {}
        found: dict[bytes, Entry] = {}
        for place in self._places:
            # what another type has found may be of this one too, unless its classes forbid it
            open_ = [guid for guid in touched if place.may_be(_classes(found.get(guid)))]
            read[place] = self._read(place, open_)
            found |= read[place][1]
        found |= self._located([guid for guid in touched if guid not in found])
        self.owes_groups |= any(_is_gone(each, found.get(guid)) for guid, each in touched.items())
        for place, (events, entries) in read.items():
            left = {guid: each for guid, each in touched.items() if guid not in entries}
            yield [*events, *self._not_of(place, left, found)]
        moved = [
            each
            for guid, each in found.items()
            if touched[guid].was_moved and not _is_deleted(each)
        ]
        yield from self._referring(moved)
        if not is_below_moved:
            yield from self._below(moved)

    def _read(
        self, place: AdPlace, guids: Sequence[bytes]
    ) -> tuple[list[ScanEvent], dict[bytes, Entry]]:
        if not guids:
            return [], {}
        wanted = sorted({*place.requested, *self._besides})
        among = Among(ANCHOR, guids)
        entries = self._asked(
            lambda: self._wire.find(place.base, place.filter, wanted, among=among)
        )
        if place.is_one_level:
            entries = [each for each in entries if place.holds(each.dn)]
        return self._asked(lambda: self._reader.events(place, entries)), _by_guid(entries)

    def _located(self, guids: Sequence[bytes]) -> dict[bytes, Entry]:
        """Find objects wherever they are now, deleted or not."""
        if not guids:
            return {}
        among = Among(ANCHOR, guids)
        entries = self._asked(
            lambda: self._wire.find(
                self._context, ANY, _FOUND, controls=[SHOW_DELETED], among=among
            )
        )
        for entry in entries:
            self._reader.remember(entry)
        return _by_guid(entries)

    def _not_of(
        self, place: AdPlace, touched: Mapping[bytes, Touched], found: Mapping[bytes, Entry]
    ) -> Iterator[ScanEvent]:
        """Say of objects that are not of a type now whether they were deleted."""
        for guid, change in touched.items():
            entry = found.get(guid)
            if not place.may_be(_classes(entry)):
                continue
            is_gone = _is_gone(change, entry)
            kind = DeletionKind.SOFT if is_gone else DeletionKind.OUT_OF_SCOPE
            yield Deleted(place.name, guid_text(guid), kind)

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except Lost as error:
            raise ScanFailed(f"the server went away while changes were read: {error}") from None
        except SiloRefused as error:
            raise ScanFailed(f"a changed object could not be read: {error.message}") from error

    # --- what happens to others ----------------------------------------------------------------

    def _below(self, moved: Sequence[Entry]) -> Iterator[Batch]:
        """Report what is below containers that have another name now."""
        kinds = {place.kind for place in self._places}
        filter_ = "(objectClass=*)"
        if "" not in kinds:
            filter_ = any_of([f"(objectClass={each})" for each in sorted(kinds)])
        for container in moved:
            if not _LEAVES.isdisjoint(class_names(tuple(_classes(container)))):
                continue
            for page in self._wire.pages(
                container.dn, filter_, [ANCHOR], page_size=AT_ONCE, ignore_references=True
            ):
                guids = [guid for each in page if (guid := first(each.raw, ANCHOR))]
                touched = {guid: Touched(guid, was_moved=True) for guid in guids}
                if touched:
                    yield from self._some(touched, is_below_moved=True)

    def _referring(self, moved: Sequence[Entry]) -> Iterator[Batch]:
        """Report who refers to objects that have another name now."""
        if not moved:
            return
        for place in self._places:
            names = self._references[place.name]
            terms = [f"({name}={escaped(each.dn)})" for each in moved for name in names]
            terms += self._primary_groups(moved) if place.primary_members else []
            if terms:
                yield from self._reader.objects(place, f"(&{place.filter}{any_of(terms)})")

    def _primary_groups(self, moved: Sequence[Entry]) -> list[str]:
        """Return the filters that find the primary groups of accounts."""
        sids = set()
        for each in moved:
            sid, number = first(each.raw, "objectSid"), first(each.raw, "primaryGroupID")
            if sid is not None and number is not None and number_of(sid):
                sids.add(sid[:-4] + int(number).to_bytes(4, "little"))
        return [f"(objectSid={escaped_bytes(sid)})" for sid in sorted(sids)]


def _lacking(entry: Entry, names: Sequence[str]) -> tuple[str, ...]:
    """Return the attributes of which an entry has no value, in a range or otherwise."""
    there = {name.partition(";")[0].lower() for name, values in entry.raw.items() if values}
    return tuple(name for name in names if name.lower() not in there)


def _by_guid(entries: Sequence[Entry]) -> dict[bytes, Entry]:
    return {guid: each for each in entries if (guid := first(each.raw, ANCHOR)) is not None}


def _joined(earlier: Touched | None, later: Touched) -> Touched:
    """Return what two answers say of one object, of which each may say a part."""
    if earlier is None:
        return later
    is_deleted = earlier.is_deleted or later.is_deleted
    return Touched(later.guid, is_deleted, earlier.was_moved or later.was_moved)


def _is_gone(change: Touched, entry: Entry | None) -> bool:
    """Tell whether an object was deleted: what is found of it knows better than the change."""
    return change.is_deleted if entry is None else _is_deleted(entry)


def _is_deleted(entry: Entry) -> bool:
    return (first(entry.raw, "isDeleted") or b"").upper() == b"TRUE"


def _classes(entry: Entry | None) -> Sequence[bytes]:
    return () if entry is None else entry.raw.get("objectClass", ())
