"""What happens after somebody proved who they are, whatever the way."""

from __future__ import annotations

from flask import redirect
from werkzeug.wrappers import Response as AnyResponse

from hypersync.access.sessions import ACCOUNT, begin_session, session_rules
from hypersync.app import App
from hypersync.config.sign_in_models import SignInConfig
from webui.cookies import keep, session_secret
from webui.sign_in.known import remember_browser

PASSWORDS = "passwords"
"""Where the site keeps what hashes and compares passwords."""


def welcome(app: App, sign_in: SignInConfig, person: str, way: str, wanted: str) -> AnyResponse:
    """Begin a session and go on to what was wanted; the session the browser had before ends."""
    secret = begin_session(
        app.store,
        person,
        way,
        now=app.clock.now(),
        rules=session_rules(sign_in),
        before=session_secret(app),
    )
    response = redirect(wanted, 303)
    keep(app, response, secret)
    if way == ACCOUNT:
        remember_browser(app, response, person)
    return response
