"""All tables. A change here needs a migration in ``migrations/versions`` (a test compares them).

Keys: ``object`` and ``identity`` have integer keys, because they are read in order by the million;
runs, actions and requests have public random ids. State changes are guarded UPDATEs elsewhere; the
partial unique index on open action keys is what makes "one open action per key" true.
"""

from __future__ import annotations

from hypersync.store.tables.actions import action, execution_mark, hold, quota, undo_hold
from hypersync.store.tables.approvals import decision, delivery, request, token
from hypersync.store.tables.base import metadata
from hypersync.store.tables.identities import (
    awaited_reference,
    identity,
    object_,
    object_change,
    pending_identity,
    reference,
    reservation,
)
from hypersync.store.tables.installation import event, installation
from hypersync.store.tables.people import account, api_token, idempotency_key, session
from hypersync.store.tables.rules import rule_preview, rule_publication
from hypersync.store.tables.runs import lease, run, run_error, schedule_run, verdict_row
from hypersync.store.tables.silos import (
    circuit,
    population,
    scan,
    scan_change,
    silo,
    silo_type,
    stream,
    unlock_key,
)

__all__ = [
    "account",
    "action",
    "api_token",
    "awaited_reference",
    "circuit",
    "decision",
    "delivery",
    "event",
    "execution_mark",
    "hold",
    "idempotency_key",
    "identity",
    "installation",
    "lease",
    "metadata",
    "object_",
    "object_change",
    "pending_identity",
    "population",
    "quota",
    "reference",
    "request",
    "reservation",
    "rule_preview",
    "rule_publication",
    "run",
    "run_error",
    "scan",
    "scan_change",
    "schedule_run",
    "session",
    "silo",
    "silo_type",
    "stream",
    "token",
    "undo_hold",
    "unlock_key",
    "verdict_row",
]
