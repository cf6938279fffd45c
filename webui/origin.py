"""Where a request comes from: this machine, or elsewhere through a proxy or the network."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from flask import request

from hypersync.app import App
from webui.forwarded import PEER, WAS_FORWARDED

_HOST = re.compile(
    r"(?P<name>[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(:(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_HIGHEST_PORT = 65535


def is_local(app: App) -> bool:
    """Tell whether the request comes from this machine, not through a proxy.

    A proxy on this machine has its address. Whatever it leaves in the request gives it away: a
    header, the public name when that is another one, or HTTP/1.0, which no browser speaks. One
    that leaves nothing cannot be told from a browser. Once there is a sign-in it is of no account
    where somebody sits.
    """
    if app.configuration.sign_in is not None or _is_by_public_name(app):
        return False
    return not request.environ[WAS_FORWARDED] and _is_loopback(peer())


def peer() -> str:
    """Return the address that the request came from, be it a proxy's."""
    found: str = request.environ[PEER]
    return found


def _is_by_public_name(app: App) -> bool:
    """Tell whether the request names the public address, and that is not this machine."""
    public = app.settings.links.host.casefold()
    return public != "localhost" and not _is_loopback(public) and host_of(request.host) == public


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def host_of(host: str) -> str:
    """Return a host without its port; nothing for what is not a name and maybe a port."""
    found = _HOST.fullmatch(host)
    if found is None or int(found["port"] or 0) > _HIGHEST_PORT:
        return ""
    return found["name"].casefold()


def host_of_origin(origin: str) -> str:
    """Return the host of the address that an ``Origin`` names; nothing for what is none."""
    try:
        return host_of(urlsplit(origin).netloc)
    except ValueError:
        return ""
