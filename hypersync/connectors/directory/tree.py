"""An LDAP server seen as a directory of objects: its schema, and entries found by their anchor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from hypersync.connectors.directory.schema import AttributeType, Representation, parse_types
from hypersync.connectors.directory.wire import ASSERTION, Entry, Wire, escaped
from hypersync.errors import SiloRefused
from hypersync.model.names import is_below, normal
from hypersync.model.objects import SiloObject, Value

ANY = "(objectClass=*)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the directory needs to know of an object type."""

    name: str
    base: str
    anchor: str
    attributes: frozenset[str]
    single: frozenset[str]
    multi: frozenset[str]
    members: str | None
    placeholder: str | None
    object_class: tuple[str, ...]

    def anchor_of(self, entry: Entry) -> str | None:
        """Return the anchor of an entry, ``None`` when it has none that is text."""
        values = entry.raw.get(self.anchor) or self._written_otherwise(entry)
        try:
            return values[0].decode() if values else None
        except UnicodeDecodeError:
            return None

    def _written_otherwise(self, entry: Entry) -> Sequence[bytes]:
        """Find the anchor by another case of its name."""
        wanted = self.anchor.lower()
        return next((found for name, found in entry.raw.items() if name.lower() == wanted), ())

    def anchor_filter(self, anchor: str) -> str:
        """Return the filter that finds an object by its anchor."""
        return f"({self.anchor}={escaped(anchor)})"

    def asked(self, names: Collection[str]) -> set[str]:
        """Return what the server is asked for when these attributes are wanted."""
        return {*names, self.anchor} - {"dn"}

    def hide_placeholder(self, attributes: dict[str, Value]) -> None:
        """Take the placeholder out of the members."""
        if self.placeholder is None or self.members is None:
            return
        members = attributes.get(self.members)
        if isinstance(members, tuple):
            hidden = normal(self.placeholder)
            kept = tuple(each for each in members if normal(str(each)) != hidden)
            if kept:
                attributes[self.members] = kept
            else:
                del attributes[self.members]


class Directory:
    """One server as it describes itself; ``change_attribute`` orders changes, if it has any."""

    def __init__(
        self,
        wire: Wire,
        types: dict[str, AttributeType],
        suffixes: Sequence[str],
        has_assertions: bool,
    ) -> None:
        self.wire = wire
        self.types = types
        self.has_assertions = has_assertions
        self._suffixes = suffixes
        self._shown: dict[Place, Representation] = {}

    @classmethod
    def read(cls, wire: Wire) -> Directory:
        """Read the server's root and schema; raises `Lost` or `SiloRefused`."""
        wanted = ["namingContexts", "subschemaSubentry", "supportedControl"]
        found = wire.find("", ANY, wanted, base_only=True)
        root = _by_lower_name(found)
        suffixes = [value.decode() for value in root.get("namingcontexts", ())]
        types: dict[str, AttributeType] = {}
        for where in root.get("subschemasubentry", ()):
            schema = wire.find(
                where.decode(), "(objectClass=subschema)", ["attributeTypes"], base_only=True
            )
            types = parse_types(_by_lower_name(schema).get("attributetypes", ()))
        return cls(wire, types, suffixes, ASSERTION.encode() in root.get("supportedcontrol", ()))

    @property
    def change_attribute(self) -> str:
        """The attribute that tells when an entry changed: the exact one if the server has it."""
        return "entryCSN" if "entrycsn" in self.types else "modifyTimestamp"

    def representation(self, place: Place) -> Representation:
        """Return how the attributes of a type are reported."""
        if place not in self._shown:
            self._shown[place] = self.representation_of(place, place.attributes - {"dn"})
        return self._shown[place]

    def representation_of(self, place: Place, wanted: Collection[str]) -> Representation:
        """Return how these attributes of a type are reported, by the names they have here."""
        return Representation(self.types, wanted=wanted, single=place.single, multi=place.multi)

    def entry(self, place: Place, anchor: str, attributes: Iterable[str]) -> Entry | None:
        """Find an entry by its anchor, anywhere in the naming context of its type's base.

        Raises `Lost`, and `SiloRefused` when several entries have the anchor.
        """
        wanted = sorted(place.asked(set(attributes)))
        found = self.wire.find(self.context(place.base), place.anchor_filter(anchor), wanted)
        if len(found) > 1:
            raise SiloRefused(f"{len(found)} entries have the {place.anchor} {anchor}")
        return found[0] if found else None

    def at(self, place: Place, dn: str, attributes: Iterable[str]) -> Entry | None:
        """Find an entry by its DN; ``None`` when it is not there. Raises `Lost`, `SiloRefused`."""
        wanted = sorted(place.asked(set(attributes)))
        found = self.wire.find(dn, ANY, wanted, base_only=True)
        return found[0] if found else None

    def object(self, place: Place, anchor: str) -> SiloObject | None:
        """Read an object by its anchor as a scan reports it; raises `Lost` or `SiloRefused`."""
        found = self.entry(place, anchor, place.attributes - {"dn"} or ["*"])
        return None if found is None else self.shown(place, found)

    def shown(self, place: Place, entry: Entry) -> SiloObject | None:
        """Return an entry as a scan reports it; ``None`` when it has no anchor."""
        anchor = place.anchor_of(entry)
        if anchor is None:
            return None
        attributes = self.representation(place).attributes(entry.dn, entry.raw)
        place.hide_placeholder(attributes)
        return SiloObject(place.name, anchor, attributes)

    def is_elsewhere(self, dn: str) -> bool:
        """Tell whether a name is in none of the server's naming contexts."""
        return bool(self._suffixes) and not any(is_below(dn, each) for each in self._suffixes)

    def context(self, base: str) -> str:
        """Return the longest naming context that holds ``base``."""
        holding = [suffix for suffix in self._suffixes if is_below(base, suffix)]
        return max(holding, key=lambda suffix: len(normal(suffix)), default=base)


def _by_lower_name(found: Sequence[Entry]) -> dict[str, Sequence[bytes]]:
    return {name.lower(): values for entry in found for name, values in entry.raw.items()}
