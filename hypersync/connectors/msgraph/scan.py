"""One pass over one type: everything, or what changed since a cursor.

Both are delta queries (https://learn.microsoft.com/graph/delta-query-overview): without a token the
first round tells everything, with one it tells what changed. A round ends with a deltaLink or it
failed; pages in between may be empty. The cursor holds that link as it came, and the scope, since
the link carries what is selected.

A type with a filter cannot be followed by deltas. Its objects are listed, as an advanced query
(``ConsistencyLevel: eventual`` with ``$count``), and there have to be as many as Graph counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from hypersync.connectors.msgraph.answers import Answer, NotGraph
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.pages import Page, page_of
from hypersync.connectors.msgraph.parts import Kept, Parted
from hypersync.connectors.msgraph.properties import MEMBERS
from hypersync.connectors.msgraph.read import Found, HiddenMembers, listed, read_all
from hypersync.connectors.msgraph.requests import Lost
from hypersync.connectors.msgraph.rounds import Items, Whole, read_again
from hypersync.connectors.msgraph.values import REMOVED
from hypersync.connectors.msgraph.wire import Wire
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import (
    Batch,
    Changed,
    Complete,
    Deleted,
    DeletionKind,
)

_ADVANCED: Final = {"ConsistencyLevel": "eventual"}
_GROUPS_AT_ONCE: Final = 100
"""How many items of groups a page has: each may bring a thousand members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a delta goes on; ``left`` are deletions that a full scan could not report any more."""

    link: str
    scope: str
    left: dict[str, str] = field(default_factory=dict)

    def written(self) -> str:
        """Return it as text."""
        told = {"link": self.link, "scope": self.scope, "left": self.left}
        return orjson.dumps(told).decode()

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Read it; raises `CursorLost`."""
        try:
            told = orjson.loads(text)
            link, scope, left = told["link"], told["scope"], told["left"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise CursorLost from error
        if not (isinstance(link, str) and isinstance(scope, str) and isinstance(left, dict)):
            raise CursorLost
        return cls(link=link, scope=scope, left=left)


class Scan:
    """One pass over one type."""

    def __init__(self, place: Place, wire: Wire, scope: str, page_size: int) -> None:
        self._place = place
        self._wire = wire
        self._scope = scope
        is_parted = MEMBERS in place.references
        at_once = min(page_size, _GROUPS_AT_ONCE) if is_parted else page_size
        self._prefer = {"Prefer": f"odata.maxpagesize={at_once}"}
        self._size = page_size
        self._items = Items(place, sees_hidden=wire.sees_hidden)
        self._type = place.kind.name
        self._end = ""
        self._is_anybody = self._is_key_known = self._has_begun = False

    # --- full ----------------------------------------------------------------------------------

    def full(self) -> Iterator[Batch]:
        """Report every object of the type."""
        with self._broken_fails():
            if self._place.filter is not None:
                yield from self._listed()
                return
            with Kept() as kept:
                told = self._telling(kept)
                for page in self._round(self._first):
                    self._notice(page.items)
                    if batch := told.take(page.items, is_flat=page.is_flat):
                        yield batch
                yield from told.rest()
            self._check_key()
            yield [Complete(self._cursor(told.left))]

    def sample(self) -> tuple[Batch, bool]:
        """Report what the first page tells, of groups a part perhaps, and whether that is all."""
        with self._broken_fails(), Kept() as kept:
            told = self._telling(kept)
            page = self._page(self._wire.start(self._first, self._prefer), is_delta=False)
            batch = told.take(page.items, is_flat=page.is_flat)
            return [*batch, *(event for more in told.rest() for event in more)], page.next is None

    @property
    def _first(self) -> str:
        """Where a first round begins."""
        query = {"$select": ",".join((*self._place.selected, *self._place.references))}
        return self._wire.address(f"/{self._place.resource.name}/delta", query)

    def _telling(self, kept: Kept) -> Parted | Whole:
        """Return what takes in a first round; ``kept`` is where parts of groups lie meanwhile."""
        if MEMBERS in self._place.references:
            return Parted(self._items, self._read, kept)
        return Whole(self._items, self._read)

    def _cursor(self, left: dict[str, str]) -> str:
        return Cursor(link=self._end, scope=self._scope, left=left).written()

    def _listed(self) -> Iterator[Batch]:
        query = {
            "$select": ",".join(self._place.selected),
            "$filter": self._place.filter or "",
            "$count": "true",
            "$top": str(self._size),
        }
        link: str | None = self._wire.address(f"/{self._place.resource.name}", query)
        used: set[str] = set()
        met: set[str] = set()
        counted = 0
        while link is not None:
            _use(link, used)
            page = self._page(self._wire.start(link, _ADVANCED), is_delta=False)
            if page.count is None and len(used) == 1:
                raise ScanFailed("Graph did not count what it lists; it may be incomplete")
            counted = max(counted, page.count or 0)
            self._notice(page.items)
            items = [each for each in page.items if isinstance(each, dict) and each.get("id")]
            fresh = [each for each in items if each["id"] not in met]
            met.update(str(each["id"]) for each in items)
            if fresh:
                yield [*listed(self._wire, self._place, fresh)]
            link = page.next
        if len(met) < counted:
            raise ScanFailed(f"Graph counts {counted} objects and listed {len(met)}; scan it again")
        self._check_key()
        yield [Complete(None)]

    def _notice(self, items: Sequence[Any]) -> None:
        """Note whether anybody comes with the name that all of them have."""
        if not self._is_key_known:
            there = [each for each in items if isinstance(each, dict) and REMOVED not in each]
            self._is_anybody = self._is_anybody or bool(there)
            self._is_key_known = any(each.get(self._place.resource.key) for each in there)

    def _check_key(self) -> None:
        """Fail when nobody has it: what an application may not read comes as if it were empty."""
        resource = self._place.resource
        if resource.key in self._place.names and self._is_anybody and not self._is_key_known:
            raise ScanFailed(
                f"Graph gives no {resource.key} of any of the {resource.name}, which all of them "
                f"have; grant the application the permission {resource.reading[0]}"
            )

    # --- delta ---------------------------------------------------------------------------------

    def delta(self, text: str, told: Callable[[Changed | Deleted], None]) -> Iterator[Batch]:
        """Report what changed since a cursor; ``told`` is called before an object is reported."""
        cursor = Cursor.read(text)
        if cursor.scope != self._scope or self._place.filter is not None:
            raise CursorLost("what is read has changed; it is scanned in full")
        gone = {anchor: DeletionKind(kind) for anchor, kind in cursor.left.items()}
        there: set[str] = set()
        with self._broken_fails():
            if gone:
                yield [Deleted(self._type, anchor, kind) for anchor, kind in gone.items()]
            for page in self._round(cursor.link, is_delta=True):
                events: Batch = [self._items.event(item) for item in page.items]
                for event in events:
                    if isinstance(event, Changed):
                        there.add(event.anchor)
                        told(event)
                    elif isinstance(event, Deleted):
                        gone[event.anchor] = event.kind
                        told(event)
                if events:
                    yield events
            yield from self._both({each: gone[each] for each in gone if each in there})
            yield [Complete(self._cursor({}))]

    def _both(self, gone: Mapping[str, DeletionKind]) -> Iterator[Batch]:
        """Report what the round told of and removed, in whatever order, as a read finds it."""
        for there, missing in read_again(self._items, self._read, list(gone)):
            yield [*there, *(Deleted(self._type, each, gone[each]) for each in missing)]

    def _read(self, anchors: Sequence[str]) -> Mapping[str, Found | HiddenMembers | None]:
        return read_all(self._wire, self._place, anchors)

    # --- pages ---------------------------------------------------------------------------------

    def _round(self, link: str, *, is_delta: bool = False) -> Iterator[Page]:
        """Read the pages of a round; the next one is asked for while this one is worked on."""
        used: set[str] = set()
        _use(link, used)
        future = self._wire.start(link, self._prefer)
        try:
            while True:
                page = self._page(future, is_delta=is_delta)
                if page.next is not None:
                    if page.delta is not None:
                        raise ScanFailed("a page has no clear end: its links contradict each other")
                    _use(page.next, used)
                    future = self._wire.start(page.next, self._prefer)
                yield page
                if page.next is None:
                    if page.delta is None:
                        raise ScanFailed(
                            "the pages ended without a delta link; something is missing"
                        )
                    self._end = self._wire.checked(page.delta)
                    return
        finally:
            future.cancel()

    def _page(self, future: Future[Answer], *, is_delta: bool) -> Page:
        answer = future.result()
        if answer.is_expired_token:
            if is_delta:
                raise CursorLost(f"the delta token is of no use any more: {answer.sentence}")
            raise ScanFailed(f"the service asks to begin again: {answer.sentence}")
        self._wire.believe(answer)
        page = page_of(answer)
        self._has_begun = True
        return page

    @contextmanager
    def _broken_fails(self) -> Iterator[None]:
        """Let everything that breaks a stream fail the scan."""
        try:
            yield
        except Lost as error:
            why = self._wire.unanswered(error)
            gone = f"Graph went away in the middle of the scan: {why}"
            raise ScanFailed(gone if self._has_begun else why) from error
        except NotGraph as error:
            raise ScanFailed(f"a page is not Graph's: {error}") from error
        except (SiloRefused, SiloUnreachable) as error:
            raise ScanFailed(error.message) from error
        except OSError as error:
            why = error.strerror or str(error)
            raise ScanFailed(
                f"there is no room for what Graph tells of its groups: {why}"
            ) from error


def _use(link: str, used: set[str]) -> None:
    """Note the link to a page, so that a loop of pages ends; raises `ScanFailed`."""
    if link in used:
        raise ScanFailed("the pages never end: one of them leads back to another")
    used.add(link)
