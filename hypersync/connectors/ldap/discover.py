"""Finding out which kinds of entries a directory has, by their structural class and where they are.

A first pass reads only classes and names, of `MOST_ENTRIES` entries at most; then some objects of
each kind are looked at as a scan would report them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from hypersync.connectors.directory.wire import Entry, Wire
from hypersync.connectors.ldap.options import LdapTypeOptions, type_options
from hypersync.errors import ScanFailed
from hypersync.model.discovery import FoundType
from hypersync.model.names import is_below, split
from hypersync.model.objects import ObjectType

MOST_ENTRIES = 20_000
_ANY = "(objectClass=*)"
_MEMBERS = {"groupofnames": "member", "groupofuniquenames": "uniqueMember"}
_HOLDERS = frozenset({"dcobject", "domain", "organization", "organizationalunit", "country"})
"""Classes of entries that hold others and are nobody's account or group."""


@dataclass(slots=True)
class _Kind:
    """One structural class: how many entries have it, and the lowest entry above them all."""

    count: int = 0
    base: str = ""
    found_in: set[str] = field(default_factory=set)

    def add(self, parent: str) -> None:
        if self.count == 0:
            self.base = parent
        elif parent not in self.found_in:
            while not is_below(parent, self.base):
                self.base = split(self.base)[1]
        self.found_in.add(parent)
        self.count += 1


def other_kinds(
    wire: Wire,
    silo: str,
    known: Sequence[ObjectType],
    look: Callable[[ObjectType], FoundType],
) -> Iterator[FoundType]:
    """Report each kind of entries that none of the ``known`` types is made for.

    ``look`` looks at the objects of a type.
    """
    kinds, note = _survey(wire)
    for (name, _), kind in sorted(kinds.items(), key=lambda each: -each[1].count):
        filter_ = f"(objectClass={name})"
        if name.lower() in _HOLDERS or _is_known(filter_, kind.base, known):
            continue
        members = _MEMBERS.get(name.lower())
        options: dict[str, object] = {"base": kind.base, "filter": filter_, "object_class": [name]}
        if members:
            options["members"] = members
        object_type = ObjectType(
            silo=silo,
            name=name,
            members=members,
            options=LdapTypeOptions.model_validate(options),
        )
        found = look(object_type)
        objects = kind.count if found.objects is None and not note else found.objects
        notes = (*found.notes, note) if note else found.notes
        yield replace(found, options=options, objects=objects, notes=notes)


def _is_known(filter_: str, base: str, known: Iterable[ObjectType]) -> bool:
    return any(
        filter_.lower() in type_options(each).filter.lower()
        and is_below(base, type_options(each).base)
        for each in known
    )


def _survey(wire: Wire) -> tuple[dict[tuple[str, str], _Kind], str]:
    """Return the kinds of entries by class and naming context, and what kept us from seeing all."""
    kinds: dict[tuple[str, str], _Kind] = {}
    entries = 0
    root = wire.find("", _ANY, ["namingContexts"], base_only=True)
    for context in _values(root[0], "namingContexts") if root else ():
        wanted = ["objectClass", "structuralObjectClass"]
        try:
            for page in wire.pages(context, _ANY, wanted):
                for entry in page:
                    kind = kinds.setdefault((_class_of(entry), context), _Kind())
                    kind.add(_parent(entry.dn, context))
                entries += len(page)
                if entries >= MOST_ENTRIES:
                    return kinds, f"there may be more: only {entries} entries were looked at"
        except ScanFailed as error:
            return kinds, f"there may be more: {error.message}"
    return kinds, ""


def _parent(dn: str, context: str) -> str:
    """Return the DN above one; of what is no DN or not below the context, the context."""
    try:
        parent = split(dn)[1]
    except ValueError:
        return context
    return parent if is_below(parent, context) else context


def _class_of(entry: Entry) -> str:
    """Return the structural class; where the server does not tell, the last one is the closest."""
    return (_values(entry, "structuralObjectClass") or _values(entry, "objectClass") or ["top"])[-1]


def _values(entry: Entry, name: str) -> list[str]:
    found = [values for key, values in entry.raw.items() if key.lower() == name.lower()]
    return [value.decode("utf-8", "replace") for values in found for value in values]
