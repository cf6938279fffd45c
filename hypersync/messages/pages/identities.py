"""What the pages of identities show: the search, one identity, and how it was. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypersync.messages.rows import ChangeView, RowView


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundView:
    """One identity that was found, and by what."""

    name: str
    address: str
    objects: Sequence[str]
    by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """The search, and what it found; ``more`` is where it goes on, ``notes`` how far it went."""

    title: str
    typed: str
    is_asked: bool
    found: Sequence[FoundView]
    notes: Sequence[str]
    more: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A box of a graph; ``kind`` is identity, object, away or other."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    name: str
    text: str
    address: str


@dataclass(frozen=True, slots=True)
class EdgeView:
    """A line between two boxes, and the word that stands on it."""

    path: str
    word: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class GroupView:
    """The name of a silo over its objects."""

    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphView:
    """An identity with its objects and what they are tied to; ``lines`` say the same in words."""

    width: float
    height: float
    text: str
    nodes: Sequence[NodeView]
    edges: Sequence[EdgeView]
    groups: Sequence[GroupView]
    lines: Sequence[tuple[str, str, str]]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeView:
    """One attribute, who wrote it, and where to read more about that."""

    name: str
    value: str
    is_hidden: bool
    origin: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectView:
    """One object of an identity."""

    id: str
    title: str
    state: str
    facts: Sequence[tuple[str, str]]
    attributes: Sequence[AttributeView]
    members: Sequence[tuple[str, str]]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryView:
    """One change in the past; ``then`` is the address of the page as it was right after."""

    when: str
    where: str
    origin: str
    address: str
    then: str
    changes: Sequence[ChangeView]
    absence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """One rule, or VIP rule, for an identity: what it says and why."""

    name: str
    result: str
    notes: Sequence[str]
    values: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutView:
    """One action about an identity."""

    row: RowView
    rule: str
    state: str
    when: str
    decided: str
    error: str
    run: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPage:
    """One identity; ``sync`` is where a preview for it alone is ordered, empty where it cannot."""

    title: str
    address: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    graph: GraphView
    objects: Sequence[ObjectView]
    history: Sequence[HistoryView]
    has_more_history: bool
    vips: Sequence[RuleView]
    rules: Sequence[RuleView]
    actions: Sequence[AboutView]
    has_more_actions: bool
    sync: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThenView:
    """One attribute then and now; ``how`` says in a word how it differed, empty when it did not."""

    name: str
    then: str
    now: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectThenView:
    """One object as it was."""

    title: str
    state: str
    is_there: bool
    differs: bool
    lines: Sequence[ThenView]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPage:
    """An identity at a moment; ``moments`` are those the slider stops at, in words.

    ``at`` is the moment as a date field writes it, ``zone`` whose clocks that are. ``earlier`` and
    ``later`` are addresses, empty at the ends.
    """

    title: str
    address: str
    identity: str
    when: str
    at: str
    zone: str
    moments: Sequence[str]
    place: int
    earlier: str
    later: str
    summary: str
    objects: Sequence[ObjectThenView]
