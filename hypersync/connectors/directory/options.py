"""What the configuration says about any directory: its servers, TLS, and who signs in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hypersync.config.located import Located
from hypersync.config.values import Filled, Flag, PositiveNumber, Secret, SecretText
from hypersync.connectors.directory.address import Address, WireKind, is_tls, stays_here
from hypersync.connectors.settings import SiloOptions


def _check_url(url: str) -> str:
    wrong = f"{url!r} is no LDAP address; write for instance ldaps://ldap.example.org"
    parts = urlsplit(url)
    try:
        is_good = parts.scheme in ("ldap", "ldaps") and parts.hostname and parts.port != 0
    except ValueError as error:  # a port that is none
        raise ValueError(wrong) from error
    if not is_good or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(wrong)
    return url.rstrip("/")


def _check_urls(urls: tuple[str, ...]) -> tuple[str, ...]:
    if not urls:
        raise ValueError("an empty list names no server; write at least one address")
    repeated = {url for url in urls if urls.count(url) > 1}
    if repeated:
        raise ValueError(f"{min(repeated)!r} stands twice; name each server once")
    if len({is_tls(url) for url in urls}) > 1:
        raise ValueError("write ldap:// or ldaps:// for all servers; these are mixed")
    return urls


def _one_or_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Urls = Annotated[
    tuple[Annotated[str, AfterValidator(_check_url)], ...],
    BeforeValidator(_one_or_several, json_schema_input_type=str | tuple[str, ...]),
    AfterValidator(_check_urls),
]


class BindOptions(Located):
    """Who signs in: a user with a password, or whom the Kerberos ticket names."""

    user: Filled | None = None
    password: SecretText | None = None
    kerberos: Flag = False

    @model_validator(mode="after")
    def _check_one_way(self) -> Self:
        if self.kerberos and (self.user is not None or self.password is not None):
            raise ValueError("with 'kerberos: true' the ticket says who; remove user and password")
        if not self.kerberos and (self.user is None or self.password is None):
            raise ValueError("write 'user' and 'password', or 'kerberos: true'")
        if self.password is not None and not len(self.password):
            raise ValueError("the password is empty, which servers take for nobody; give one")
        return self


class TlsOptions(Located):
    """How the connection is kept secret.

    ``ca_file`` is a PEM file, the system's when not given; ``name`` what the certificate carries
    when that is not the host of the url.
    """

    start: Flag = False
    ca_file: Filled | None = None
    verify: Flag = True
    name: Filled | None = None


LAG: Final = timedelta(minutes=15)
"""For so long a server is reckoned not to have what another one has: what a site of Active
Directory takes at the most, and far more than OpenLDAP takes."""


class DirectoryOptions(SiloOptions):
    """What is common to all directories."""

    url: Urls
    bind: BindOptions | None = None
    tls: TlsOptions = Field(default_factory=TlsOptions)
    wire: WireKind = "ldap3"
    page_size: PositiveNumber = 1_000

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if is_tls(self.url[0]) and self.tls.start:
            raise ValueError("ldaps:// is TLS from the start; remove 'start' or write ldap://")
        if self.wire == "c" and self.tls.name is not None:
            raise ValueError("'wire: c' cannot check another name; remove it, or tls: name")
        return self

    def is_secret(self, url: str) -> bool:
        """Tell whether nobody on the way reads what is said to a server: by TLS, or as it stays."""
        return self.tls.start or is_tls(url) or stays_here(url)

    @property
    def reader(self) -> tuple[str, bool]:
        """Who reads, as far as the configuration says it; no secret."""
        bind = self.bind
        return ("", False) if bind is None else (bind.user or "", bind.kerberos)

    @property
    def lag(self) -> timedelta:
        """For how long one of the servers may not know what another one does."""
        return LAG if len(self.url) > 1 else timedelta(0)

    @property
    def in_clear(self) -> str | None:
        """The first server that is spoken to over the network without TLS, whoever signs in."""
        return next((url for url in self.url if not self.is_secret(url)), None)

    def address(self, root: Path, timeout: timedelta) -> Address:
        """Return where to connect to; relative paths start at ``root``."""
        bind = self.bind
        return Address(
            urls=self.url,
            user=None if bind is None else bind.user,
            password=(None if bind is None else bind.password) or Secret(""),
            kerberos=bind is not None and bind.kerberos,
            start_tls=self.tls.start,
            ca_file=None if self.tls.ca_file is None else root / self.tls.ca_file,
            verify=self.tls.verify,
            server_name=self.tls.name,
            timeout_seconds=max(1, int(timeout.total_seconds())),
            wire=self.wire,
        )


def remedies(options: DirectoryOptions) -> Mapping[str, str]:
    """Return what is unwise about the connection, with what to do instead."""
    found = {}
    if options.in_clear is not None:
        has_password = options.bind is not None and not options.bind.kerberos
        what = "the password and all values" if has_password else "all values"
        message = f"without TLS {what} go to {options.in_clear} over the network in clear"
        found[message] = "use ldaps:// or 'tls: {start: true}'"
    if not options.tls.verify:
        found["the certificate of the server is not checked, so anybody can pose as it"] = (
            "remove 'verify: false' and name the authority with 'tls: {ca_file: ...}'"
        )
    return found
