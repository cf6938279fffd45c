"""The cookie of a session: only the server reads it, and only its own pages send it.

Where the public address is https it goes over nothing else, and its name says that no other host
and no other path set it.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from hypersync.app import App

_MOST_CHARACTERS = 128


def is_secure(app: App) -> bool:
    """Tell whether people reach the pages by https."""
    return app.settings.links.public_url.startswith("https:")


def cookie_name(app: App, name: str = "hypersync") -> str:
    """Return the name of a cookie, with the prefix that binds it to this host under https."""
    return f"__Host-{name}" if is_secure(app) else name


def session_secret(app: App) -> str:
    """Return the secret that the browser holds; nothing when it holds none."""
    secret = request.cookies.get(cookie_name(app), "")
    return secret if len(secret) <= _MOST_CHARACTERS else ""


def keep(app: App, response: AnyResponse, secret: str) -> None:
    """Let the browser hold a secret until it is closed."""
    set_cookie(app, response, cookie_name(app), secret)


def drop(app: App, response: AnyResponse) -> None:
    """Let the browser forget the secret."""
    drop_cookie(app, response, cookie_name(app))


def set_cookie(
    app: App, response: AnyResponse, name: str, value: str, seconds: int | None = None
) -> None:
    """Set a cookie that scripts cannot read and forms of other sites do not send."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=is_secure(app),
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(app: App, response: AnyResponse, name: str) -> None:
    """Let the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=is_secure(app), httponly=True, samesite="Lax")
