"""What the configuration says about an LDAP silo, and what that means for the directory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from pydantic import Field

from hypersync.config.values import Filled, Span
from hypersync.connectors.directory.options import DirectoryOptions
from hypersync.connectors.directory.tree import Place
from hypersync.connectors.settings import TypeOptions
from hypersync.model.objects import ObjectType

_GIVEN: Final = frozenset(
    {
        "entryuuid",  # RFC 4530
        "guid",  # eDirectory
        "ibm-entryuuid",
        "ipauniqueid",
        "nsuniqueid",  # 389 Directory Server and its relatives
        "objectguid",
        "orclguid",
    }
)
"""The attributes, in lower case, by which servers tell their entries apart themselves."""


class LdapTypeOptions(TypeOptions):
    """What the entries of one type are, and how new ones are made.

    ``single`` and ``multi`` say of attributes, against schema and custom, whether they are one
    value or several. ``placeholder`` is the DN that keeps a group from being empty, where the
    schema wants a member; it is never reported.
    """

    base: Filled
    filter: Filled = "(objectClass=*)"
    scope: Literal["subtree", "one"] = "subtree"
    object_class: tuple[Filled, ...] = ()
    anchor: Filled = "entryUUID"
    single: tuple[Filled, ...] = ()
    multi: tuple[Filled, ...] = ()
    placeholder: str | None = None

    @property
    def gives_anchor(self) -> bool:
        """Whether the server itself gives new entries their anchor."""
        return self.anchor.lower() in _GIVEN


class LdapOptions(DirectoryOptions):
    """Servers of one directory.

    ``references`` says what an answer means that sends us elsewhere for a part of the directory:
    that the scan failed, or nothing.
    """

    references: Literal["fail", "ignore"] = "fail"
    overlap: Span = timedelta(seconds=10)
    types: Mapping[str, LdapTypeOptions] = Field(min_length=1)

    @property
    def says_overlap(self) -> bool:
        """Whether somebody said how late changes may arrive."""
        return "overlap" in self.model_fields_set


def type_options(kind: ObjectType) -> LdapTypeOptions:
    """Return the options of a type."""
    if not isinstance(kind.options, LdapTypeOptions):
        raise TypeError(f"{kind.name} is no type of an ldap silo")
    return kind.options


def place_of(kind: ObjectType) -> Place:
    """Return what the directory needs to know of a type."""
    options = type_options(kind)
    single = {*options.single, *([kind.enabled.attribute] if kind.enabled else [])}
    return Place(
        name=kind.name,
        base=options.base,
        anchor=options.anchor,
        attributes=kind.attributes,
        single=frozenset(single),
        multi=frozenset({*options.multi, *([kind.members] if kind.members else [])}),
        members=kind.members,
        placeholder=options.placeholder,
        object_class=options.object_class,
    )


def filter_of(kind: ObjectType) -> str:
    """Return the filter of a type, in parentheses."""
    text = type_options(kind).filter.strip()
    return text if text.startswith("(") else f"({text})"


def scope_of(kind: ObjectType) -> tuple[object, ...]:
    """Return what absence is measured against: base, filter, attributes and how they are read."""
    place = place_of(kind)
    where = (place.base, filter_of(kind), type_options(kind).scope, place.anchor)
    shape = map(sorted, (place.single, place.multi, place.attributes))
    return (kind.name, *where, place.placeholder or "", *shape)
