"""Builds the page to sign in. Pure."""

from __future__ import annotations

from urllib.parse import quote

from hypersync.config.sign_in_models import SignInConfig
from hypersync.messages import wording
from hypersync.messages.pages.sign_in import SignInPage

MOST_OF_A_NAME = 320


def sign_in_page(
    sign_in: SignInConfig, wanted: str, *, name: str = "", error: str = "", note: str = ""
) -> SignInPage:
    """Return the page to sign in and go on to the path that was wanted."""
    openid = sign_in.openid
    return SignInPage(
        has_accounts=sign_in.accounts,
        provider="" if openid is None else wording.visible(openid.label, 80),
        provider_address=f"/sign-in/openid?next={quote(wanted, safe='/')}",
        next=wanted,
        name=wording.visible(name, MOST_OF_A_NAME),
        error=error,
        note=note,
    )
