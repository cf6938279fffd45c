"""Where the pages of identities are. Pure; values of silos are never in an address."""

from __future__ import annotations

from datetime import UTC, datetime

from hypersync.insight.portrait import Origin
from hypersync.model.ids import IdentityId

START = "/identities"


def of_identity(identity: IdentityId) -> str:
    """Return the page of an identity."""
    return f"{START}/{identity}"


def of_past(identity: IdentityId, at: datetime | None = None) -> str:
    """Return the page of an identity as it was, right after a change or now."""
    if at is None:
        return f"{START}/{identity}/past"
    return f"{START}/{identity}/past?at={at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


def of_run(run: str | None) -> str:
    """Return the page of a run, empty for none."""
    return f"/report/runs/{run}" if run else ""


def of_origin(origin: Origin | None) -> str:
    """Return the page of the run whose action wrote something; scans have no page."""
    action = None if origin is None else origin.action
    return "" if action is None else of_run(action.released_by or action.run)
