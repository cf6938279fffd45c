"""Browsers in which somebody signed in before, told by a cookie that opens nothing.

It holds random bits and their seal with the person, who is not named in it. Whoever tries passwords
elsewhere has no such cookie, so that what they fail is not counted against its browser.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import timedelta

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from hypersync.app import App
from hypersync.approvals.links import Signer
from webui.cookies import cookie_name, set_cookie

_NAME = "hypersync-known"
_TIME = timedelta(days=400)
"""As long as browsers keep a cookie at most."""
_MOST_CHARACTERS = 128


def known_browser(app: App, person: str) -> str:
    """Return what stands for a browser in which a person signed in before, else nothing."""
    given = request.cookies.get(cookie_name(app, _NAME), "")
    nonce, _, seal = given.partition(".")
    if len(given) > _MOST_CHARACTERS or not given.isascii():
        return ""
    signer = app.settings.signer
    seals = [_seal(key, signer, person, nonce) for key in signer.keys]
    return nonce if any(hmac.compare_digest(seal, each) for each in seals) else ""


def remember_browser(app: App, response: AnyResponse, person: str) -> None:
    """Let the browser show from now on that a person signed in in it."""
    nonce = known_browser(app, person) or secrets.token_urlsafe(16)
    signer = app.settings.signer
    kept = f"{nonce}.{_seal(signer.keys[0], signer, person, nonce)}"
    set_cookie(app, response, cookie_name(app, _NAME), kept, int(_TIME.total_seconds()))


def _seal(key: bytes, signer: Signer, person: str, nonce: str) -> str:
    parts = ("known", signer.environment, person, nonce)
    signed = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)
    return urlsafe_b64encode(hmac.digest(key, signed, hashlib.sha256)).rstrip(b"=").decode()
