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


def no_way_in(sign_in: SignInConfig, named: str | None) -> str:
    """Say why there is nothing to fill in, or nothing; ``named`` is who a proxy says it is."""
    if named is not None:
        who = wording.visible(named, 80) or "nobody"
        return (
            f"You came as “{who}”, whom HyperSync does not know. Ask its administrator to add you."
        )
    if sign_in.accounts or sign_in.openid is not None:
        return ""
    return (
        "This address has no sign-in of its own. Come by the address that your organisation uses."
    )
