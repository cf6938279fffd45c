"""What the configuration says about an LDAP silo, and what that means for the directory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.values import Filled, Flag, PositiveNumber, SecretText, Span
from hypersync.connectors.directory.tree import Place
from hypersync.connectors.settings import SiloOptions, TypeOptions
from hypersync.model.objects import ObjectType

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"{url!r} is no LDAP address; write for instance ldaps://ldap.example.org")
    return url.rstrip("/")


class BindOptions(Located):
    """Who signs in; ``user`` is a DN."""

    user: Filled
    password: SecretText


class TlsOptions(Located):
    """How the connection is kept secret; ``ca_file`` is a PEM file, the system's when not given."""

    start: Flag = False
    ca_file: str | None = None
    verify: Flag = True


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


class LdapOptions(SiloOptions):
    """One directory server."""

    url: Annotated[str, AfterValidator(_check_url)]
    bind: BindOptions | None = None
    tls: TlsOptions = Field(default_factory=TlsOptions)
    page_size: PositiveNumber = 1_000
    overlap: Span = timedelta(seconds=10)
    types: Mapping[str, LdapTypeOptions] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if self.url.startswith("ldaps:") and self.tls.start:
            raise ValueError("ldaps:// is TLS from the start; remove 'start' or write ldap://")
        return self

    @property
    def is_password_in_clear(self) -> bool:
        """Whether a password leaves this machine without TLS."""
        parts = urlsplit(self.url)
        is_secret = parts.scheme == "ldaps" or self.tls.start or parts.hostname in _LOOPBACK
        return self.bind is not None and not is_secret


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
    options = type_options(kind)
    where = (options.base, filter_of(kind), options.scope, options.anchor)
    shape = (sorted(options.single), sorted(options.multi), sorted(kind.attributes))
    return (kind.name, *where, *shape)
