"""Where a request comes from: this machine, or elsewhere through a proxy or the network."""

from __future__ import annotations

import ipaddress

from flask import request

from hypersync.app import App
from webui.forwarded import PEER, WAS_FORWARDED


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
    """Return a host without its port."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.casefold()
