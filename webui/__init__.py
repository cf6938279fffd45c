"""The web pages: what waits, what happened, and the links that decide; and the API beside them.

`create_app` makes them of the application. There is one package for each part of the site, with its
views in ``__init__`` and what builds their contents in ``build``. A view parses, calls one use case
and renders one template. Looking changes nothing; deciding is a POST with proof of who decides.
"""

from __future__ import annotations

from flask import Flask

from hypersync.app import App
from webui import (
    assets,
    audit,
    dashboard,
    decisions,
    identities,
    pending,
    rules,
    runs,
    security,
    sign_in,
)
from webui.api import beside
from webui.audit.verified import Verifier
from webui.forwarded import Forwarded
from webui.jobs import Jobs

__all__ = ["create_app"]


def create_app(app: App) -> Flask:
    """Make the site; without a sign-in it is to listen on loopback only."""
    site = Flask("webui", static_folder="static", static_url_path="/static")
    site.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    site.extensions["jobs"] = jobs = Jobs(app)
    site.extensions["verifier"] = checks = Verifier(app)
    both = beside(site.wsgi_app, app, jobs, checks)
    site.wsgi_app = Forwarded(both, app.configuration.proxies)  # type: ignore[method-assign]
    security.protect(site, app)
    for part in (assets, dashboard, audit, sign_in, decisions, pending, runs, rules, identities):
        site.register_blueprint(part.blueprint(app))
    return site
