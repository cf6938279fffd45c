"""The API: everything the pages show and do, for programs, under ``/api/v1``.

It is a small site of its own beside the pages, because what holds for a browser (error pages,
redirects to the sign-in) does not hold here. `create_api` makes it of the application; its OpenAPI
document is made of the code, and `describe` returns it without any application.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from hypersync.app import App
from webui.api import (
    actions,
    dashboard,
    decisions,
    events,
    identities,
    people,
    requests,
    rules,
    runs,
    silos,
)
from webui.api import jobs as started
from webui.api.door import MOST_BYTES, Door
from webui.api.problems import Problem, answer_to, refuse_invalid
from webui.api.routes import Routes
from webui.audit.verified import Verifier
from webui.cookies import cookie_name
from webui.jobs import Jobs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PARTS = (
    dashboard,
    requests,
    decisions,
    actions,
    runs,
    started,
    identities,
    rules,
    silos,
    people,
    events,
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ABOUT = """\
Everything the pages show and do, for programs.

A token (`hypersync token create`) says who calls, in the header `Authorization: Bearer TOKEN`. It
belongs to a person: a call does no more than their roles allow, and no more than the token's scopes
(`x-scope` of each call). Lists are pages: `next` of one is `cursor` of the following, also as a
`Link` header. Errors are problem details (RFC 9457). What is sent with an `Idempotency-Key` is
carried out once, however often it is sent."""


def create_api(app: App, jobs: Jobs, checks: Verifier) -> OpenAPI:
    """Make the API; ``jobs`` and ``checks`` are those of the pages beside it."""
    site = OpenAPI(
        "webui.api",
        info=Info(title="HyperSync", version="1", description=_ABOUT),
        security_schemes={
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": cookie_name(app)},
        },
        validation_error_model=Problem,
        validation_error_callback=refuse_invalid,
        doc_ui=False,
        static_folder=None,
    )
    site.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    site.url_map.strict_slashes = True
    site.extensions["jobs"] = jobs
    site.extensions["verifier"] = checks
    door = Door(app)
    site.before_request(door.check)
    site.after_request(_finish)
    site.register_error_handler(Exception, answer_to)
    routes = Routes(site, door, app)
    for part in _PARTS:
        part.add_to(routes)

    def openapi() -> Response:
        return jsonify(site.api_doc)

    routes.open("/api/v1/openapi.json", openapi)
    return site


def describe(app: App) -> dict[str, Any]:
    """Return the OpenAPI document."""
    return dict(create_api(app, Jobs(app), Verifier(app)).api_doc)


def _finish(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


def beside(pages: WSGIApplication, app: App, jobs: Jobs, checks: Verifier) -> WSGIApplication:
    """Return what answers both: calls by the API, made at the first, and all else by the pages."""
    lock = threading.Lock()
    made: list[WSGIApplication] = []

    def api() -> WSGIApplication:
        with lock:
            if not made:
                made.append(create_api(app, jobs, checks).wsgi_app)
        return made[0]

    def answered(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        is_call = path == "/api" or path.startswith("/api/")
        return (api() if is_call else pages)(environ, start)

    return answered
