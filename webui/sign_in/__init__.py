"""The pages to sign in and out. A session is begun anew at each sign-in."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from hypersync.access.accounts import check_password
from hypersync.access.passwords import Passwords
from hypersync.access.sessions import (
    ACCOUNT,
    end_session,
    end_sessions,
)
from hypersync.app import App
from hypersync.config.sign_in_models import SignInConfig
from hypersync.errors import SignInRefused
from webui.addresses import own_path
from webui.cookies import drop, session_secret
from webui.frame import show
from webui.sign_in import openid, you
from webui.sign_in.build import no_way_in, sign_in_page
from webui.sign_in.limits import limited
from webui.sign_in.welcome import PASSWORDS, welcome
from webui.visitors import named_by_proxy, visitor


def blueprint(app: App) -> Blueprint:
    """Return the pages to sign in and out; without a sign-in there are none."""
    pages = Blueprint("sign_in", __name__)
    if app.configuration.sign_in is not None:
        _add_pages(pages, app, app.configuration.sign_in)
    return pages


def _add_pages(pages: Blueprint, app: App, sign_in: SignInConfig) -> None:
    if sign_in.accounts:
        pages.record_once(lambda state: state.app.extensions.update({PASSWORDS: Passwords()}))

    @pages.get("/sign-in")
    def ask() -> AnyResponse:
        wanted = own_path(request.args.get("next", ""))
        if visitor(app) is not None:
            return redirect(wanted, 302)
        page = sign_in_page(sign_in, wanted, note=no_way_in(sign_in, named_by_proxy(app)))
        return show(app, "web/sign_in.html", page)

    def enter() -> AnyResponse:
        if not sign_in.accounts:
            raise NotFound
        return _enter(app, sign_in, current_app.extensions[PASSWORDS])

    @pages.post("/sign-out")
    def leave() -> AnyResponse:
        return _leave(app)

    limit = limited(app, pages)
    pages.add_url_rule("/sign-in", view_func=limit(enter), methods=["POST"])
    you.add_pages(pages, app, sign_in, limit)
    if sign_in.openid is not None:
        openid.add_pages(pages, app, sign_in, sign_in.openid)


def _enter(app: App, sign_in: SignInConfig, passwords: Passwords) -> AnyResponse:
    form = request.form
    wanted, name = own_path(form.get("next", "")), form.get("name", "")
    try:
        person = check_password(
            app.store,
            name,
            form.get("password", ""),
            directory=app.settings.directory,
            passwords=passwords,
        )
    except SignInRefused as refused:
        page = sign_in_page(sign_in, wanted, name=name, error=refused.message)
        return show(app, "web/sign_in.html", page, 403)
    return welcome(app, sign_in, person, ACCOUNT, wanted)


def _leave(app: App) -> AnyResponse:
    """End the session, or with ``everywhere`` every one of whoever is in it."""
    known, secret = visitor(app), session_secret(app)
    if request.form.get("everywhere") and known is not None and known.person is not None:
        end_sessions(app.store, known.person, now=app.clock.now())
    elif secret:
        end_session(app.store, secret, now=app.clock.now())
    response = redirect("/sign-in", 303)
    drop(app, response)
    return response
