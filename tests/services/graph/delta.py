"""``/users/delta`` and ``/groups/delta``: rounds of pages, and the links between them.

A round is what one delta reports; its nextLinks carry where it stands, its deltaLink the number of
the last event it knows of. https://learn.microsoft.com/graph/delta-query-overview
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tests.services.graph.changes import Row, Tracked, all_rows, changed_rows, item
from tests.services.graph.directory import Directory
from tests.services.graph.faults import Faults
from tests.services.graph.permissions import HIDDEN_READ
from tests.services.graph.properties import PROPERTIES, Kind
from tests.services.graph.query import context, expansion, selection
from tests.services.graph.tokens import Tokens
from tests.services.graph.wire import JSON, Problem, Reply, Request

USUAL_PAGE = 200
LARGEST_PAGE = 999
MEMBERS_OF_A_PAGE = 1000
MOST_FOLLOWED = 50
ROUNDS_KEPT = 64
_IDS = re.compile(r"\s*id\s+eq\s+'([^']*)'\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One delta from its first page to its deltaLink."""

    tracked: Tracked
    rows: list[Row]
    upto: int
    is_first: bool
    number: int
    """Of the directory when the round began; with another one its pages are made anew."""


class Delta:
    """Answers delta queries."""

    def __init__(self, directory: Directory, tokens: Tokens, faults: Faults) -> None:
        self._directory, self._tokens, self._faults = directory, tokens, faults
        self._rounds: OrderedDict[int, Round] = OrderedDict()
        self._last_round = 0
        self._pages: dict[object, bytes] = {}
        self._rows: dict[object, list[Row]] = {}
        self._kept_at = -1
        self.held_at: int | None = None
        """The last event that deltas know of, while they lag behind."""
        self.expired = "syncStateNotFound"
        """What an old token is answered: this, or ``resyncRequired`` for 410 Gone."""
        self.members_of_a_page = MEMBERS_OF_A_PAGE

    def answer(self, request: Request, kind: Kind, now: datetime) -> Reply:
        """Return one page."""
        if "$skiptoken" in request.query:
            if "$select" in request.query:
                raise _unsupported("$select cannot be combined with $skiptoken in a delta query.")
            return self._next(request, kind, now)
        token = request.query.get("$deltatoken", "")
        if token == "latest":  # noqa: S105 - the word that asks for no objects
            return self._latest(request, kind, now)
        size = _page_size(request)
        return self._page(request, self._begin(request, kind, token, now), 0, size, now)

    # --- rounds ------------------------------------------------------------------------------

    def _begin(self, request: Request, kind: Kind, token: str, now: datetime) -> int:
        upto = self._directory.number if self.held_at is None else self.held_at
        if token:
            content = self._read(token, "delta", request, kind, now)
            tracked = _tracked_of(content, kind, request)
            rows = changed_rows(
                self._directory, tracked, content["number"], upto, self.members_of_a_page
            )
        else:
            tracked = _tracked(request, kind)
            rows = self._all_rows(tracked)
        self._last_round += 1
        self._rounds[self._last_round] = Round(
            tracked=tracked,
            rows=rows,
            upto=upto,
            is_first=not token,
            number=self._directory.number,
        )
        while len(self._rounds) > ROUNDS_KEPT:
            self._rounds.popitem(last=False)
        return self._last_round

    def _next(self, request: Request, kind: Kind, now: datetime) -> Reply:
        content = self._read(request.query["$skiptoken"], "skip", request, kind, now)
        if content["round"] not in self._rounds:
            raise self._gone(request, kind)
        return self._page(request, content["round"], content["start"], content["size"], now)

    def _latest(self, request: Request, kind: Kind, now: datetime) -> Reply:
        tracked = _tracked(request, kind)
        return Reply.of(
            {
                "@odata.context": context(request, kind.collection, tracked.select),
                "@odata.deltaLink": self._delta_link(request, tracked, self._directory.number, now),
                "value": [],
            }
        )

    def _all_rows(self, tracked: Tracked) -> list[Row]:
        """Return the rows of a first round, kept while nothing changes."""
        self._forget_what_is_old()
        key = (tracked, self.members_of_a_page)
        if key not in self._rows:
            self._rows[key] = all_rows(self._directory, tracked, self.members_of_a_page)
        return self._rows[key]

    def _forget_what_is_old(self) -> None:
        if self._kept_at != self._directory.number:
            self._pages.clear()
            self._rows.clear()
            self._kept_at = self._directory.number

    # --- pages -------------------------------------------------------------------------------

    def _page(self, request: Request, key: int, start: int, size: int, now: datetime) -> Reply:
        here = self._rounds[key]
        stop = start if self._faults.taken("empty_page", request) else start + size
        first = start
        if start and self._faults.taken("duplicate", request):
            first = start - 1
        head: dict[str, Any] = {
            "@odata.context": context(request, here.tracked.kind.collection, here.tracked.select)
        }
        if stop < len(here.rows):
            token = self._tokens.make(
                {
                    "is": "skip",
                    "kind": here.tracked.kind.value,
                    "round": key,
                    "start": stop,
                    "size": size,
                },
                now,
            )
            head["@odata.nextLink"] = f"{_delta_of(request, here.tracked.kind)}?$skiptoken={token}"
        else:
            head["@odata.deltaLink"] = self._delta_link(request, here.tracked, here.upto, now)
        minimal = (request.prefers("return") or "") == "minimal"
        items = self._items(here, first, stop, minimal=minimal)
        body = orjson.dumps(head)[:-1] + b',"value":[' + items + b"]}"
        headers = {"Content-Type": JSON}
        if request.prefers("odata.maxpagesize"):
            headers["Preference-Applied"] = f"odata.maxpagesize={size}"
        return Reply(headers=headers, body=body)

    def _items(self, here: Round, start: int, stop: int, *, minimal: bool) -> bytes:
        """Return the items of a page; those of a first round are kept while nothing changes."""
        self._forget_what_is_old()
        key = (here.tracked, self.members_of_a_page, start, stop)
        keeps = here.is_first and here.number == self._directory.number
        if keeps and key in self._pages:
            return self._pages[key]
        items = [
            item(self._directory, here.tracked, row, minimal=minimal and not here.is_first)
            for row in here.rows[start:stop]
        ]
        made = orjson.dumps(items)[1:-1]
        if keeps:
            self._pages[key] = made
        return made

    # --- links -------------------------------------------------------------------------------

    def _delta_link(self, request: Request, tracked: Tracked, number: int, now: datetime) -> str:
        token = self._tokens.make(
            {
                "is": "delta",
                "kind": tracked.kind.value,
                "number": number,
                "select": tracked.select,
                "ids": tracked.ids,
                "expands": sorted(tracked.expands),
            },
            now,
        )
        return f"{_delta_of(request, tracked.kind)}?$deltatoken={token}"

    def _read(
        self, token: str, what: str, request: Request, kind: Kind, now: datetime
    ) -> dict[str, Any]:
        content = self._tokens.read(token)
        if content.get("is") != what or content["kind"] != kind.value:
            raise Problem(400, "BadRequest", "Badly formed token.")
        if self._tokens.has_expired(content, now):
            raise self._gone(request, kind)
        return content

    def _gone(self, request: Request, kind: Kind) -> Problem:
        """Return the error of a token that is too old, in one of the two documented ways."""
        if self.expired == "resyncRequired":
            location = f"{_delta_of(request, kind)}?$deltatoken="
            return Problem(
                410,
                "resyncRequired",
                "Resync required. Any local state must be replaced by a full synchronization.",
                headers={"Location": location},
            )
        return Problem(
            400,
            "syncStateNotFound",
            "The sync state generation is not found. The delta token is expired and data must be "
            "synchronized again.",
        )


