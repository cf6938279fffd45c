"""Where the servers of a directory are, how to sign in, and how TLS is checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from hypersync.config.values import Secret

WireKind: TypeAlias = Literal["ldap3", "c"]
_PORTS = {"ldap": 389, "ldaps": 636}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Servers of one directory, the preferred one first, and what is the same for all of them.

    ``user`` is ``None`` for nobody; with ``kerberos`` the ticket says who. ``server_name`` is how
    the certificate and the Kerberos service call the server when that is not the host of its URL.
    """

    urls: tuple[str, ...]
    user: str | None = None
    password: Secret = field(default_factory=lambda: Secret(""))
    kerberos: bool = False
    start_tls: bool = False
    ca_file: Path | None = None
    verify: bool = True
    server_name: str | None = None
    timeout_seconds: int = 60
    wire: WireKind = "ldap3"

    def has_tls(self, url: str) -> bool:
        """Tell whether what is said to a server is kept secret."""
        return self.start_tls or is_tls(url)

    @property
    def who(self) -> str:
        """Who signs in, for people."""
        return "the Kerberos ticket" if self.kerberos else self.user or "nobody (no bind: is given)"

    def name_of(self, url: str) -> str:
        """Return the name that the certificate of a server has to carry."""
        return self.server_name or host_and_port(url)[0]


def host_and_port(url: str) -> tuple[str, int]:
    """Return where to connect to."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def is_tls(url: str) -> bool:
    """Tell whether TLS begins before LDAP does."""
    return urlsplit(url).scheme == "ldaps"


def stays_here(url: str) -> bool:
    """Tell whether the server is this machine, so that nothing goes over the network."""
    return host_and_port(url)[0] in _LOOPBACK
