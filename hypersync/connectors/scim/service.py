"""A SCIM service seen as a place of resources: what it is able to, and resources found by id."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from hypersync.connectors.scim.names import Names
from hypersync.connectors.scim.options import (
    ScimOptions,
    endpoint_of,
    resource_of,
    type_options,
)
from hypersync.connectors.scim.schema import Features, Shape, features, shape_of
from hypersync.connectors.scim.standard import standard_schemas
from hypersync.connectors.scim.values import Reader, Resource
from hypersync.connectors.scim.wire import Answer, Elsewhere, Wire, segment
from hypersync.errors import SiloBusy, SiloRefused, SiloUnavailable, SiloUnreachable
from hypersync.model.objects import ObjectType, SiloObject

_WITHOUT: Final = (400, 403, 404, 405, 501)
"""How services answer that do not have a document; 401 is a matter of the token."""
UNAVAILABLE: Final = 503


class Place:
    """One type of objects: where it is, what its attributes are called, how they are read."""

    def __init__(self, kind: ObjectType, shape: Shape) -> None:
        self.kind = kind
        self.endpoint = endpoint_of(kind)
        self.names = Names(shape, type_options(kind).map)
        self.reader = Reader(self.names, kind.attributes)

    def url(self, anchor: str) -> str:
        """Return where one object is."""
        return f"{self.endpoint}/{segment(anchor)}"

    def object(self, resource: Resource) -> SiloObject | None:
        """Return a resource as an object, ``None`` when it has no id."""
        anchor = resource.get("id")
        if not isinstance(anchor, str) or not anchor:
            return None
        return SiloObject(self.kind.name, anchor, self.reader.attributes(resource))


class Service:
    """One service as it describes itself."""

    def __init__(self, wire: Wire, options: ScimOptions) -> None:
        self.wire = wire
        self.options = options
        self._places: dict[tuple[str, frozenset[str]], Place] = {}

    @cached_property
    def features(self) -> Features:
        """What the service can do."""
        found = self._document("/ServiceProviderConfig")
        return features(found if isinstance(found, dict) else None)

    @cached_property
    def types(self) -> list[Mapping[str, Any]]:
        """The resource types that the service lists."""
        return list(_listed(self._document("/ResourceTypes")))

    @cached_property
    def schemas(self) -> list[Mapping[str, Any]]:
        """The schemas that the service serves; where it serves none, those of the standard."""
        return list(_listed(self._document("/Schemas"))) or list(standard_schemas())

    @property
    def dialect(self) -> str:
        """How the service is written: what the configuration says, else what the service says."""
        if self.options.patch != "auto":
            return self.options.patch
        return "put" if self.features.patch is False else "path"

    def place(self, kind: ObjectType) -> Place:
        """Return a type with its attributes. Raises as `Wire.send`, and `SiloRefused`."""
        key = kind.name, kind.attributes
        if key not in self._places:
            shape = shape_of(resource_of(kind), self.schemas, self.types)
            self._places[key] = Place(kind, shape)
        return self._places[key]

    def resource(
        self, place: Place, anchor: str, names: Collection[str] = ()
    ) -> dict[str, Any] | None:
        """Read one whole resource; ``None`` when it is not there.

        What the service shows on request only is asked for if it is among ``names``. Raises as
        `Wire.send`, `SiloUnreachable` when the service fails, else `SiloRefused`.
        """
        found = self._one(place, anchor, {})
        shy = sorted(place.names.on_request(names))
        if found is None or not shy:
            return found
        more = self._one(place, anchor, {"attributes": ",".join(shy)})
        return None if more is None else _together(found, more)

    def object(self, place: Place, anchor: str) -> SiloObject | None:
        """Read one object; ``None`` when it is not there. Raises as `resource`."""
        found = self._one(place, anchor, self.selection(place))
        return None if found is None else place.object(found)

    def _one(self, place: Place, anchor: str, query: Mapping[str, str]) -> dict[str, Any] | None:
        answer = self.wire.get(place.url(anchor), query)
        if answer.status == 404:
            return None
        return one_resource(answer, f"reading {place.kind.name} {anchor}", anchor)

    def selection(self, place: Place) -> dict[str, str]:
        """Return the query that asks for the wanted attributes only, if that is wished for."""
        if not self.options.select or not place.kind.attributes:
            return {}
        wanted = {"meta"}
        for name in place.kind.attributes | set(type_options(place.kind).map):
            try:
                wanted.add(place.names.path(name).attribute)
            except ValueError:
                continue
        return {"attributes": ",".join(sorted(wanted))}

    def version(self, resource: Resource) -> str | None:
        """Return the version to compare a resource with; ``None`` where the service has none."""
        way, meta = self.options.etag, resource.get("meta")
        if way == "never" or (way == "auto" and self.features.etag is not True):
            return None
        version = meta.get("version") if isinstance(meta, dict) else None
        return version if isinstance(version, str) and version else None

    def _document(self, path: str) -> Any:  # noqa: ANN401 - JSON of the wire
        """Read a document about the service; ``None`` when it has none."""
        answer = self.wire.get(path)
        if answer.status in _WITHOUT:
            return None
        require_good(answer, f"{self.wire.url}{path}")
        return answer.body


def _together(found: Resource, more: Resource) -> dict[str, Any]:
    """Return a resource with what it shows on request, of its extensions too."""
    both = {
        name: {**more[name], **held}
        for name, held in found.items()
        if isinstance(held, dict) and isinstance(more.get(name), dict)
    }
    return {**more, **found, **both}


def _listed(document: object) -> Iterator[Mapping[str, Any]]:
    """Return the resources of a list, which some services send as nothing but a JSON list."""
    found = document.get("Resources") if isinstance(document, Mapping) else document
    yield from (
        each for each in (found if isinstance(found, list) else ()) if isinstance(each, Mapping)
    )


def one_resource(answer: Answer, doing: str, anchor: str) -> dict[str, Any]:
    """Return the resource that an answer holds, its version from the header if need be.

    Raises as `require_good`, and `SiloRefused` when it is not the one that was asked for.
    """
    require_good(answer, doing)
    found = answer.body
    if not isinstance(found, dict) or found.get("id") != anchor:
        raise SiloRefused(f"{doing}: the service answered with something else")
    meta = found.get("meta")
    if "ETag" in answer.headers and not (isinstance(meta, dict) and meta.get("version")):
        found["meta"] = {
            **(meta if isinstance(meta, dict) else {}),
            "version": answer.headers["ETag"],
        }
    return found


def require_good(answer: Answer, doing: str) -> None:
    """Raise `SiloBusy` when the service asks to wait, `SiloUnreachable` when it failed.

    `SiloUnavailable` is raised when it says so, `SiloRefused` when it refused, and `Elsewhere` when
    it does not know us.
    """
    if answer.is_good:
        return
    problem = f"{doing}: {answer.sentence}"
    if answer.asks_to_wait:
        kind = SiloUnavailable if answer.status == UNAVAILABLE else SiloBusy
        raise kind(problem, answer.wait if "Retry-After" in answer.headers else timedelta(0))
    if answer.status >= 500:
        raise SiloUnreachable(problem)
    raise Elsewhere(problem) if answer.status == 401 else SiloRefused(problem)
