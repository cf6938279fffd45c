"""What every page shows around its own content, and the page of one sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlaceView:
    """One entry of the navigation; ``is_here`` marks the part of the site that is open."""

    label: str
    address: str
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class BannerView:
    """What everybody is to know at the moment.

    ``severity`` is bad, warning or note; ``address`` is where to read more, empty for nowhere.
    """

    severity: str
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameView:
    """Where one can go, who is signed in, and what everybody is to know.

    ``visitor`` is empty for nobody. ``csrf`` goes into every form that is sent in a session.
    ``sign_in`` is where nobody becomes somebody, empty where that is not possible.
    ``banners`` say what holds at the moment, such as unlock keys in force.
    """

    places: Sequence[PlaceView] = ()
    visitor: str = ""
    csrf: str = ""
    sign_in: str = ""
    can_sign_out: bool = False
    banners: Sequence[BannerView] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """One sentence."""

    title: str
    message: str
