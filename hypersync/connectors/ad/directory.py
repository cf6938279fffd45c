"""A domain controller as a directory of objects: who it is, its schema, and objects as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from hypersync.connectors.ad.members import complete, with_primary
from hypersync.connectors.ad.place import ANCHOR, AdPlace, first
from hypersync.connectors.ad.representation import AdRepresentation, types_of
from hypersync.connectors.ad.usn import SHOW_DELETED
from hypersync.connectors.ad.values import guid_text
from hypersync.connectors.directory.answers import Raw
from hypersync.connectors.directory.schema import AttributeType, Representation, parse_types
from hypersync.connectors.directory.tree import ANY, Directory, Place
from hypersync.connectors.directory.wire import Busy, Control, Entry, Wire
from hypersync.errors import ScanFailed, SiloRefused
from hypersync.model.objects import SiloObject

ACTIVE_DIRECTORY = b"1.2.840.113556.1.4.800"
DIRSYNC = "1.2.840.113556.1.4.841"
COMPUTED = frozenset(
    """
    allowedattributes allowedattributeseffective canonicalname createtimestamp directreports
    managedobjects memberof modifytimestamp msds-keyversionnumber msds-memberoftransitive
    msds-membertransitive msds-parentdistname msds-principalname msds-resultantpso
    msds-user-account-control-computed msds-userpasswordexpirytimecomputed primarygrouptoken
    tokengroups tokengroupsglobalanduniversal
    """.split()  # noqa: SIM905 - one name a line would fill a page
)
"""The other side of references, and what is made when it is read; lower case."""

_ROOT = (
    "currentTime",
    "dnsHostName",
    "dsServiceName",
    "highestCommittedUSN",
    "isSynchronized",
    "namingContexts",
    "schemaNamingContext",
    "subschemaSubentry",
    "supportedCapabilities",
    "supportedControl",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A domain controller at one moment.

    ``invocation`` is the identity of its database, which changes when an administrator restores a
    backup; ``usn`` numbers its last change, ``time`` is what its clock says.
    """

    url: str
    name: str
    invocation: str
    usn: int
    time: str
    is_synchronized: bool


