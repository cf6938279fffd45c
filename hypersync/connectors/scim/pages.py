"""Reads a list of a SCIM service page by page, and believes it only when nothing can be missing.

Pages by index (RFC 7644, section 3.4.2.4) move when objects come and go while they are read. So
each page begins with the last object of the one before: as long as that stands where it stood,
nothing before it has gone and nothing was skipped. What does not fit (another total, an object
twice, none where there should be some) begins the list again, and after three times fails.
Pages by cursor (RFC 9865) end with the page that names no next one. A page without ``Resources`` is
believed only when it says that it is a list, and how long that is; an error has neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from hypersync.connectors.scim.service import Service
from hypersync.connectors.scim.values import Resource
from hypersync.connectors.scim.wire import Answer, Lost, NotSent
from hypersync.errors import ScanFailed, SiloRefused

PASSES: Final = 3
_EMPTY_PAGES: Final = 100
_LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_STALE_CURSORS: Final = ("expiredCursor", "invalidCursor")


class FilterRefused(ScanFailed):
    """The service does not take the filter."""


class _Unsteady(Exception):
    """The list changed while it was read."""


@dataclass(frozen=True, slots=True)
class _Page:
    resources: Sequence[Resource]
    total: int | None
    start: object
    next: str | None


class Pages:
    """One list of a service; iterating gives each object once, page by page.

    ``began`` is when the first page came, by the clock of the service, if it says so.
    Raises `ScanFailed` when the list cannot be read to its end.
    """

    def __init__(self, service: Service, endpoint: str, query: Mapping[str, str]) -> None:
        self._wire = service.wire
        self._endpoint = endpoint
        self._query = {"count": str(service.options.page_size), **query}
        self.began: datetime | None = None
        self._is_begun = False
        self._met: set[object] = set()
        way = service.options.pagination
        self._is_by_cursor = way == "cursor" or (way == "auto" and service.features.cursor is True)
        self._is_overlapping = way != "index"

    def __iter__(self) -> Iterator[list[Resource]]:
        """Read the list, again from its beginning when it changes meanwhile."""
        why = ""
        for _ in range(PASSES):
            try:
                yield from self._by_cursor() if self._is_by_cursor else self._by_index()
            except _Unsteady as error:
                why = str(error)
            else:
                return
        raise ScanFailed(
            f"{self._name} did not stay the same while it was read, {PASSES} times: {why}; "
            "is it sorted differently each time, or written all the time?"
        )

    @property
    def _name(self) -> str:
        return f"the list {self._wire.url}{self._endpoint}"

    # --- the two ways --------------------------------------------------------------------------

    def _by_cursor(self) -> Iterator[list[Resource]]:
        seen: set[object] = set()
        used: set[str] = set()
        cursor, total, empty = "", 0, 0
        while True:
            page = self._page({"cursor": cursor})
            yield self._fresh(page.resources, seen)
            empty = 0 if page.resources else empty + 1
            if empty > _EMPTY_PAGES:
                raise ScanFailed(f"{self._name} never ends: {empty} pages in a row were empty")
            total = max(page.total or 0, total)
            if page.next is None:
                break
            if page.next in used:
                raise ScanFailed(f"{self._name} never ends: a cursor came twice")
            used.add(page.next)
            cursor = page.next
        if len(seen) < total:
            raise _Unsteady(f"{len(seen)} objects came, and totalResults is {total}")

    def _by_index(self) -> Iterator[list[Resource]]:
        page = self._page({"startIndex": "1"})
        total, first = self._total(page), page
        seen: set[object] = set()
        yield self._fresh(page.resources, seen)
        while len(seen) < total:
            if not page.resources:
                raise _Unsteady(f"after {len(seen)} of {total} objects came none")
            start = len(seen) if self._is_overlapping else len(seen) + 1
            page, last = self._page({"startIndex": str(start)}), page.resources[-1]
            if self._total(page) != total:
                raise _Unsteady(f"totalResults was {total} and is {page.total}")
            yield self._fresh(self._beyond(page, last, first, start), seen)
        if len(seen) > total:
            raise _Unsteady(f"{len(seen)} objects came, and totalResults is {total}")
        if page is first and seen:
            self._check_total(seen, total)

    def _beyond(self, page: _Page, last: Resource, first: _Page, start: int) -> Sequence[Resource]:
        """Return what a page has beyond the object that it has to begin with."""
        found = page.resources
        if found and _key(found[0]) == _key(first.resources[0]) and len(first.resources) > 1:
            hope = "; if it knows whole pages only, write 'pagination: index'"
            raise ScanFailed(
                f"{self._name} begins anew where {start} is asked for: it ignores startIndex"
                + (hope if self._is_overlapping else "")
            )
        if not self._is_overlapping:
            return found
        if not found or _key(found[0]) != _key(last):
            if isinstance(page.start, int) and page.start != start:
                raise ScanFailed(
                    f"{self._name} begins a page at {page.start} when {start} is asked for; "
                    "if it can do no better, write 'pagination: index'"
                )
            raise _Unsteady(f"what stood at {start} stands there no more")
        if len(found) == 1:
            raise ScanFailed(
                f"{self._name} comes one by one, so that pages cannot overlap; "
                "if it can do no better, write 'pagination: index'"
            )
        return found[1:]

    def _check_total(self, seen: set[object], total: int) -> None:
        """Make sure that there is nothing after a single page: some take its size for the total."""
        page = self._page({"startIndex": str(total)})
        if page.total != total:
            raise _Unsteady(f"totalResults was {total} and is {page.total}")
        if any(_key(each) not in seen for each in page.resources):
            raise ScanFailed(f"{self._name} says a totalResults that is the size of the page")

    # --- what they share -----------------------------------------------------------------------

    def _fresh(self, resources: Sequence[Resource], seen: set[object]) -> list[Resource]:
        """Note what came in this pass, and return what came in none."""
        fresh = []
        for each in resources:
            key = _key(each)
            if key in seen:
                raise _Unsteady("an object came twice")
            seen.add(key)
            if key not in self._met:
                self._met.add(key)
                fresh.append(each)
        return fresh

    def _total(self, page: _Page) -> int:
        if page.total is None:
            raise ScanFailed(f"{self._name} has no totalResults; it may be incomplete")
        return page.total

    def _page(self, where: Mapping[str, str]) -> _Page:
        try:
            answer = self._wire.get(self._endpoint, {**self._query, **where})
        except (Lost, NotSent) as error:
            problem = f"the service went away in the middle of {self._name}: {error}"
            raise ScanFailed(problem) from error
        except SiloRefused as error:
            raise ScanFailed(error.message) from error
        self._check_status(answer)
        if not self._is_begun:
            self._is_begun, self.began = True, answer.when
        return self._understood(answer.body)

    def _understood(self, body: object) -> _Page:
        """Return what a page says; one without objects has to say that it is a page of a list."""
        if not isinstance(body, dict) or not ("Resources" in body or _is_empty_page(body)):
            raise ScanFailed(f"{self._name} is no list of resources")
        resources = body.get("Resources", [])
        if not isinstance(resources, list) or not all(isinstance(r, dict) for r in resources):
            raise ScanFailed(f"{self._name} is no list of resources")
        following = body.get("nextCursor")
        if not isinstance(following, str | None):
            raise ScanFailed(f"{self._name} goes on at a cursor that is no text: {following!r}")
        return _Page(
            resources,
            _number(body.get("totalResults")),
            body.get("startIndex"),
            following or None,
        )

    def _check_status(self, answer: Answer) -> None:
        if answer.is_good:
            return
        if answer.scim_type in _STALE_CURSORS:
            raise _Unsteady(answer.sentence)
        if answer.status == 404:
            raise ScanFailed(
                f"{self._name} is not there; look at 'url:' and at the type's 'endpoint'"
            )
        kind = FilterRefused if answer.status in (400, 501) and "filter" in self._query else None
        raise (kind or ScanFailed)(f"{self._name} did not come: {answer.sentence}")


def _is_empty_page(body: Mapping[str, object]) -> bool:
    """Tell a page that leaves ``Resources`` out, as it may, from an error with a good status."""
    schemas = body.get("schemas")
    is_list = isinstance(schemas, list) and _LIST in schemas
    return is_list and _number(body.get("totalResults")) is not None


def _number(said: object) -> int | None:
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        return None
    return said


def _key(resource: Resource) -> Any:  # noqa: ANN401 - text or bytes, to be compared
    """Return what tells a resource from others: its id, or all of it."""
    anchor = resource.get("id")
    return anchor if isinstance(anchor, str) and anchor else orjson.dumps(resource)
