"""What the page to sign in shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    """The ways to sign in, and what was wrong with the last try.

    ``provider`` is what the button of a provider says, empty without one; ``provider_address`` is
    where it leads. ``next`` is the path to go on to.
    """

    title: str = "Sign in"
    has_accounts: bool = False
    provider: str = ""
    provider_address: str = ""
    next: str = ""
    name: str = ""
    error: str = ""
    note: str = ""