class Schemas:
    """The schema that was read last, for all sessions of a silo. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._key: object = None
        self._types: dict[str, AttributeType] = {}

    def types(self, wire: Wire, root: Raw) -> dict[str, AttributeType]:
        """Return the attributes, read again only when the schema changed or the server did."""
        head = _values(root, "schemaNamingContext")
        found = wire.find(head[0], ANY, ["schemaInfo", "uSNChanged"], base_only=True)
        versions = [sorted((name, *values) for name, values in each.raw.items()) for each in found]
        key = (_values(root, "dsServiceName"), versions)
        with self._lock:
            if key == self._key:
                return self._types
        types = _read_types(wire, _values(root, "subschemaSubentry"))
        with self._lock:
            self._key, self._types = key, types
        return types


def _read_types(wire: Wire, where: Sequence[str]) -> dict[str, AttributeType]:
    types: dict[str, AttributeType] = {}
    for each in where:
        found = wire.find(each, "(objectClass=subSchema)", ["attributeTypes"], base_only=True)
        for entry in found:
            types |= parse_types(entry.raw.get("attributeTypes", ()))
    return types_of(types)


class AdDirectory(Directory):
    """One domain controller over one connection."""

    def __init__(self, wire: Wire, types: dict[str, AttributeType], root: Raw) -> None:
        super().__init__(wire, types, _values(root, "namingContexts"), has_assertions=False)
        self._fresh: Raw | None = root
        self.has_dirsync = DIRSYNC in _values(root, "supportedControl")

    @classmethod
    def of(cls, wire: Wire, schemas: Schemas) -> AdDirectory:
        """Look at a server; raises `Lost`, and `SiloRefused` when it is no domain controller."""
        root = _root(wire)
        if ACTIVE_DIRECTORY not in root.get("supportedCapabilities", ()):
            raise SiloRefused(f"{wire.url} is no domain controller; say 'connector: ldap' for it")
        return cls(wire, schemas.types(wire, root), root)

    def is_computed(self, name: str) -> bool:
        """Tell whether an attribute is made when it is read, so that its changes are not told."""
        kind = self.types.get(name.lower())
        return kind is not None and kind.is_read_only and kind.name.lower() in COMPUTED

    def controller(self) -> Controller:
        """Ask who the server is and how far it is; raises `Lost` and `SiloRefused`.

        The first time how far it was when it was looked at, which is told by the same entry.
        """
        root, self._fresh = self._fresh or _root(self.wire), None
        service = _values(root, "dsServiceName")[0]
        found = self.wire.find(service, ANY, ["invocationId"], base_only=True)
        invocation = first(found[0].raw, "invocationId") if found else None
        if invocation is None:
            raise SiloRefused(f"the account may not read who {self.wire.url} is ({service})")
        return Controller(
            url=self.wire.url,
            name=_values(root, "dnsHostName")[0],
            invocation=guid_text(invocation),
            usn=int(_values(root, "highestCommittedUSN")[0]),
            time=_values(root, "currentTime")[0],
            is_synchronized=_values(root, "isSynchronized") != ["FALSE"],
        )

    def representation(self, place: Place) -> Representation:
        """Return how the attributes of a type are reported."""
        if place not in self._shown:
            self._shown[place] = self.representation_of(place, place.attributes - {"dn"})
        return self._shown[place]

    def representation_of(self, place: Place, wanted: Collection[str]) -> Representation:
        """Return how these attributes of a type are reported; none means all."""
        if not isinstance(place, AdPlace):
            raise TypeError(f"{place.name} is no type of an ad silo")
        return AdRepresentation(self.types, place, wanted)

    def entry(self, place: Place, anchor: str, attributes: Iterable[str]) -> Entry | None:
        """Find an entry by its anchor, with all its values; raises `Lost` and `SiloRefused`."""
        return self._complete(super().entry(place, anchor, attributes))

    def at(self, place: Place, dn: str, attributes: Iterable[str]) -> Entry | None:
        """Find an entry by its DN, with all its values; raises `Lost` and `SiloRefused`."""
        return self._complete(super().at(place, dn, attributes))

    def deleted(self, anchor: str, attributes: Iterable[str]) -> Entry | None:
        """Find an entry by its anchor, deleted or not, with all its values; raises the same."""
        wanted = sorted({*attributes, "uSNChanged", ANCHOR})
        where = f"<GUID={anchor}>"
        found = self.wire.find(where, ANY, wanted, base_only=True, controls=[SHOW_DELETED])
        return self._complete(found[0] if found else None, SHOW_DELETED)

    def _complete(self, found: Entry | None, *controls: Control) -> Entry | None:
        if found is None:
            return None
        try:
            return complete(self.wire, found, *controls)
        except ValueError as error:
            raise Busy(f"{found.dn} cannot be read: {error}") from error

    def shown(self, place: Place, entry: Entry) -> SiloObject | None:
        """Return an entry as a scan reports it, with all its members.

        Raises `Lost` and `SiloRefused`.
        """
        if not isinstance(place, AdPlace):
            raise TypeError(f"{place.name} is no type of an ad silo")
        try:
            whole = complete(self.wire, entry)
            if whole is None:
                return None
            return super().shown(place, *with_primary(self.wire, place, [whole]))
        except (ValueError, ScanFailed) as error:  # of one object: others may be read
            raise SiloRefused(f"{entry.dn} cannot be read: {error}") from error


def _root(wire: Wire) -> Raw:
    found = wire.find("", ANY, _ROOT, base_only=True)
    root: Mapping[str, Sequence[bytes]] = found[0].raw if found else {}
    missing = [name for name in _ROOT[:3] if not root.get(name)]
    if missing and ACTIVE_DIRECTORY in root.get("supportedCapabilities", ()):
        raise SiloRefused(f"{wire.url} does not tell its {missing[0]}")
    return root


def _values(root: Raw, name: str) -> list[str]:
    return [value.decode("utf-8", "replace") for value in root.get(name, ())]
