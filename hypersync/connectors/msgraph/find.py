"""Finds objects by their natural key: what tells a new object from one that is there already."""

from __future__ import annotations

from collections.abc import Sequence

from hypersync.connectors.msgraph.answers import NotGraph
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.pages import page_of
from hypersync.connectors.msgraph.properties import USERS
from hypersync.connectors.msgraph.read import id_of, unanswered
from hypersync.connectors.msgraph.requests import Step, quoted
from hypersync.connectors.msgraph.wire import NotAnswered, Result, Wire, local
from hypersync.errors import SiloError, SiloRefused, SiloUnreachable


def find_each(wire: Wire, wanted: Sequence[tuple[Place, str]]) -> list[list[str] | SiloError]:
    """Return the ids of the objects with each key; what went wrong with one says so itself."""
    results = wire.reads([_step(place, value) for place, value in wanted])
    return [_ids(wire, result) for result in results]


def _step(place: Place, value: str) -> Step:
    """Return how to ask: a user is found by name at once, all others by the index."""
    if place.key == USERS.key and not value.startswith("$"):
        return Step(path=local(f"/users/{quoted(value)}", {"$select": "id"}))
    escaped = value.replace("'", "''")
    query = {"$filter": f"{place.key} eq '{escaped}'", "$select": "id"}
    return Step(path=local(f"/{place.resource.name}", query))


def _ids(wire: Wire, result: Result) -> list[str] | SiloError:
    if isinstance(result, NotAnswered):
        return unanswered(result)
    try:
        if result.status == 404:
            return []
        wire.believe(result)
        one = result.json().get("id")
        if isinstance(one, str):
            return [one]
        page = page_of(result)
        items = list(page.items)
        if page.next is not None:
            items += wire.all_items(wire.checked(page.next))
        return [id_of(each) for each in items]
    except NotGraph as error:
        return SiloUnreachable(f"Graph did not answer: {error}")
    except (SiloRefused, SiloUnreachable) as error:
        return error
