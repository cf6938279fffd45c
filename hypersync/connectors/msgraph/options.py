"""What the configuration says about a Microsoft Graph silo, and what that means. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.values import Filled, Flag, PositiveNumber, SecretText, Span
from hypersync.connectors.msgraph.properties import (
    CLOUDS,
    ENABLED,
    MEMBERS,
    PASSWORD,
    RESOURCES,
    USERS,
    VISIBILITY,
    Cloud,
    Resource,
)
from hypersync.connectors.settings import SiloOptions, TypeOptions
from hypersync.model.objects import KNOWN_SWITCHES, EnabledSpec, ObjectType

VERSION = "v1.0"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LARGEST_PAGE = 999


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    is_address = parts.scheme in ("http", "https") and parts.hostname and not parts.path.strip("/")
    if not is_address or parts.query or parts.username is not None:
        raise ValueError(f"{url!r} is no address; write for instance https://graph.microsoft.us")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("Graph is only spoken over https://; http:// is for this machine itself")
    return url.rstrip("/")


def _check_page(number: int) -> int:
    if number > _LARGEST_PAGE:
        raise ValueError(f"{number} is too large; Graph gives at most {_LARGEST_PAGE} at once")
    return number


class SignInOptions(Located):
    """How to sign in: a secret, a certificate (a PEM file with its key), or a managed identity.

    ``managed_identity`` is ``system``, or the client id of one that was assigned.
    """

    tenant: Filled | None = None
    client: Filled | None = None
    secret: SecretText | None = None
    certificate: Filled | None = None
    certificate_password: SecretText | None = None
    managed_identity: Filled | None = None
    authority: Annotated[str, AfterValidator(_check_url)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        ways = (self.secret, self.certificate, self.managed_identity)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("say one of 'secret', 'certificate' and 'managed_identity'")
        is_app = self.managed_identity is None
        if is_app and (self.tenant is None or self.client is None):
            raise ValueError("an application signs in with 'tenant' and 'client'")
        if not is_app and (self.tenant, self.client) != (None, None):
            raise ValueError("a managed identity has no 'tenant' and no 'client' here")
        return self


class MsgraphTypeOptions(TypeOptions):
    """Which objects a type is.

    ``filter`` (OData) leaves some out, at the price of deltas. ``key`` is the property by which a
    new object is told from one that is there already.
    """

    resource: Literal["users", "groups"]
    filter: Filled | None = None
    key: Filled | None = None

    @property
    def gives_anchor(self) -> bool:
        """Whether the silo itself gives new objects their anchor: always."""
        return True

    @property
    def switch(self) -> EnabledSpec | None:
        """How the enabled state is stored: of users Graph itself says it."""
        given = super().switch
        if given is None or given.attribute == ENABLED:
            return KNOWN_SWITCHES["msgraph"] if self.resource == USERS.name else None
        return given

    @model_validator(mode="after")
    def _check_anchor(self) -> Self:
        if self.anchor not in (None, "id"):
            raise ValueError("the anchor is always 'id'; leave it out")
        if self.members not in (None, MEMBERS) or (self.members and self.resource == "users"):
            raise ValueError("members of groups are always 'members'; leave it out")
        return self


class MsgraphOptions(SiloOptions):
    """One tenant. ``url`` takes the place of the cloud's own address."""

    cloud: Literal["global", "us_government", "us_dod", "china"] = "global"
    url: Annotated[str, AfterValidator(_check_url)] | None = None
    sign_in: SignInOptions | None = None
    ca_file: Filled | None = None
    page_size: Annotated[PositiveNumber, AfterValidator(_check_page)] = _LARGEST_PAGE
    patience: Span = timedelta(seconds=20)
    at_once: PositiveNumber = 4
    change_password: Flag = True
    types: Mapping[str, MsgraphTypeOptions] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_sign_in(self) -> Self:
        if self.sign_in is None and urlsplit(self.base).hostname not in LOOPBACK:
            raise ValueError("say how to sign in: 'sign_in' with tenant, client and secret")
        return self

    @property
    def known_cloud(self) -> Cloud:
        """The cloud's own addresses."""
        return CLOUDS[self.cloud]

    @property
    def base(self) -> str:
        """Where Graph is, without the version."""
        return self.url or self.known_cloud.graph

    @property
    def root(self) -> str:
        """Where the resources are."""
        return f"{self.base}/{VERSION}"

    @property
    def identity(self) -> tuple[str, ...]:
        """Which tenant is read, and by whom, as far as the configuration says it; no secret."""
        given = self.sign_in
        who = () if given is None else (given.tenant, given.client, given.managed_identity)
        return (self.root, self.authority, *(name or "" for name in who))

    @property
    def authority(self) -> str:
        """Where one signs in."""
        given = None if self.sign_in is None else self.sign_in.authority
        return given or self.known_cloud.authority


def type_options(kind: ObjectType) -> MsgraphTypeOptions:
    """Return the options of a type."""
    if not isinstance(kind.options, MsgraphTypeOptions):
        raise TypeError(f"{kind.name} is no type of a msgraph silo")
    return kind.options


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is needed to read and write one type; ``names`` are the attributes to read."""

    kind: ObjectType
    resource: Resource
    key: str
    names: tuple[str, ...]
    filter: str | None = None

    @property
    def references(self) -> tuple[str, ...]:
        """Which references are read."""
        return tuple(name for name in self.resource.references if name in self.names)

    @property
    def selected(self) -> tuple[str, ...]:
        """The properties to ask for: those with parts as a whole, references not.

        Of groups with members it is asked besides whether these are shown to everybody.
        """
        return _selected(self.names, self.references)

    def narrowed(self, names: Collection[str]) -> Place:
        """Return the same place, of which only these attributes are read."""
        return replace(self, names=tuple(sorted({*names} - {PASSWORD})))


@lru_cache(maxsize=256)
def _selected(names: tuple[str, ...], references: tuple[str, ...]) -> tuple[str, ...]:
    plain = (name.partition("/")[0] for name in names if name not in references)
    besides = (VISIBILITY,) if MEMBERS in references else ()
    return tuple(dict.fromkeys(("id", *plain, *besides)))


def place_of(kind: ObjectType) -> Place:
    """Return what is needed to read and write a type; with no attributes named, all are read."""
    options = type_options(kind)
    resource = RESOURCES[options.resource]
    names = kind.attributes - {PASSWORD} or resource.readable
    return Place(
        kind=kind,
        resource=resource,
        key=options.key or resource.key,
        names=tuple(sorted(names)),
        filter=options.filter,
    )


def is_of_users(kind: ObjectType) -> bool:
    """Tell whether the objects of a type are users, rather than groups."""
    return type_options(kind).resource == USERS.name


def completed(kind: ObjectType) -> ObjectType:
    """Return a type with what Graph knows by itself: what holds the members of a group."""
    if is_of_users(kind):
        return kind
    names = {MEMBERS, *kind.attributes} if kind.attributes else ()
    return replace(kind, attributes=frozenset(names), members=MEMBERS)


def scope_of(place: Place) -> tuple[object, ...]:
    """Return what absence is measured against."""
    return (place.kind.name, place.resource.name, place.filter, place.names)
