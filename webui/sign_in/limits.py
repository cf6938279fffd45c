"""How often signing in may fail: by address, and by name from wherever it is tried.

Only what failed is counted, so that nobody is kept out who knows the password of a name that
nobody else tries. Kept in memory; a restart forgets it.
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
from webui.visitors import visitor

MOST_BY_ADDRESS = "20 per minute; 200 per hour"
MOST_BY_NAME = "10 per 15 minutes"
TOO_MANY = "Too many attempts. Wait a quarter of an hour, then try again."
_HOME = 64
"""The part of an address of version 6 that belongs to one home or office."""

View = Callable[[], AnyResponse]
Key = Callable[[], str]


def limited(app: App, pages: Blueprint) -> Callable[[View], View]:
    """Return what limits the failures of a view."""
    limiter = Limiter(_by_address, storage_uri="memory://", strategy="moving-window")
    pages.record_once(lambda state: limiter.init_app(cast("Flask", state.app)))

    def decorate(view: View) -> View:
        keys: dict[str, Key] = {
            MOST_BY_ADDRESS: _by_address,
            MOST_BY_NAME: partial(_by_name, app),
        }
        for most, key in keys.items():
            limit = limiter.limit(most, key_func=key, deduct_when=_failed, error_message=TOO_MANY)
            view = limit(view)
        return view

    return decorate


def _failed(response: Response) -> bool:
    return response.status_code != 303


def _by_address() -> str:
    """Return whose attempt this is: an address, or the network of one of version 6."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, _HOME), strict=False))


def _by_name(app: App) -> str:
    """Return what stands for the name that is tried: who it is, or a hash of what was typed.

    Elsewhere than on the page to sign in it is the name of whoever is signed in.
    """
    typed = request.form.get("name", "")
    if request.path != "/sign-in":
        known = visitor(app)
        typed = "" if known is None else known.person or ""
    person = person_typed(typed, app.settings.directory)
    if person is not None:
        return f"person:{person.id}"
    return hashlib.sha256(typed.strip().casefold().encode("utf-8", "replace")).hexdigest()
