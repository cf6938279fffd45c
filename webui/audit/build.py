"""Builds the views of the audit trail. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from hypersync.approvals.directory import Directory
from hypersync.audit.state import ChainState
from hypersync.audit.verify import Fault, Late, Verified
from hypersync.insight.events import SHOWN
from hypersync.messages import wording
from hypersync.messages.pages.audit import AboutView, ChainView, EventView, FieldView
from hypersync.ports.store.events import Event, Recorded
from webui.audit.verified import Checked

FIELDS = {
    "kind": "What happened",
    "by": "Who",
    "run": "Run",
    "rule": "Rule",
    "request": "Request",
    "action": "Action",
    "silo": "Silo",
    "since": "From",
    "until": "Before",
}
KINDS = tuple(SHOWN)
_WORDS = {
    "changed": "was changed",
    "missing": "follows a gap",
    "inserted": "was put in",
    "reordered": "was put elsewhere",
    "unknown_key": "cannot be verified",
    "backwards": "has an odd time",
    "unreadable": "was not written by HyperSync",
}
_PAGES = {"run": "/report/runs/{}", "request": "/report/pending?request={}"}


def fields(given: Mapping[str, str]) -> list[FieldView]:
    """Return the fields to filter by, as they are filled in."""
    return [
        FieldView(
            name=name,
            label=label,
            value=wording.visible(given.get(name, ""), 200),
            kind="datetime-local" if name in ("since", "until") else "text",
            choices=KINDS if name == "kind" else (),
        )
        for name, label in FIELDS.items()
    ]


def event_view(recorded: Recorded, directory: Directory, zone: str) -> EventView:
    """Return one event."""
    event = recorded.event
    return EventView(
        number=str(recorded.id),
        at=wording.moment(event.at, zone),
        kind=wording.visible(event.kind.replace("_", " "), 60),
        by="" if event.by is None else wording.visible(directory.name(event.by), 80),
        about=_about(event),
        data=[(wording.visible(name, 40), _text(value)) for name, value in event.data.items()],
        is_sealed=recorded.seal is not None,
    )


def _about(event: Event) -> list[AboutView]:
    found = []
    for name in ("run", "rule", "request", "action", "silo"):
        value = getattr(event, name)
        if value is not None:
            address = _PAGES.get(name, "").format(quote(value, safe=""))
            found.append(AboutView(name, wording.visible(value, 80), address))
    return found


def _text(value: object) -> str:
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value[:10]) or "\N{EN DASH}"
    if isinstance(value, dict):
        return ", ".join(f"{wording.visible(str(k), 40)} {_text(v)}" for k, v in value.items())
    return wording.visible(str(value), 200)


def chain_view(state: ChainState, checked: Checked | None, verify: str, zone: str) -> ChainView:
    """Return the state of the chain; ``checked`` is ``None`` when nothing was verified.

    ``verify`` is where all is verified, empty for whoever cannot have that done.
    """
    found = None if checked is None else checked.found
    return ChainView(
        sentence=_sentence(state, zone),
        verdict="" if found is None else _verdict(found),
        verified=_verified(state, checked, zone),
        is_broken=found is not None and not found.is_intact,
        faults=[] if found is None else [_fault(each) for each in found.faults],
        late=[] if found is None else [_late(each) for each in found.late],
        verify=verify,
    )


def _verified(state: ChainState, checked: Checked | None, zone: str) -> str:
    """Say until where and when it was verified."""
    if checked is None:
        return (
            "It was not verified since these pages started. An administrator can have that done "
            "here, or with hypersync audit verify."
        )
    head = checked.found.head
    when = wording.moment(checked.at, zone)
    said = f"Verified up to event {head.event} on {when}." if head.event else f"Verified on {when}."
    more = state.head.number - head.number
    return f"{said} {wording.counted(more, 'event')} since." if more > 0 else said


def _late(late: Late) -> str:
    which = f"Events {late.first} to {late.last} were"
    if late.first == late.last:
        which = f"Event {late.first} was"
    days = wording.counted(late.by.days, "day")
    return f"{which} sealed late, up to {days} after."


def _sentence(state: ChainState, zone: str) -> str:
    waiting = wording.counted(state.unsealed, "event waits", "events wait")
    if state.head.event is None:
        return f"Nothing is sealed yet; {waiting} for a seal."
    when = "" if state.sealed_at is None else f" on {wording.moment(state.sealed_at, zone)}"
    return f"Sealed up to event {state.head.event}{when}; {waiting} for a seal."


def _verdict(found: Verified) -> str:
    count = wording.counted(found.sealed, "sealed event")
    if found.is_intact:
        return f"The chain is intact: {count} verified."
    places = wording.counted(found.broken, "place")
    return f"The chain is broken in {places}: the first is at event {found.faults[0].event}."


def _fault(fault: Fault) -> str:
    return f"Event {fault.event} {_WORDS[fault.wrong.value]}: {fault.text}."


def query(given: Mapping[str, str], **more: str) -> str:
    """Return the address of the page with these filters."""
    kept = {name: given[name] for name in FIELDS if given.get(name)}
    said = urlencode({**kept, **more})
    return f"/audit?{said}" if said else "/audit"
