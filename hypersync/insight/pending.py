"""What waits for a decision, as people look through it: found, cut into pages, and who may answer.

A request may ask about thousands of actions. Only those of the page are read whole; of the others
what an answer binds to, so that "all of it" stands for exactly the list that was looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypersync.approvals.invite import objection
from hypersync.approvals.links import list_digest
from hypersync.approvals.settings import Settings
from hypersync.approvals.subject import digest_of_slips
from hypersync.insight.hidden import Hidden
from hypersync.model.actions import Action
from hypersync.model.causes import Cluster, waiting_in
from hypersync.model.ids import RequestId
from hypersync.model.requests import Request, RequestKind, RequestState
from hypersync.ports.store import Store, UnitOfWork
from hypersync.ports.store.waiting import Choices, Slip, Sought

ROWS = 100
"""How many actions of one request a page shows."""

FEWEST_ROWS = 5
"""How many actions of each request are shown where many requests share a page."""

REQUESTS = 20
"""How many requests a page shows."""

SOON = timedelta(hours=4)
"""What ends within this time is said to end soon."""

OPEN = (RequestState.OPEN, RequestState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What somebody looks for; ``sought`` is about actions, the rest about their requests.

    ``page`` counts from 1: pages of requests, or of the actions of the one ``request``.
    """

    sought: Sought = field(default_factory=Sought)
    kind: RequestKind | None = None
    is_mine: bool = False
    is_soon: bool = False
    request: RequestId | None = None
    page: int = 1

    def at(self, now: datetime) -> Sought:
        """Return which actions are looked for at a time."""
        return replace(self.sought, ends_before=now + SOON) if self.is_soon else self.sought

    @property
    def is_about_actions(self) -> bool:
        """Whether only some of the actions of a request are looked for."""
        return self.is_soon or replace(self.sought, requests=None) != Sought()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One request of a page with some of its actions.

    ``waiting`` counts what can be decided, ``found`` what of it is looked for and ``first`` what of
    that comes before ``actions``. ``digest`` stands for all that waits and ``digests`` for what
    waits of each cluster. ``why_not`` says why whoever looks may not decide, and is empty when they
    may or when it is not known who they are.
    """

    request: Request
    actions: Sequence[Action]
    first: int
    found: int
    waiting: int
    clusters: Sequence[Cluster]
    digest: str
    digests: dict[str, str]
    why_not: str = ""

    @property
    def rest(self) -> int:
        """How many come after those that are shown."""
        return self.found - self.first - len(self.actions)


@dataclass(frozen=True, slots=True)
class Seen:
    """How far somebody has seen what waits: so many, up to a place in line and up to a time."""

    count: int
    place: int
    requests: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """One page of what waits.

    ``requests`` counts all that are found, ``others`` are actions that no open request asks about.
    """

    listed: Sequence[Listed]
    requests: int
    actions: int
    others: Sequence[Action]
    others_found: int
    choices: Choices
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who looks, when: a person, or ``None`` for somebody who only looks."""

    person: str | None
    now: datetime
    settings: Settings
    hidden: Hidden


def look(store: Store, search: Search, by: By) -> Pending:
    """Return a page of what is looked for; what is hidden is neither shown nor found."""
    with store.snapshot() as unit:
        return _Look(unit, search, by).page()


def listed_again(
    store: Store, requests: Sequence[RequestId], search: Search, by: By
) -> Sequence[Listed]:
    """Return these requests as they are now, where they are still open and found."""
    with store.snapshot() as unit:
        looking = _Look(unit, search, by)
        chosen = [each for each in looking.found if each.id in set(requests)]
        return [looking.listed(each, FEWEST_ROWS) for each in chosen]


