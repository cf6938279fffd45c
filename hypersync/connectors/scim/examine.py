"""What is wrong with the settings of a SCIM silo, as far as its service can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypersync.connectors.scim.options import match_of, resource_of, type_options
from hypersync.connectors.scim.service import Place, Service
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import ObjectType


class Examiner:
    """Iterating gives the mistakes of the silo, then those of each type."""

    def __init__(self, service: Service, types: Iterable[ObjectType]) -> None:
        self._service = service
        self._options = service.options
        self._types = types

    def __iter__(self) -> Iterator[Mistake]:
        """Ask the service as little as possible. Raises `SiloError`, and as `Wire.send`."""
        yield from self._clear()
        if self._service.features.patch is False and self._options.patch not in ("auto", "put"):
            yield Mistake(
                f"the service says that it has no PATCH, and 'patch' is {self._options.patch!r}",
                "write 'patch: put', or leave it out",
                level=Level.WARNING,
            )
        for kind in self._types:
            place = self._service.place(kind)
            yield from self._endpoint(place)
            yield from self._filter(place)
            yield from self._attributes(place)

    def _clear(self) -> Iterator[Mistake]:
        if self._options.is_secret_in_clear:
            yield Mistake(
                f"the token or password for {self._options.url} goes over the network in clear",
                "use https://",
                level=Level.WARNING,
            )
        if not self._options.tls.verify:
            yield Mistake(
                f"the certificate of {self._options.url} is not checked",
                "give its authority with 'tls: {ca_file: ...}'",
                level=Level.WARNING,
            )

    def _endpoint(self, place: Place) -> Iterator[Mistake]:
        name, resource = place.kind.name, resource_of(place.kind)
        answer = self._service.wire.get(place.endpoint, {"count": "1", "attributes": "id"})
        if not answer.is_good:
            yield Mistake(
                f"{self._service.wire.url}{place.endpoint} cannot be read: {answer.sentence}",
                f"mend the 'endpoint' of {name!r}, or the rights of the account",
            )
        listed = sorted(str(each.get("name")) for each in self._service.types)
        if listed and resource not in listed:
            yield Mistake(
                f"the service has no resource type {resource!r}; it has {', '.join(listed)}",
                f"mend 'resource' of {name!r}",
            )

    def _filter(self, place: Place) -> Iterator[Mistake]:
        filter_ = type_options(place.kind).filter
        if filter_ is None:
            return
        remedy = f"mend 'filter' of {place.kind.name!r}"
        if self._service.features.filter is False:
            yield Mistake("the service says that it does not filter", remedy)
            return
        answer = self._service.wire.get(place.endpoint, {"count": "1", "filter": filter_})
        if not answer.is_good:
            yield Mistake(f"the service does not take {filter_!r}: {answer.sentence}", remedy)

    def _attributes(self, place: Place) -> Iterator[Mistake]:
        options = type_options(place.kind)
        for name in sorted({*place.kind.attributes, *options.map, *options.match}):
            try:
                path = place.names.path(name)
            except ValueError as error:
                yield Mistake(str(error), f"mend it in the type {place.kind.name!r}, or 'map' it")
                continue
            if not place.names.is_known(path):
                yield Mistake(
                    f"the service knows no attribute {str(path)!r}",
                    f"mend it in the type {place.kind.name!r}",
                )
            whole = place.names.definition(path)
            if whole is not None and whole.returned == "request" and not self._options.select:
                yield Mistake(
                    f"the service returns {name!r} only when it is asked for",
                    "write 'select: true'",
                )
        if not any(place.names.is_known(place.names.path(n)) for n in match_of(place.kind)):
            yield Mistake(
                f"nothing recognises a new {place.kind.name}", "name attributes with 'match'"
            )
