"""A sample of the page to sign in. Pure."""

from __future__ import annotations

from hypersync.messages.pages.sign_in import SignInPage


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
    }
