"""Renders a page in its frame: the navigation, who is signed in, and what everybody is to know.

A page that is open to whoever has its link tells those without a role nothing but itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, make_response, request

from hypersync.access.visitor import Visitor
from hypersync.app import App
from hypersync.insight.notices import Notice, notices, unlocked
from hypersync.messages import wording
from hypersync.messages.pages.frame import BannerView, FrameView, PlaceView
from webui.addresses import as_written, sign_in_address
from webui.visitors import can_sign_out, visitor

PLACES = (
    ("Dashboard", "/dashboard"),
    ("Waiting", "/report/pending"),
    ("Runs", "/report/runs"),
    ("Rules", "/report/rules"),
    ("Identities", "/identities"),
    ("Audit", "/audit"),
)


def show(
    app: App, template: str, view: object, status: int = 200, *, is_invited: bool = False
) -> Response:
    """Render a page; ``is_invited`` says that a token proved that it may be seen."""
    frame = frame_of(app, is_invited=is_invited)
    return make_response(app.renderer.render(template, view, frame=frame), status)


def part(app: App, template: str, view: object) -> Response:
    """Render a part that replaces one of a page that is open."""
    return make_response(app.renderer.render(template, view, frame=frame_of(app)))


def frame_of(app: App, *, is_invited: bool = False) -> FrameView:
    """Return what stands around a page for whoever looks."""
    known = visitor(app)
    return FrameView(
        places=[_place(label, address) for label, address in PLACES],
        visitor="" if known is None else wording.visible(known.name, 80),
        csrf="" if known is None else known.csrf,
        sign_in=_sign_in(app) if known is None else "",
        can_sign_out=can_sign_out(app),
        banners=_banners(app, known) if known is not None or is_invited else [],
    )


def _sign_in(app: App) -> str:
    """Return where to sign in and come back from; nothing where nobody can."""
    if app.configuration.sign_in is None or request.path.startswith("/sign-in"):
        return ""
    is_page = request.method == "GET" and "HX-Request" not in request.headers
    return sign_in_address(as_written(request.path, request.query_string) if is_page else "")


def bare_frame() -> FrameView:
    """Return a frame that tells nothing and reads nothing, for pages about what failed."""
    return FrameView(places=[_place(label, address) for label, address in PLACES])


def _place(label: str, address: str) -> PlaceView:
    return PlaceView(label, address, is_here=request.path.startswith(address))


def _banners(app: App, known: Visitor | None) -> Sequence[BannerView]:
    """Return what holds now; those without a role are told only what bears on an answer."""
    now = app.clock.now()
    has_sign_in = app.configuration.sign_in is not None
    with app.store.snapshot() as unit:
        if known is None or not known.may("viewer"):
            return [_banner(each) for each in unlocked(unit, app.engine, now)]
        found = notices(unit, app.engine, now, has_sign_in=has_sign_in)
        return [_banner(each) for each in found]


def _banner(notice: Notice) -> BannerView:
    address = f"/report/runs/{notice.run}" if notice.run else ""
    return BannerView(notice.severity.value, wording.visible(notice.text, 500), address)