class _Look:
    """One look at what waits, in one transaction."""

    def __init__(self, unit: UnitOfWork, search: Search, by: By) -> None:
        self._unit = unit
        self._search = search
        self._by = by
        self._now = by.now
        self._sought = _sought(unit, search, by)
        self._open = unit.requests.open()
        self._counts = unit.waiting.counts(self._sought, by.now)
        self.found = [each for each in self._open if self._is_found(each)]

    def page(self) -> Pending:
        """Return the page."""
        one = self._search.request is not None
        first = 0 if one else (self._search.page - 1) * REQUESTS
        shown = self.found[first : first + REQUESTS]
        rows = ROWS if len(shown) < 2 else max(FEWEST_ROWS, ROWS // len(shown))
        others, others_found = ([], 0) if one else self._others()
        return Pending(
            listed=[self.listed(each, rows) for each in shown],
            requests=len(self.found),
            actions=sum(self._counts.get(each.id, 0) for each in self.found),
            others=others,
            others_found=others_found,
            choices=self._unit.waiting.choices(self._now),
            seen=_seen(self._unit, self._search, self._sought, self._now),
        )

    def listed(self, request: Request, rows: int) -> Listed:
        """Return one request with some of its actions."""
        slips = self._unit.waiting.slips(request.id, self._now)
        clusters = waiting_in(request.clusters, (slip.cluster for slip in slips))
        first = (self._search.page - 1) * ROWS if self._search.request is not None else 0
        actions = self._unit.waiting.page(
            replace(self._sought, requests=(request.id,)),
            self._now,
            clusters=[each.key for each in clusters],
            first=first,
            limit=rows,
        )
        return Listed(
            request=request,
            actions=[self._by.hidden.of_action(each) for each in actions],
            first=first,
            found=self._counts.get(request.id, 0),
            waiting=len(slips),
            clusters=clusters,
            digest=digest_of_slips(request, slips),
            digests={
                each.key: list_digest(_pairs(slip for slip in slips if slip.cluster == each.key))
                for each in clusters
            },
            why_not=self._why_not(request, slips),
        )

    def _why_not(self, request: Request, about: Sequence[Slip] = ()) -> str:
        by = self._by
        if by.person is None:
            return ""
        return objection(self._unit, request, by.person, by.settings, about)

    def _is_found(self, request: Request) -> bool:
        search = self._search
        if search.request is not None and request.id != search.request:
            return False
        if search.kind is not None and request.kind is not search.kind:
            return False
        if search.is_about_actions and not self._has_actions_found(request):
            return False
        return not search.is_mine or (self._by.person is not None and not self._why_not(request))

    def _has_actions_found(self, request: Request) -> bool:
        """Tell whether something of a request is looked for, or itself where it has no actions."""
        if request.kind is not RequestKind.SCAN:
            return self._counts.get(request.id, 0) > 0
        sought = self._sought
        wants_actions = sought.rule or sought.operation or sought.is_vip or sought.cluster
        if wants_actions or sought.silo not in (None, request.silo):
            return False
        if self._search.is_soon:
            return False  # a scan waits as long as it takes
        text = f"{request.sentence} {request.detail.get('missing', '')}".casefold()
        return all(word.casefold() in text for word in sought.words)

    def _others(self) -> tuple[Sequence[Action], int]:
        """Return what no open request asks about, and how much of it there is."""
        known = {each.id for each in self._open}
        count = sum(each for request, each in self._counts.items() if request not in known)
        if not count or self._search.kind is not None or self._search.is_mine:
            return [], 0
        all_of_it = self._unit.waiting.each(self._sought, self._now)
        found = (each for each in all_of_it if each.request not in known)
        shown = [
            self._by.hidden.of_action(each) for each, _ in zip(found, range(ROWS), strict=False)
        ]
        return shown, count


def _pairs(slips: Sequence[Slip] | Iterator[Slip]) -> Iterator[tuple[str, str]]:
    return ((slip.id, slip.fingerprint) for slip in slips)


def _sought(unit: UnitOfWork, search: Search, by: By) -> Sought:
    """Return which actions are looked for; what is hidden is not found by its value."""
    sought = search.at(by.now)
    if not sought.words:
        return sought
    names = unit.waiting.attributes(by.now)
    return replace(sought, unread=frozenset(each[2] for each in names if by.hidden.hides(*each)))


def _seen(unit: UnitOfWork, search: Search, sought: Sought, now: datetime) -> Seen:
    """Return how far somebody has seen what waits who sees a page now."""
    newest = unit.waiting.newest(_of_request(search, sought), now)
    return Seen(newest.count, newest.place, len(_scans(unit, search)), now)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened since somebody looked.

    ``new`` and ``gone`` count actions and scans since the page was opened. ``opened`` are requests
    that came and ``ended`` actions that were decided or ended since the last time it was asked.
    """

    new: int
    gone: int
    opened: Sequence[RequestId]
    changed: Sequence[RequestId]
    ended: Sequence[Action]


MOST_ENDED = 500
"""How many decisions one piece of news tells one by one."""


def news(store: Store, search: Search, base: Seen, last: datetime, by: By) -> News:
    """Return what happened to what is looked for since somebody opened the page."""
    now = by.now
    with store.snapshot() as unit:
        sought = _of_request(search, _sought(unit, search, by))
        here = unit.waiting.newest(sought, now).count
        new = unit.waiting.newest(sought, now, after=base.place).count
        scans = _scans(unit, search)
        fresh = sum(each.opened_at > base.at for each in scans)
        requests = unit.requests.open()
        asked = {each.id for each in (*requests, *unit.requests.closed(last))}
        if search.request is not None:
            asked &= {search.request}
        ended = unit.waiting.ended(asked, last, MOST_ENDED)
    return News(
        new=new + fresh,
        gone=max(base.count + new - here, 0) + max(base.requests + fresh - len(scans), 0),
        opened=[each.id for each in requests if each.opened_at > last],
        changed=sorted({each.request for each in ended if each.request is not None}),
        ended=ended,
    )


def _of_request(search: Search, sought: Sought) -> Sought:
    """Return which actions a page is about, whatever else is looked for on it."""
    return sought if search.request is None else replace(sought, requests=(search.request,))


def _scans(unit: UnitOfWork, search: Search) -> list[Request]:
    """Return the open questions about scans, where those are looked for."""
    if search.is_about_actions or search.kind not in (None, RequestKind.SCAN):
        return []
    wanted = search.request
    return [
        each
        for each in unit.requests.open()
        if each.kind is RequestKind.SCAN and wanted in (None, each.id)
    ]


# --- taking it along ---------------------------------------------------------------------------


def every(store: Store, search: Search, by: By) -> Iterator[Action]:
    """Yield all actions that are looked for, one after the other, in one look at the store."""
    with store.snapshot() as unit:
        looking = _Look(unit, search, by)
        found = {each.id for each in looking.found}
        is_all = search.kind is None and not search.is_mine and search.request is None
        known = {each.id for each in unit.requests.open()}
        sought = _of_request(search, _sought(unit, search, by))
        for action in unit.waiting.each(sought, by.now):
            if action.request in found or (is_all and action.request not in known):
                yield by.hidden.of_action(action)
