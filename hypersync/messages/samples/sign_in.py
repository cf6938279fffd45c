"""A sample of the page to sign in. Pure."""

from __future__ import annotations

from hypersync.messages.pages.sign_in import SessionView, SignInPage, YouPage


def views() -> dict[str, object]:
    """Return a view for each template."""
    return {
        "sign_in": SignInPage(
            has_accounts=True,
            provider="Sign in with your organisation",
            provider_address="/sign-in/openid?next=/report/runs",
            next="/report/runs",
            name="ann",
            error="The name or the password is wrong.",
        ),
        "you": YouPage(
            name="Ann Ng",
            email="ann@example.org",
            roles=["approver"],
            way="with a password",
            sessions=[
                SessionView(
                    began="Mon 2 Mar 2026, 07:58 CET",
                    used="Mon 2 Mar 2026, 08:12 CET",
                    way="with a password",
                    is_this=True,
                ),
                SessionView(
                    began="Sun 1 Mar 2026, 21:40 CET",
                    used="Sun 1 Mar 2026, 21:44 CET",
                    way="by your organisation",
                    is_this=False,
                ),
            ],
            has_password=True,
        ),
    }
