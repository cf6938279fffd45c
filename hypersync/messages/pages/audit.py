"""What the page of the audit trail shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One field to filter by; ``kind`` is the type of its input."""

    name: str
    label: str
    value: str
    kind: str = "text"
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AboutView:
    """What an event is about: a name, what it is, and where it is shown, if anywhere."""

    name: str
    value: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One event."""

    number: str
    at: str
    kind: str
    by: str
    about: Sequence[AboutView]
    data: Sequence[tuple[str, str]]
    is_sealed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """The state of the hash chain in words.

    ``verdict`` is empty when it was not verified, ``verified`` says until where it was. ``late``
    are events that were sealed long after they happened. ``verify`` is where every seal is
    verified, empty for whoever may not have that done.
    """

    sentence: str
    verdict: str
    verified: str
    is_broken: bool
    faults: Sequence[str]
    late: Sequence[str]
    verify: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """The events that fit, newest first; ``older`` is the address of the next page."""

    title: str
    chain: ChainView
    fields: Sequence[FieldView]
    is_filtered: bool
    events: Sequence[EventView]
    older: str
    error: str
