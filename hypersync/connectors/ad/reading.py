"""Entries of a domain controller as events of a scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypersync.connectors.ad.directory import AdDirectory
from hypersync.connectors.ad.members import Unsteady, complete, with_primary
from hypersync.connectors.ad.place import AdPlace, first
from hypersync.connectors.ad.values import guid_text
from hypersync.connectors.directory.wire import Entry, Lost
from hypersync.errors import ScanFailed, SiloRefused
from hypersync.model.objects import Batch, Invalid, ScanEvent, Seen


class Reader:
    """Turns entries into events, and remembers which object it met that changed last."""

    def __init__(self, directory: AdDirectory, page_size: int) -> None:
        self._directory = directory
        self._page_size = page_size
        self.witness: tuple[str, int] | None = None

    def objects(self, place: AdPlace, filter_: str) -> Iterator[Batch]:
        """Report every object of a type that the filter finds; raises `ScanFailed`."""
        try:
            for page in self._directory.wire.pages(
                place.base,
                filter_,
                place.requested,
                one_level=place.is_one_level,
                page_size=self._page_size,
                ignore_references=True,
            ):
                yield self.events(place, page)
        except SiloRefused as error:
            raise ScanFailed(error.message) from error
        except Lost as error:
            raise ScanFailed(
                f"the server went away in the middle of {place.base}: {error}"
            ) from None

    def events(self, place: AdPlace, entries: Sequence[Entry]) -> Batch:
        """Return what entries say; raises `Lost`, `SiloRefused` and `ScanFailed`."""
        spoilt: list[ScanEvent] = []
        whole = []
        for entry in entries:
            self.remember(entry)
            try:
                found = complete(self._directory.wire, entry)
            except Unsteady as error:
                spoilt.append(_invalid(place, entry, str(error)))
            else:
                whole += [] if found is None else [found]
        read = [self._event(place, each) for each in self._with_primary(place, whole)]
        return [*read, *spoilt]

    def _with_primary(self, place: AdPlace, entries: list[Entry]) -> list[Entry]:
        return with_primary(self._directory.wire, place, entries)

    def _event(self, place: AdPlace, entry: Entry) -> ScanEvent:
        anchor = place.anchor_of(entry)
        if anchor is None:
            return _invalid(place, entry, "the account may not read its objectGUID")
        try:
            shown = self._directory.representation(place).attributes(entry.dn, entry.raw)
        except ValueError as error:
            return _invalid(place, entry, str(error))
        return Seen(place.name, anchor, shown)

    def remember(self, entry: Entry) -> None:
        """Take note of an object that changed later than all before it."""
        number, guid = first(entry.raw, "uSNChanged"), first(entry.raw, "objectGUID")
        if number is None or guid is None or not number.isdigit():
            return
        if self.witness is None or int(number) > self.witness[1]:
            self.witness = guid_text(guid), int(number)


def _invalid(place: AdPlace, entry: Entry, why: str) -> Invalid:
    return Invalid(place.name, place.anchor_of(entry), entry.dn, why)
