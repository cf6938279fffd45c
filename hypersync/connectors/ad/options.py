"""What the configuration says about an Active Directory, and what that means there.

A type that is called ``user``, ``group``, ``contact``, ``computer`` or ``ou`` needs only its base.
For any other the filter or the class says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from pydantic import Field, field_validator

from hypersync.config.values import Filled, Flag
from hypersync.connectors.ad.values import CONTROL
from hypersync.connectors.directory.address import host_and_port
from hypersync.connectors.directory.options import DirectoryOptions
from hypersync.connectors.settings import TypeOptions
from hypersync.model.names import split
from hypersync.model.objects import KNOWN_SWITCHES, EnabledSpec

_GLOBAL_CATALOG = (3268, 3269)
_PERSON = "(&(objectCategory=person)(objectClass={}))"
_KINDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "user": (_PERSON.format("user"), "user"),
        "contact": (_PERSON.format("contact"), "contact"),
        "group": ("(objectClass=group)", "group"),
        "computer": ("(objectClass=computer)", "computer"),
        "ou": ("(objectClass=organizationalUnit)", "organizationalUnit"),
    }
)
"""What a type is by its name: filter and class."""

ACCOUNTS: Final = frozenset({"user", "computer", "inetorgperson", "person"})
"""The classes whose objects have a ``userAccountControl``, in lower case."""
_CLASS = re.compile(r"\(objectClass=([A-Za-z][A-Za-z0-9-]*)\)", re.IGNORECASE)


class AdTypeOptions(TypeOptions):
    """What the objects of one type are.

    ``object_class`` are the classes of new objects. ``primary_members`` adds to the members of a
    group those whose primary group it is, which Active Directory never lists. ``single`` and
    ``multi`` say of attributes, against schema and custom, whether they are one value or several.
    """

    base: Filled
    filter: str = ""
    scope: Literal["subtree", "one"] = "subtree"
    object_class: tuple[Filled, ...] = ()
    anchor: Literal["objectGUID"] = "objectGUID"
    single: tuple[Filled, ...] = ()
    multi: tuple[Filled, ...] = ()
    primary_members: Flag = False

    @property
    def gives_anchor(self) -> bool:
        """Whether the silo itself gives new objects their anchor: always."""
        return True

    @property
    def kind(self) -> str:
        """The class that tells what the objects are, in lower case; empty when nothing says it."""
        return self.object_class[-1].lower() if self.object_class else ""

    @property
    def switch(self) -> EnabledSpec | None:
        """How the enabled state is stored: accounts know it by themselves."""
        if self.enabled is None:
            return KNOWN_SWITCHES["ad"] if self.kind in ACCOUNTS else None
        return EnabledSpec(self.enabled.attribute, self.enabled.when_on, self.enabled.when_off)


class AdOptions(DirectoryOptions):
    """Domain controllers of one domain.

    ``delta`` says how changes are found: by DirSync where the account has the right and else by
    uSNChanged, or always in one of these ways.
    """

    delta: Literal["auto", "dirsync", "usn"] = "auto"
    types: Mapping[str, AdTypeOptions] = Field(min_length=1)

    @field_validator("url")
    @classmethod
    def _check_ports(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if host_and_port(url)[1] in _GLOBAL_CATALOG:
                raise ValueError(f"{url} is the global catalog, which holds a part only; use a DC")
        return urls

    @field_validator("types")
    @classmethod
    def _complete_types(cls, types: Mapping[str, AdTypeOptions]) -> Mapping[str, AdTypeOptions]:
        return {name: _completed(name, each) for name, each in types.items()}


def _completed(name: str, options: AdTypeOptions) -> AdTypeOptions:
    """Fill in what the name, the filter or the class of a type say about the others."""
    naming_context(options.base)
    filter_, object_class = options.filter.strip(), options.object_class
    known_filter, known_class = _KINDS.get(name.lower(), ("", ""))
    if not filter_:
        filter_ = f"(objectClass={object_class[-1]})" if object_class else known_filter
    if not filter_:
        raise ValueError(
            f"what the type {name!r} is cannot be told by its name; give it a 'filter', or call it "
            f"{', '.join(_KINDS)}"
        )
    if not object_class:
        named = {each.lower(): each for each in _CLASS.findall(filter_)}
        object_class = (known_class,) if known_class else tuple(named.values())
        object_class = object_class if len(object_class) == 1 else ()
    if options.enabled is not None and options.enabled.attribute.lower() == CONTROL.lower():
        raise ValueError(
            f"'userAccountControl' could enable an account without a password; remove 'enabled' "
            f"from {name!r}: accounts have 'accountEnabled' by themselves"
        )
    is_group = bool(object_class) and object_class[-1].lower() == "group"
    if options.primary_members and not is_group:
        raise ValueError(f"only groups have 'primary_members'; remove it from {name!r}")
    return options.model_copy(
        update={
            "filter": filter_ if filter_.startswith("(") else f"({filter_})",
            "object_class": object_class,
            "members": options.members or ("member" if is_group else None),
        }
    )


def naming_context(base: str) -> str:
    """Return the naming context that holds a DN: its domain, or the forest's configuration.

    Raises ``ValueError`` when the DN is in no domain.
    """
    rdns, rest = [], base
    while rest:
        rdn, rest = split(rest)
        rdns.append(rdn)
    start = len(rdns)
    while start and rdns[start - 1].lower().replace(" ", "").startswith("dc="):
        start -= 1
    if start == len(rdns):
        raise ValueError(f"{base!r} is in no domain; a base ends like DC=example,DC=org")
    for partition in ("cn=configuration", "cn=schema"):
        if start and rdns[start - 1].lower().replace(" ", "") == partition:
            start -= 1
    return ",".join(rdns[start:])
