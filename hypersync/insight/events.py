"""Asks the audit trail: events by what they say, a page at a time.

Who was asked, and where a request went next, says who may approve. So whoever may not know that is
shown only what is listed here for each kind of event; another kind, or something new that an event
says, stays hidden until it is listed. Keys that are listed nowhere are not even named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hypersync.model.secrecy import Hidden
from hypersync.ports.store import Store
from hypersync.ports.store.events import EventFilter, Recorded

_KEY: Final = frozenset({"unlock", "kind", "reason", "ends_at"})
SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "account_add": frozenset({"person"}),
    "account_disable": frozenset({"person"}),
    "account_enable": frozenset({"person"}),
    "account_password": frozenset({"person"}),
    "account_remove": frozenset({"person"}),
    "acknowledge": frozenset({"until", "proof"}),
    "action_failed": frozenset({"error"}),
    "approve": frozenset({"count", "waiting", "proof"}),
    "audit_broken": frozenset({"problem"}),
    "circuit_closed": frozenset(),
    "circuit_opened": frozenset({"failures", "because", "pauses"}),
    "delivery_failed": frozenset({"then", "previous", "current"}),
    "deny": frozenset({"count", "waiting", "proof"}),
    "limit_raised": frozenset({"limit", "reason"}),
    "pause": frozenset({"reason"}),
    "plan_applied": frozenset({"hash", "signed_by"}),
    "request": frozenset({"about", "count"}),
    "request_expire": frozenset({"reason", "cleared", "default_approved", "refused"}),
    "request_forward": frozenset({"previous", "current"}),
    "resume": frozenset(),
    "rule_changed": frozenset({"people"}),
    "rule_previewed": frozenset({"people"}),
    "run_failed": frozenset(),
    "run_finished": frozenset(),
    "scan_suspended": frozenset({"count"}),
    "sign_in": frozenset({"way"}),
    "sign_out": frozenset({"everywhere", "sessions"}),
    "template_failed": frozenset({"reason"}),
    "threshold_tripped": frozenset({"count"}),
    "token_created": frozenset({"token", "person"}),
    "token_revoked": frozenset({"token", "person"}),
    "undo": frozenset({"undoes", "left"}),
    "unlock_applied": _KEY,
    "unlock_expired": _KEY,
    "unlock_revoked": _KEY,
    "unlock_used": frozenset({"unlock", "limit"}),
    "void": frozenset({"superseded_by"}),
}
"""What an event of each kind says to those who may not know who approves."""
OF_APPROVERS: Final = frozenset(
    {"told", "problem", "destination", "from", "to", "skipped", "address", "reason", "scopes"}
)
"""What is named to them where it is hidden."""
OTHERS: Final = "others"
HIDDEN: Final = "(not shown)"


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first; ``older`` is the key to go on before, ``None`` at the end."""

    events: Sequence[Recorded]
    older: int | None


def find_events(
    store: Store,
    wanted: EventFilter,
    *,
    limit: int,
    hidden: Hidden,
    before: int | None = None,
    shows_approvers: bool = False,
) -> EventPage:
    """Return a page of events; errors of rules that read something hidden are shown to nobody."""
    with store.snapshot() as unit:
        found = unit.events.find(wanted, limit=limit + 1, before=before)
    told = [_without_errors(each, hidden) for each in found[:limit]]
    shown = [each if shows_approvers else _without_approvers(each) for each in told]
    return EventPage(shown, shown[-1].id if len(found) > limit else None)


def _without_errors(recorded: Recorded, hidden: Hidden) -> Recorded:
    event = recorded.event
    if event.rule is None or "error" not in event.data or hidden.is_open(event.rule):
        return recorded
    return replace(recorded, event=replace(event, data={**event.data, "error": HIDDEN}))


def _without_approvers(recorded: Recorded) -> Recorded:
    event = recorded.event
    shown = SHOWN.get(event.kind, frozenset())
    kept = {
        name if name in shown | OF_APPROVERS else OTHERS: value if name in shown else HIDDEN
        for name, value in event.data.items()
    }
    return replace(recorded, event=replace(event, data=kept))
