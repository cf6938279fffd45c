"""What a page of a list or of a delta round holds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypersync.connectors.msgraph.answers import Answer, NotGraph


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its items and the links that follow; if ``is_flat`` no item has parts."""

    items: Sequence[Any]
    next: str | None
    delta: str | None
    count: int | None = None
    is_flat: bool = False


def page_of(answer: Answer) -> Page:
    """Return what a page holds; raises `NotGraph` when it is none."""
    found = answer.json()
    items = found.get("value")
    if not isinstance(items, list):
        raise NotGraph("the page has no list of objects")
    links = (found.get("@odata.nextLink"), found.get("@odata.deltaLink"))
    if any(link is not None and not isinstance(link, str) for link in links):
        raise NotGraph("the page has a link that is none")
    count = found.get("@odata.count")
    body = answer.content
    is_flat = body.find(b"[", body.find(b"[") + 1) < 0 and body.count(b"{") == len(items) + 1
    return Page(items, *links, count if isinstance(count, int) else None, is_flat)
