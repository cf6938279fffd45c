"""What the configuration says about a SCIM service, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from hypersync.config.located import Located
from hypersync.config.values import Filled, Flag, PositiveNumber, SecretText, Span
from hypersync.connectors.scim.paths import parse_path
from hypersync.connectors.settings import SiloOptions, TypeOptions
from hypersync.model.objects import KNOWN_SWITCHES, EnabledSpec, ObjectType

ACTIVE: Final = KNOWN_SWITCHES["scim"]
USER: Final = "User"
GROUP: Final = "Group"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MEMBERS = "members"


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise ValueError(
            f"this is no base address of a SCIM service: {parts.scheme}://{parts.hostname or ''}; "
            "write for instance https://scim.example.org/v2"
        )
    return url.rstrip("/")


def _check_path(text: str) -> str:
    parse_path(text)
    return text


AttributePath = Annotated[Filled, AfterValidator(_check_path)]


class AuthOptions(Located):
    """How to sign in, one of: a bearer token, user and password, or a header of the service's."""

    bearer: SecretText | None = None
    user: Filled | None = None
    password: SecretText | None = None
    header: Filled | None = None
    value: SecretText | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given not in ({"bearer"}, {"user", "password"}, {"header", "value"}):
            raise ValueError(
                "write one of 'bearer: ...', 'user: ...' with 'password: ...', or 'header: ...' "
                "with 'value: ...'"
            )
        return self


class TlsOptions(Located):
    """How certificates are checked; ``ca_file`` is a PEM file, the system's when not given."""

    ca_file: str | None = None
    verify: Flag = True


class ScimTypeOptions(TypeOptions):
    """What the resources of one type are.

    ``map`` gives attributes of the service names of one's own. ``match`` names the attributes by
    which a new object is recognised when it is there already.
    """

    resource: Filled | None = None
    endpoint: Filled | None = None
    filter: Filled | None = None
    match: tuple[Filled, ...] = ()
    map: Mapping[str, AttributePath] = Field(default_factory=dict)

    @property
    def gives_anchor(self) -> bool:
        """Whether the silo itself gives new objects their anchor: always."""
        return True

    @model_validator(mode="after")
    def _check_known(self) -> Self:
        if self.anchor not in (None, "id"):
            raise ValueError("the anchor of a SCIM resource is always its id; leave 'anchor' out")
        if self.enabled is not None and self.enabled.attribute == ACTIVE.attribute:
            raise ValueError("that 'active' says it is known; leave 'enabled' out")
        return self

    @property
    def switch(self) -> EnabledSpec | None:
        """How the enabled state is stored: of users SCIM itself says it."""
        return super().switch or (ACTIVE if self.resource == USER else None)


def _completed(name: str, options: ScimTypeOptions) -> ScimTypeOptions:
    """Fill in what the name of a type says, and that groups have members."""
    resource = options.resource or name.capitalize()
    if options.resource is None and resource not in (USER, GROUP):
        raise ValueError(
            f"say what the type {name!r} is in the service; write for instance 'resource: User'"
        )
    members = options.members or (_MEMBERS if resource == GROUP else None)
    return options.model_copy(update={"resource": resource, "members": members})


class ScimOptions(SiloOptions):
    """One SCIM service; ``insecure`` lets the token or password leave this machine without TLS."""

    url: Annotated[str, AfterValidator(_check_url)]
    auth: AuthOptions | None = None
    insecure: Flag = False
    tls: TlsOptions = Field(default_factory=TlsOptions)
    page_size: Annotated[PositiveNumber, Field(ge=2)] = 100
    pagination: Literal["auto", "cursor", "overlapping", "index"] = "auto"
    select: Flag = False
    deltas: Flag = True
    overlap: Span = timedelta(seconds=10)
    patch: Literal["auto", "path", "value", "entra", "put"] = "auto"
    etag: Literal["auto", "always", "never"] = "auto"
    types: Mapping[str, ScimTypeOptions] = Field(min_length=1)

    @field_validator("types")
    @classmethod
    def _complete_types(cls, types: Mapping[str, ScimTypeOptions]) -> Mapping[str, ScimTypeOptions]:
        return {name: _completed(name, each) for name, each in types.items()}

    @model_validator(mode="after")
    def _check_clear(self) -> Self:
        if self.is_secret_in_clear and not self.insecure:
            raise ValueError(
                "the token or password would go over the network in clear: use https:// in 'url'; "
                "where nobody can listen, 'insecure: true' allows it"
            )
        return self

    @property
    def reader(self) -> tuple[str, str]:
        """Who reads, as far as the configuration says it; no secret."""
        auth = self.auth
        return ("", "") if auth is None else (auth.user or "", auth.header or "")

    @property
    def is_secret_in_clear(self) -> bool:
        """Whether a token or password leaves this machine without TLS."""
        parts = urlsplit(self.url)
        return self.auth is not None and parts.scheme == "http" and parts.hostname not in _LOOPBACK


def type_options(kind: ObjectType) -> ScimTypeOptions:
    """Return the options of a type."""
    if not isinstance(kind.options, ScimTypeOptions):
        raise TypeError(f"{kind.name} is no type of a scim silo")
    return kind.options


def resource_of(kind: ObjectType) -> str:
    """Return the name of the resource type in the service, such as ``User``."""
    return type_options(kind).resource or USER


def endpoint_of(kind: ObjectType) -> str:
    """Return where the resources of a type are, such as ``/Users``."""
    return "/" + (type_options(kind).endpoint or f"{resource_of(kind)}s").strip("/")


def match_of(kind: ObjectType) -> tuple[str, ...]:
    """Return the attributes by which a new object is recognised, the first that is set counts."""
    usual = "userName" if resource_of(kind) == USER else "displayName"
    return type_options(kind).match or ("externalId", usual)


def scope_of(kind: ObjectType) -> tuple[object, ...]:
    """Return what absence is measured against: endpoint, filter, attributes and their names."""
    options = type_options(kind)
    where = (resource_of(kind), endpoint_of(kind), options.filter or "")
    return (kind.name, *where, sorted(options.map.items()), sorted(kind.attributes))
