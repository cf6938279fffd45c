"""Builds the page to sign in. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from hypersync.access.sessions import ACCOUNT, OPENID
from hypersync.approvals.directory import Person
from hypersync.config.sign_in_models import SignInConfig
from hypersync.messages import wording
from hypersync.messages.pages.sign_in import SessionView, SignInPage, YouPage
from hypersync.ports.store.accounts import Session

MOST_OF_A_NAME = 320
_WAYS = {ACCOUNT: "with a password", OPENID: "by your organisation"}


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


def you_page(
    person: Person,
    sessions: Sequence[Session],
    this: str,
    *,
    has_password: bool,
    error: str = "",
    done: str = "",
) -> YouPage:
    """Return the page of whoever is signed in; ``this`` is the hash of the session they look with.

    Without one they are named by a proxy.
    """
    ways = [_WAYS[each.way] for each in sessions if each.hash == this]
    return YouPage(
        name=wording.visible(person.name, 80),
        email=wording.visible(person.email, 320),
        roles=sorted(person.roles),
        way=ways[0] if ways else "by the proxy of your organisation",
        sessions=[
            SessionView(
                began=wording.moment(each.created_at, person.timezone),
                used=wording.moment(each.seen_at, person.timezone),
                way=_WAYS[each.way],
                is_this=each.hash == this,
            )
            for each in sessions
        ],
        has_password=has_password,
        error=error,
        done=done,
    )
