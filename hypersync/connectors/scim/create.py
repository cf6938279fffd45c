"""Finding out whether an object is there before it is made, and after somebody says it is.

A service filters by the attribute that recognises the object; what it answers is compared again,
since some ignore a filter. One that does not filter is asked for everything, once per batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from hypersync.connectors.scim.options import match_of
from hypersync.connectors.scim.pages import FilterRefused, Pages
from hypersync.connectors.scim.paths import Path, equals
from hypersync.connectors.scim.service import Place, Service
from hypersync.connectors.scim.values import Resource, value_at
from hypersync.model.objects import Attributes


class Finder:
    """Finds resources by what recognises them, during one batch of changes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ids: dict[tuple[Place, Path], dict[str, list[str]]] = {}

    def find(
        self, place: Place, wanted: Attributes, *, by_all: bool = False
    ) -> list[dict[str, Any]]:
        """Return what is there already of an object with these attributes.

        The first of the attributes of ``match`` that is set decides, or each ``by_all``. Raises
        `ScanFailed`, and as `Service.resource`.
        """
        for name in match_of(place.kind):
            value = wanted.get(name)
            if isinstance(value, str) and value:
                found = self._with(place, place.names.path(name), value)
                if found or not by_all:
                    return found
        return []

    def _with(self, place: Place, path: Path, value: str) -> list[dict[str, Any]]:
        if self._service.features.filter is not False:
            try:
                return [
                    dict(each)
                    for page in Pages(
                        self._service, place.endpoint, {"filter": equals(str(path), value)}
                    )
                    for each in page
                    if isinstance(each.get("id"), str) and _is_same(each, path, value)
                ]
            except FilterRefused:
                pass
        return list(self._among_all(place, path, value))

    def _among_all(self, place: Place, path: Path, value: str) -> Iterator[dict[str, Any]]:
        """Look through everything, and read what was found as it is now."""
        if (place, path) not in self._ids:
            ids: defaultdict[str, list[str]] = defaultdict(list)
            for page in Pages(self._service, place.endpoint, {}):
                for each in page:
                    ids[_folded(each, path)].append(str(each.get("id")))
            self._ids[place, path] = ids
        for anchor in self._ids[place, path].get(value.casefold(), ()):
            resource = self._service.resource(place, anchor)
            if resource is not None and _is_same(resource, path, value):
                yield resource


def _folded(resource: Resource, path: Path) -> str:
    value = value_at(resource, path, is_multi=False)
    return value.casefold() if isinstance(value, str) else ""


def _is_same(resource: Resource, path: Path, value: str) -> bool:
    return _folded(resource, path) == value.casefold()
