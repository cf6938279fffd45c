"""The web pages: links that decide, what waits, and what happened.

`create_app` makes them of one frozen bundle. A view parses, calls one use case and renders one
template. Looking changes nothing; deciding is a POST with the token of a mail and its code.
"""

from __future__ import annotations

from flask import Flask

from webui import decisions, reports, security
from webui.bundle import Bundle

__all__ = ["Bundle", "create_app"]


def create_app(bundle: Bundle) -> Flask:
    """Make the application; until there is a sign-in it is to listen on loopback only."""
    app = Flask("webui", static_folder="static", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    security.protect(app, bundle)
    app.register_blueprint(decisions.blueprint(bundle))
    app.register_blueprint(reports.blueprint(bundle))
    return app
