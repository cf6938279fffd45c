"""The query options of a request: what is selected, how many at once. Pure."""

from __future__ import annotations

import re
from typing import Any

from tests.services.graph.directory import Entry
from tests.services.graph.properties import PROPERTIES, Kind
from tests.services.graph.wire import Problem, Request

USUAL_PAGE = 100
LARGEST_PAGE = 999

Selection = tuple[str, ...]


def selection(request: Request, kind: Kind) -> Selection | None:
    """Return what ``$select`` names, the id included; ``None`` when it names nothing."""
    text = request.query.get("$select", "").strip()
    if not text:
        return None
    known = PROPERTIES[kind]
    names = dict.fromkeys(part.strip() for part in text.split(","))
    for name in names:
        if name not in known.known | known.navigation:
            raise Problem(
                400,
                "BadRequest",
                "Parsing OData Select and Expand failed: Could not find a property named "
                f"'{name}' on type 'microsoft.graph.{kind.value}'.",
            )
    return (*(name for name in names if name != "id"), "id")


def expansion(request: Request) -> frozenset[str]:
    """Return what ``$expand`` names, without the options in parentheses."""
    text = re.sub(r"\([^)]*\)", "", request.query.get("$expand", ""))
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def page_size(request: Request, usual: int = USUAL_PAGE) -> int:
    """Return how many objects a page has."""
    text = request.query.get("$top")
    if text is None:
        return usual
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_PAGE:
        raise Problem(
            400,
            "Request_UnsupportedQuery",
            f"Invalid page size specified: '{text}'. Must be between 1 and {LARGEST_PAGE} "
            "inclusive.",
        )
    return int(text)


def is_advanced(request: Request) -> bool:
    """Tell whether a request asks for the index, in both ways that are needed."""
    return is_eventual(request) and request.query.get("$count", "").lower() == "true"


def is_eventual(request: Request) -> bool:
    """Tell whether a request takes what may be old."""
    return request.headers.get("consistencylevel", "").lower() == "eventual"


def shown(entry: Entry, select: Selection | None) -> dict[str, Any]:
    """Return an object as a read shows it: what is selected, null where it has no value."""
    names = PROPERTIES[entry.kind].shown if select is None else select
    skipped = PROPERTIES[entry.kind].navigation
    return {name: entry.values.get(name) for name in names if name not in skipped}


def context(request: Request, of: str, select: Selection | None = None) -> str:
    """Return the value of ``@odata.context``."""
    names = "" if select is None else f"({','.join(name for name in select if name != 'id')},id)"
    return f"{request.root}/$metadata#{of}{names}"
