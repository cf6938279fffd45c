"""What the command line says of unlock keys, to people and with ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypersync.cli.output import say
from hypersync.pipeline.unlock import in_force

if TYPE_CHECKING:
    from hypersync.app import App
    from hypersync.model.unlock import Claims
    from hypersync.pipeline.unlock import Unlock


def claims_document(claims: Claims | None) -> dict[str, object]:
    """Return what a key says as ``--json`` prints it, all null for one that cannot be read."""
    return {
        "kind": None if claims is None else claims.kind.value,
        "installation": None if claims is None else claims.installation,
        "silo": None if claims is None else claims.silo,
        "reason": None if claims is None else claims.reason,
        "issued_at": None if claims is None else claims.issued_at,
        "ends_at": None if claims is None else claims.ends_at,
    }


def unlock_document(key: Unlock) -> dict[str, object]:
    """Return one key and what it is worth as ``--json`` prints it."""
    stored = key.stored
    return {
        "id": key.id,
        "state": key.state.value,
        **claims_document(key.claims),
        "applied_at": stored.applied_at,
        "applied_by": stored.applied_by,
        "revoked_at": stored.revoked_at,
        "revoked_by": stored.revoked_by,
        "revoked_reason": stored.revoked_reason,
        "problem": key.problem or None,
    }


def unlock_text(key: Unlock) -> str:
    """Return one key on a few lines: what it is worth, for what, who applied it, why not."""
    stored, claims = key.stored, key.claims
    lines = [f"{key.id}  {key.state.value.replace('_', ' ')}"]
    if claims is not None:
        about = f"{claims.kind.value}, {key.until}" if not key.why_not else claims.kind.value
        lines[0] += f"  {claims.silo} ({about}): {claims.reason}"
    if stored.applied_at is not None:
        lines.append(f"  applied by {stored.applied_by} at {stored.applied_at:%Y-%m-%d %H:%M} UTC")
    if stored.revoked_at is not None:
        when = f"{stored.revoked_at:%Y-%m-%d %H:%M} UTC"
        lines.append(f"  revoked by {stored.revoked_by} at {when}: {stored.revoked_reason}")
    elif key.why_not:
        lines.append(f"  {key.why_not}")
    return "\n".join(lines)


def say_unlocks(app: App) -> list[dict[str, object]]:
    """Say on standard error which keys are in force; returns them as ``--json`` prints them."""
    with app.store.snapshot() as unit:
        found = in_force(unit, app.engine.lock, app.clock.now())
    for each in found:
        say(f"UNLOCKED: {each.banner}", err=True)
    return [unlock_document(each) for each in found]
