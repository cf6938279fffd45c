"""Whether the way to a database is safe: encrypted, to the server that is meant.

The drivers ask for neither unless the URL says so. Sources: PostgreSQL "SSL Support" of libpq,
PyMySQL's parameters of ``connect``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from sqlalchemy import URL

_POSTGRESQL = "sslmode=verify-full&sslrootcert=/PATH/TO/ca.pem"
_MARIADB = "ssl_ca=/PATH/TO/ca.pem"
_NO = frozenset({"0", "false", "f", "no", "n", "off"})


def missing_protection(url: URL) -> str | None:
    """Return what to write after ``?`` in a URL, or ``None`` where nothing is missing."""
    if url.get_backend_name() == "sqlite" or all(map(_is_here, _hosts(url))):
        return None
    said = {name: _texts(value) for name, value in url.query.items()}
    if url.get_backend_name() == "postgresql":
        return None if said.get("sslmode") == ("verify-full",) else _POSTGRESQL
    has_ca = any(said.get(name) for name in ("ssl_ca", "ssl_capath"))
    is_checked = not _NO & {each.lower() for each in said.get("ssl_check_hostname", ())}
    return None if has_ca and is_checked else _MARIADB


def _hosts(url: URL) -> Sequence[str]:
    """Return where the database may be; a path is a socket of this machine."""
    if "unix_socket" in url.query:
        return ()
    named = [each for name in ("host", "hostaddr") for each in _texts(url.query.get(name, ()))]
    return [host for each in (url.host or "", *named) for host in each.split(",") if host]


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _is_here(host: str) -> bool:
    if host.startswith(("/", "@")):
        return True
    address = host.partition(":")[0] if host.count(":") == 1 else host.strip("[]")
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
