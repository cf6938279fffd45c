"""How often signing in may fail: by address, and by name from one network and from everywhere.

Only what failed is counted. Anybody may try a name, and must not keep out whose it is: so a name
may fail much more often in all than from one network, and a browser in which its person signed in
before is counted for itself alone, as is who changes their password in a session. Kept in memory; a
restart forgets it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from functools import partial
from typing import cast

from flask import Blueprint, Flask, Response, request
from flask_limiter import Limiter
from werkzeug.wrappers import Response as AnyResponse

from hypersync.access.people import person_typed
from hypersync.app import App
from webui.sign_in.known import known_browser
from webui.visitors import visitor

MOST_BY_ADDRESS = "20 per minute; 200 per hour"
MOST_FROM_NETWORK = "10 per 15 minutes"
MOST_BY_NAME = "100 per hour"
MOST_BY_KNOWN = "10 per 15 minutes"
TOO_MANY = (
    "Too many attempts. Wait a quarter of an hour, then try again, or use a browser in which you "
    "signed in before."
)
_NETWORK = 24
_HOME = 64
"""The part of an address of version 6 that belongs to one home or office."""

View = Callable[[], AnyResponse]
Key = Callable[[], str]


def limited(app: App, pages: Blueprint) -> Callable[[View], View]:
    """Return what limits the failures of a view."""
    limiter = Limiter(_by_address, storage_uri="memory://", strategy="moving-window")
    pages.record_once(lambda state: limiter.init_app(cast("Flask", state.app)))

    def decorate(view: View) -> View:
        limits: tuple[tuple[str, Key, bool], ...] = (
            (MOST_BY_ADDRESS, _by_address, False),
            (MOST_FROM_NETWORK, lambda: f"{_by_name(app)} {_network()}", False),
            (MOST_BY_NAME, lambda: _by_name(app), False),
            (MOST_BY_KNOWN, lambda: _known(app), True),
        )
        for most, key, is_for_known in limits:
            view = limiter.limit(
                most,
                key_func=key,
                deduct_when=_failed,
                exempt_when=partial(_is_exempt, app, is_for_known),
                error_message=TOO_MANY,
            )(view)
        return view

    return decorate


def _is_exempt(app: App, is_for_known: bool) -> bool:
    return bool(_known(app)) != is_for_known


def _known(app: App) -> str:
    """Return what stands for whoever tries, when it is surely no stranger; else nothing.

    On the page to sign in that is a browser, elsewhere whoever is signed in.
    """
    if request.path != "/sign-in":
        known = visitor(app)
        person = None if known is None else known.person
        return f"signed in: {person}" if person else ""
    tried = person_typed(request.form.get("name", ""), app.settings.directory)
    nonce = "" if tried is None else known_browser(app, tried.id)
    return f"browser: {nonce}" if nonce else ""


def _failed(response: Response) -> bool:
    return response.status_code != 303


def _address() -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _by_address() -> str:
    """Return whose attempt this is: an address, or the network of one of version 6."""
    address = _address()
    return str(address) if address is not None and address.version == 4 else _network()


def _network() -> str:
    """Return the network that an attempt comes from."""
    address = _address()
    if address is None:
        return "unknown"
    part = _NETWORK if address.version == 4 else _HOME
    return str(ipaddress.ip_network((address, part), strict=False))


def _by_name(app: App) -> str:
    """Return what stands for the name that is tried: who it is, or a hash of what was typed."""
    typed = request.form.get("name", "")
    person = person_typed(typed, app.settings.directory)
    if person is not None:
        return f"person:{person.id}"
    return hashlib.sha256(typed.strip().casefold().encode("utf-8", "replace")).hexdigest()
