"""What the page to sign in shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One session of whoever looks; ``is_this`` marks the one they look with."""

    began: str
    used: str
    way: str
    is_this: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class YouPage:
    """Who is signed in, how, what they may do, and where else they are signed in.

    ``way`` says how they came in. ``has_password`` says that they have one to change.
    """

    title: str = "You"
    name: str
    email: str
    roles: Sequence[str]
    way: str
    sessions: Sequence[SessionView] = ()
    has_password: bool = False
    error: str = ""
    done: str = ""
