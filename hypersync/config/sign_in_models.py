"""The models of signing in: in which ways, behind which proxies, and what proof a link wants. Pure.

There is a sign-in once ``sign_in:`` gives at least one way. Whoever comes in any way is a person
under ``people:``, and has the roles that stand there and no others.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.values import Flag, Line, PositiveSpan, SecretText

_RESERVED = frozenset({"authorization", "cookie", "forwarded", "host", "origin", "via"})


def is_this_machine(host: str) -> bool:
    """Tell whether a host, a name or an address, can only be this machine."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_among(address: str, networks: Sequence[str]) -> bool:
    """Tell whether an address lies in one of the networks; what is no address lies in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in ipaddress.ip_network(each, strict=False) for each in networks)


def _check_network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an address nor a network; write for instance 10.0.0.5 or "
            "10.1.0.0/16"
        ) from None
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} is everybody; name the addresses of your proxies")
    return text


def _check_header(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise ValueError(f"{name!r} is no header; write for instance X-Remote-User")
    if name.casefold() in _RESERVED or name.casefold().startswith("x-forwarded-"):
        raise ValueError(f"{name!r} means something else; write for instance X-Remote-User")
    return name


def _check_issuer(url: str) -> str:
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (
        parts.scheme == "http" and is_this_machine(parts.hostname or "")
    )
    if not is_safe or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(
            f"{url!r} is no issuer; write the https address that the provider calls itself by"
        )
    return url


Network = Annotated[str, AfterValidator(_check_network)]
HeaderName = Annotated[str, AfterValidator(_check_header)]
Issuer = Annotated[str, AfterValidator(_check_issuer)]
Names = Literal["email", "subject", "person"]
Proof = Literal["code", "session"]


class OpenIdConfig(Located):
    """An OpenID Connect provider, such as Entra ID, Okta or Keycloak."""

    issuer: Issuer
    """The provider's address, as its discovery document calls it."""
    client_id: Line
    """The name under which the provider knows HyperSync."""
    client_secret: SecretText | None = None
    """The secret that goes with it, where the provider gave one."""
    label: Line = "Sign in with your organisation"
    """What the button on the page says."""
    scopes: tuple[Line, ...] = ("openid", "email", "profile")
    """What is asked for."""
    claim: Line = "email"
    """The claim that says who it is."""
    names: Names = "email"
    """What that claim is compared with: `email` or `subject` of a person, or the person's name."""
    verified: Flag = True
    """Whether a claim `email` counts only where the provider says `email_verified`."""
    timeout: PositiveSpan = timedelta(seconds=10)
    """The longest wait for an answer of the provider."""


class ProxyHeaderConfig(Located):
    """A header in which a proxy that did the sign-in says who it is."""

    header: HeaderName
    """The header, which the proxy must remove from what comes to it."""
    addresses: tuple[Network, ...] = Field(alias="from", min_length=1)
    """The addresses or networks of the proxies; the header of anybody else is refused."""
    names: Names = "person"
    """What the header is compared with: `email` or `subject` of a person, or the person's name."""


class SignInConfig(Located):
    """How people sign in; without any way the pages are for this machine only."""

    accounts: Flag = False
    """Whether people with an account of `hypersync account add` sign in with its password."""
    openid: OpenIdConfig | None = None
    """A provider that people sign in with."""
    proxy: ProxyHeaderConfig | None = None
    """A header that a proxy sets."""
    idle: PositiveSpan = timedelta(hours=1)
    """A session that was not used for so long has ended."""
    longest: PositiveSpan = timedelta(hours=12)
    """A session ends after this time, however much it is used."""

    @model_validator(mode="after")
    def _check_ways(self) -> Self:
        if not (self.accounts or self.openid or self.proxy):
            raise ValueError("nobody can sign in; write accounts: true, openid: or proxy:")
        if self.idle > self.longest:
            raise ValueError("idle is longer than longest; a session cannot wait beyond its end")
        return self


class ProofConfig(Located):
    """What shows who decides by a link: the code of its mail, or a session."""

    default: Proof | None = None
    """What is none of the following; `code` when not said."""
    vip: Proof | None = None
    """VIPs; `session` once there is a sign-in."""
    deletes: Proof | None = None
    """Deletes; `session` once there is a sign-in."""
    scans: Proof | None = None
    """Scans; `session` once there is a sign-in."""
    four_eyes: Proof | None = None
    """What takes several people; `session` once there is a sign-in."""


class LinksConfig(Located):
    """The links of mails."""

    proof: ProofConfig = Field(default_factory=ProofConfig)
    """What deciding by them takes besides the link."""
    tokens_as_sessions: Flag = False
    """Whether a token of the API with the scope `decide` may decide what takes a session."""
