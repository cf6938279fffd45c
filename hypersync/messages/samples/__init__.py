"""Sample views for looking at templates and for checking them. Pure; the company is made up."""

from __future__ import annotations

from hypersync.messages.samples import (
    audit,
    dashboard,
    decide,
    frame,
    identities,
    pending,
    rules,
    runs,
    sign_in,
)


def web_pages() -> dict[str, object]:
    """Return a view for each page, by the template's name."""
    found: dict[str, object] = {}
    for part in (audit, dashboard, frame, sign_in, decide, pending, runs, rules, identities):
        found |= part.views()
    return found
