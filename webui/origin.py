"""Where a request comes from: this machine, or elsewhere through a proxy or the network."""

from __future__ import annotations

import ipaddress

from flask import request

from hypersync.app import App

_FORWARDED = ("forwarded", "via", "x-real-ip")


def is_local(app: App) -> bool:
    """Tell whether the request comes from this machine, not through a proxy.

    A proxy on this machine has its address. Whatever it leaves in the request gives it away: a
    header, the public name when that is another one, or HTTP/1.0, which no browser speaks. One
    that leaves nothing cannot be told from a browser. Once there is a sign-in it is of no account
    where somebody sits.
    """
    if app.configuration.sign_in is not None or _is_forwarded() or _is_by_public_name(app):
        return False
    return _is_loopback(request.remote_addr or "")


def _is_forwarded() -> bool:
    names = [name.casefold() for name in request.headers.keys()]  # noqa: SIM118 - pairs otherwise
    if any(name in _FORWARDED or name.startswith("x-forwarded") for name in names):
        return True
    return request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0"


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
