"""The pages that lead to a provider and back."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from hypersync.access.people import person_named
from hypersync.access.sessions import OPENID
from hypersync.app import App
from hypersync.config.sign_in_models import OpenIdConfig, SignInConfig
from hypersync.errors import SignInRefused
from hypersync.messages import wording
from webui.addresses import own_path
from webui.cookies import cookie_name, drop_cookie, set_cookie
from webui.frame import show
from webui.sign_in.attempt import TIME, Attempt, read, written
from webui.sign_in.build import sign_in_page
from webui.sign_in.provider import Provider, ProviderDown
from webui.sign_in.welcome import welcome

_logger = logging.getLogger(__name__)
BACK = "/sign-in/openid/back"
_COOKIE = "hypersync-sign-in"


def add_pages(pages: Blueprint, app: App, sign_in: SignInConfig, config: OpenIdConfig) -> None:
    """Add the way to a provider and the way back."""
    redirect_uri = f"{app.settings.links.public_url}{BACK}"
    provider = Provider(config, redirect_uri, app.clock.now)

    @pages.get("/sign-in/openid")
    def leave_for() -> AnyResponse:
        wanted = own_path(request.args.get("next", ""))
        attempt = Attempt(secrets.token_urlsafe(32), wanted, app.clock.now())
        try:
            address = provider.address(attempt)
        except SignInRefused as refused:
            return _refusal(app, sign_in, wanted, refused)
        response = redirect(address, 302)
        kept = written(attempt, app.settings.signer)
        seconds = int(TIME.total_seconds())
        set_cookie(app, response, cookie_name(app, _COOKIE), kept, seconds)
        return response

    @pages.get(BACK)
    def come_back() -> AnyResponse:
        kept = request.cookies.get(cookie_name(app, _COOKIE), "")
        attempt = read(kept, app.settings.signer, app.clock.now())
        wanted = own_path("") if attempt is None else attempt.wanted
        try:
            person = _person(app, config, _answer(provider, config, attempt))
        except SignInRefused as refused:
            response = _refusal(app, sign_in, wanted, refused)
        else:
            response = welcome(app, sign_in, person, OPENID, wanted)
        drop_cookie(app, response, cookie_name(app, _COOKIE))
        return response


def _answer(provider: Provider, config: OpenIdConfig, attempt: Attempt | None) -> Mapping[str, Any]:
    """Return what the provider says about who came back; raises `SignInRefused`."""
    given = request.args
    if not given.get("code"):
        raise SignInRefused("Your organisation did not sign you in. Begin again, or ask there.")
    if attempt is None or not hmac.compare_digest(
        given.get("state", "").encode("utf-8", "replace"), attempt.state.encode()
    ):
        raise SignInRefused("This sign-in took too long, or began in another window. Begin again.")
    if given.get("iss", config.issuer).rstrip("/") != config.issuer.rstrip("/"):
        raise SignInRefused("This is the answer of another provider. Begin again.")
    return provider.claims(given["code"], attempt)


def _person(app: App, config: OpenIdConfig, claims: Mapping[str, Any]) -> str:
    """Return whom the claims name; raises `SignInRefused` for nobody."""
    named = claims.get(config.claim)
    if not isinstance(named, str) or not named:
        _logger.warning("the provider's claim %s is missing", config.claim)
        raise SignInRefused("Your organisation did not say who you are. Ask its administrator.")
    is_address = config.claim == "email" and config.verified
    if is_address and claims.get("email_verified") not in (True, "true"):
        raise SignInRefused("Your organisation has not verified your mail address.")
    person = person_named(named, config.names, app.settings.directory)
    if person is None:
        who = wording.visible(named, 80)
        raise SignInRefused(
            f"You signed in as “{who}”, whom HyperSync does not know. Ask its administrator."
        )
    return person.id


def _refusal(app: App, sign_in: SignInConfig, wanted: str, refused: SignInRefused) -> AnyResponse:
    status = 503 if isinstance(refused, ProviderDown) else 403
    page = sign_in_page(sign_in, wanted, error=refused.message)
    return show(app, "web/sign_in.html", page, status)