def _delta_of(request: Request, kind: Kind) -> str:
    return f"{request.root}/{kind.collection}/delta"


def _page_size(request: Request) -> int:
    text = request.prefers("odata.maxpagesize") or ""
    return max(1, min(int(text), LARGEST_PAGE)) if text.isdecimal() else USUAL_PAGE


def _unsupported(message: str) -> Problem:
    return Problem(400, "Request_UnsupportedQuery", message)


def _tracked(request: Request, kind: Kind) -> Tracked:
    if "$orderby" in request.query:
        raise _unsupported("$orderby is not supported in a delta query.")
    expands = expansion(request)
    if expands - PROPERTIES[kind].navigation:
        raise _unsupported("$expand is not supported in a delta query.")
    return Tracked(
        kind=kind,
        select=selection(request, kind),
        ids=_followed(request),
        expands=expands,
        sees_hidden=_sees_hidden(request),
    )


def _sees_hidden(request: Request) -> bool:
    return not HIDDEN_READ.isdisjoint(request.roles)


def _tracked_of(content: dict[str, Any], kind: Kind, request: Request) -> Tracked:
    """Return what a token follows; a ``$select`` beside it takes the place of the one inside."""
    select = None if content["select"] is None else tuple(content["select"])
    return Tracked(
        kind=kind,
        select=selection(request, kind) or select,
        ids=tuple(content["ids"]),
        expands=frozenset(content["expands"]),
        sees_hidden=_sees_hidden(request),
    )


def _followed(request: Request) -> tuple[str, ...]:
    """Return the ids of a filter, the only thing a delta can be filtered by."""
    text = request.query.get("$filter", "").strip()
    if not text:
        return ()
    found = [_IDS.fullmatch(part) for part in re.split(r"\bor\b", text, flags=re.IGNORECASE)]
    ids = tuple(match[1].lower() for match in found if match is not None)
    if len(ids) < len(found) or len(ids) > MOST_FOLLOWED:
        raise _unsupported("A delta query is filtered by up to 50 object ids only.")
    return ids
