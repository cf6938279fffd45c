"""What holds for every page: who may see, what a browser may do with it, and how errors look.

Until there is a sign-in, everybody on this machine sees everything and nobody else sees anything
without a token. A request that shows that it came through a proxy, or that names a public address
elsewhere, is not from this machine. Once there is one, everybody signs in, and what is sent in a
session carries what its pages were given. The ``Host`` header
must name the public address or this machine, so that no other site's name resolves to these pages;
links are built from the configuration and never from it. An unknown address and a wrong token are
the same answer, and trying many is slowed down.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import Flask, Request, Response, make_response, redirect, request
from jinja2 import TemplateError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from hypersync.app import App
from hypersync.approvals.links import token_hash
from hypersync.config.sign_in_models import is_among
from hypersync.errors import (
    DecisionLost,
    DecisionRefused,
    HyperSyncError,
    InvitationEnded,
    NotFound,
)
from hypersync.messages.pages.frame import MessagePage
from webui.addresses import START, as_written, sign_in_address
from webui.cookies import is_secure
from webui.failed import told
from webui.frame import bare_frame
from webui.origin import host_of, host_of_origin, peer
from webui.visitors import SignInNeeded, is_own_form, named_by_proxy

_logger = logging.getLogger(__name__)

MOST_FAILURES = 30
FAILURE_SPAN = timedelta(minutes=1)
MOST_ADDRESSES = 10_000

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_TITLES = {
    400: "That did not work",
    401: "Sign in first",
    403: "Not possible",
    404: "Nothing here",
    405: "That did not work",
    409: "Decided already",
    410: "No longer possible",
    413: "Too much",
    429: "Too many attempts",
    500: "Something went wrong",
}


def protect(site: Flask, app: App) -> None:
    """Put the checks before and the headers after every page."""
    guard = _Guard(app)
    site.before_request(guard.check)
    site.after_request(guard.finish)
    site.register_error_handler(Exception, lambda error: _answer_to(app, error))


def _answer_to(app: App, error: Exception) -> AnyResponse:
    """Send somebody unknown to the sign-in and back; say everything else in a sentence."""
    if isinstance(error, SignInNeeded) and "HX-Request" in request.headers:
        page = error_page(app, 401, error.message)
        page.headers["HX-Redirect"] = sign_in_address(_page_of(request))
        return page
    if isinstance(error, SignInNeeded) and request.method in _HARMLESS:
        return redirect(sign_in_address(as_written(request.path, request.query_string)), 302)
    return error_page(app, status_of(error), _message(error))


def _page_of(request: Request) -> str:
    """Return the path and query of the page that asks for a piece, as far as they can be read."""
    try:
        here = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return START
    return f"{here.path}?{here.query}"


class _Guard:
    """Looks at every request before its page and at every answer after it."""

    def __init__(self, app: App) -> None:
        public = urlsplit(app.settings.links.public_url)
        self._app = app
        names = {"localhost", "127.0.0.1", "[::1]", (public.hostname or "").casefold()}
        self._hosts = names - {""}
        self._failures = Failures()

    def check(self) -> Response | None:
        """Refuse what no page is to see."""
        if host_of(request.host) not in self._hosts:
            return error_page(self._app, 400, "This server is not known by that name.")
        if self._names_itself():
            return error_page(self._app, 403, "Only the proxy of this site may say who you are.")
        if request.method in _HARMLESS:
            return None
        if not _is_same_site(self._hosts):
            return error_page(self._app, 403, "This form was sent from another site.")
        given = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
        if not is_own_form(self._app, given):
            return error_page(self._app, 403, "This page is too old. Open it again, then send it.")
        return None

    def _names_itself(self) -> bool:
        """Tell whether somebody says who they are in the header of a proxy without being one."""
        sign_in = self._app.configuration.sign_in
        if sign_in is None or sign_in.proxy is None or named_by_proxy(self._app) is None:
            return False
        if is_among(peer(), sign_in.proxy.addresses):
            return False
        _logger.warning("refused the header %s from %s", sign_in.proxy.header, peer())
        return True

    def finish(self, response: Response) -> Response:
        """Say what a browser may do with the answer, and count refusals."""
        if response.status_code in (403, 404) and request.path.startswith("/hypersync/"):
            response = self._slowed_down(response)
        response.headers.update(_HEADERS)
        if is_secure(self._app):
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response

    def _slowed_down(self, refused: Response) -> Response:
        """Count a refusal; too many of an address learn nothing more.

        Many may share an address, behind a proxy everybody does. So only refusals are withheld,
        and not from who has a token.
        """
        address, now = request.remote_addr or "", self._app.clock.now()
        are_many = self._failures.are_many(address, now)
        self._failures.add(address, now)
        if not are_many or self._has_token():
            return refused
        return error_page(self._app, 429, "Wait a minute, then try again.")

    def _has_token(self) -> bool:
        """Tell whether the request carries a token that was made."""
        try:
            given = request.form.get("token") or request.args.get("token")
        except HTTPException:
            return False
        if not given:
            return False
        with self._app.store.snapshot() as unit:
            return unit.deliveries.token(token_hash(given)) is not None


class Failures:
    """Counts refused attempts by address over the last minute."""

    def __init__(self) -> None:
        self._by_address: dict[str, deque[datetime]] = {}

    def add(self, address: str, now: datetime) -> None:
        """Count one; of very many addresses those are forgotten that failed longer ago."""
        if len(self._by_address) >= MOST_ADDRESSES and address not in self._by_address:
            lately = [each for each in self._by_address.items() if now - each[1][-1] < FAILURE_SPAN]
            self._by_address = dict(lately[-MOST_ADDRESSES // 2 :])
        self._by_address.setdefault(address, deque(maxlen=MOST_FAILURES)).append(now)

    def are_many(self, address: str, now: datetime) -> bool:
        """Tell whether an address failed too often lately."""
        known = self._by_address.get(address)
        if known is None or len(known) < MOST_FAILURES:
            return False
        return now - known[0] < FAILURE_SPAN


def status_of(error: Exception) -> int:
    """Return the HTTP status that stands for an error."""
    if isinstance(error, HTTPException):
        return error.code or 500
    for kind, status in (
        (NotFound, 404),
        (DecisionLost, 409),
        (InvitationEnded, 410),
        (DecisionRefused, 403),
    ):
        if isinstance(error, kind):
            return status
    return 500


def _message(error: Exception) -> str:
    status = status_of(error)
    if status == 404:
        return "There is nothing at this address, or the link is not whole."
    if status == 413:
        return "That is more than a page may send. Choose fewer, or all of a request; write less."
    if isinstance(error, HyperSyncError) and status != 500:
        return error.message
    if isinstance(error, HTTPException):
        return error.description or ""
    _logger.error("a page failed: %s", told(error))
    return "It was written to the log. Nothing was decided."


def error_page(app: App, status: int, message: str) -> Response:
    """Return a page that says what is wrong and tells nothing else."""
    view = MessagePage(title=_TITLES.get(status, "That did not work"), message=message)
    try:
        page = app.renderer.render("web/message.html", view, frame=bare_frame())
    except TemplateError as error:
        _logger.error("the template web/message.html failed: %s", told(error))  # noqa: TRY400 - see told
        page = view.title
    return make_response(page, status)


def _is_same_site(hosts: set[str]) -> bool:
    """Tell whether a form was sent from one of our pages, as far as the browser says."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin", "null")
    return origin == "null" or host_of_origin(origin) in hosts
