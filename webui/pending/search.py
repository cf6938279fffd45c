"""Reads what somebody looks for out of an address, and writes it back. Pure.

What cannot be meant is refused with a sentence that says what can.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from werkzeug.exceptions import BadRequest

from hypersync.insight.pending import Search
from hypersync.model.ids import RequestId
from hypersync.model.objects import Operation
from hypersync.model.requests import RequestKind
from hypersync.ports.store.waiting import Sought

NAMES = (
    "request", "cluster", "rule", "silo", "operation", "kind", "vip", "mine", "soon", "q",
)  # fmt: skip
"""What an address may say about what is looked for."""

KINDS = {
    RequestKind.VOLUME: "Too many at once",
    RequestKind.VIP: "About a VIP",
    RequestKind.SCAN: "Scan",
    RequestKind.INCIDENT: "Incident",
}
MOST_CHARACTERS = 200
MOST_WORDS = 8
MOST_PAGES = 100_000


def search_of(given: Mapping[str, str]) -> Search:
    """Return what an address looks for; raises `BadRequest`."""
    said = {name: given.get(name, "").strip() for name in NAMES}
    for name, text in said.items():
        if len(text) > MOST_CHARACTERS or "\0" in text:
            raise BadRequest(f"{name} is too long to be looked for; shorten it.")
    sought = Sought(
        rule=said["rule"] or None,
        silo=said["silo"] or None,
        operation=_operation(said["operation"]),
        is_vip=_flag("vip", said["vip"]) or None,
        cluster=said["cluster"] or None,
        words=tuple(said["q"].split()[:MOST_WORDS]),
    )
    return Search(
        sought=sought,
        kind=_kind(said["kind"]),
        is_mine=_flag("mine", said["mine"]),
        is_soon=_flag("soon", said["soon"]),
        request=RequestId(said["request"]) if said["request"] else None,
        page=_page(given.get("page", "")),
    )


def _operation(text: str) -> Operation | None:
    if not text:
        return None
    try:
        return Operation(text)
    except ValueError:
        known = ", ".join(each.value for each in Operation)
        raise BadRequest(f"There is no such operation; there are {known}.") from None


def _kind(text: str) -> RequestKind | None:
    if not text:
        return None
    if text not in {each.value for each in KINDS}:
        known = ", ".join(each.value for each in KINDS)
        raise BadRequest(f"There is no such kind of request; there are {known}.")
    return RequestKind(text)


def _flag(name: str, text: str) -> bool:
    if text not in ("", "1"):
        raise BadRequest(f"{name} is 1 or left out.")
    return text == "1"


def _page(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= MOST_PAGES:
        raise BadRequest("page is a number, from 1 on.")
    return int(text)


def query_of(search: Search, **more: str) -> str:
    """Return the query of an address that looks for the same; ``more`` is said besides."""
    sought = search.sought
    said = {
        "request": search.request,
        "cluster": sought.cluster,
        "rule": sought.rule,
        "silo": sought.silo,
        "operation": None if sought.operation is None else sought.operation.value,
        "kind": None if search.kind is None else search.kind.value,
        "vip": "1" if sought.is_vip else "",
        "mine": "1" if search.is_mine else "",
        "soon": "1" if search.is_soon else "",
        "q": " ".join(sought.words),
        **more,
    }
    return urlencode({name: value for name, value in said.items() if value})
