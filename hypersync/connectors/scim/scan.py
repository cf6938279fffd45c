"""One pass over one type of a SCIM service: everything, or what changed since a cursor.

The cursor holds the latest ``meta.lastModified`` that was met, and whose it was; never a later time
than when the scan began by the clock of the service, since what was read first may have changed
before the last was read. A delta asks for what was modified since, an overlap earlier, and then for
all ids, since deletes leave no trace.
The object that the cursor comes from must be found again (unless it is gone): a service whose
filter does not find it does not do what the delta needs, and the cursor is lost. So it is when the
clock of the service is behind the cursor: what has changed since carries a time before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import orjson

from hypersync.connectors.scim.options import scope_of, type_options
from hypersync.connectors.scim.pages import FilterRefused, Pages
from hypersync.connectors.scim.paths import both, literal
from hypersync.connectors.scim.service import Place, Service
from hypersync.connectors.scim.values import Resource
from hypersync.connectors.settings import fingerprint
from hypersync.errors import CursorLost, ScanFailed
from hypersync.model.objects import Anchors, Batch, Complete, Invalid, ScanEvent, Seen

_CHANGED = "meta.lastModified"


class Scan:
    """One pass over one type; remembers the latest change it met for the cursor."""

    def __init__(self, service: Service, place: Place) -> None:
        self._service = service
        self._place = place
        self._kind = place.kind.name
        self._filter = type_options(place.kind).filter or ""
        self._latest: tuple[datetime, str] | None = None
        self._began: datetime | None = None
        self._is_dated = True

    def full(self) -> Iterator[Batch]:
        """Report every object of the type."""
        if self._filter and self._service.features.filter is False:
            raise ScanFailed(
                f"the service does not filter, so that 'filter' of {self._kind!r} chooses nothing; "
                "remove it, and choose with 'where' of the joins"
            )
        yield from self._objects(self._filter)
        yield [Complete(self._cursor())]

    def delta(self, cursor: str) -> Iterator[Batch]:
        """Report objects changed since the cursor, then all anchors."""
        since, owner = self._since(cursor)
        earlier = (since - self._service.options.overlap).astimezone(UTC)
        stamp = earlier.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found: set[str] = set()
        try:
            for batch in self._objects(both(self._filter, f"{_CHANGED} ge {literal(stamp)}")):
                found.update(event.anchor for event in batch if isinstance(event, Seen))
                yield batch
        except FilterRefused as error:
            raise CursorLost(error.message) from error
        if self._began is not None and self._began < since:
            raise CursorLost(
                "the clock of the service was set back: by its 'Date' it is "
                f"{self._began.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, which is before what the "
                "last scan read, so that a delta would not tell what changes now; scan it in full"
            )
        anchors, nameless = self._anchors()
        if owner in anchors and owner not in found:
            raise CursorLost(
                f"the service's filter by {_CHANGED} does not find what changed last; "
                "if this comes again, write 'deltas: false'"
            )
        if self._latest is None or self._latest[0] < since:
            self._latest = since, owner
        yield [*nameless, Anchors(self._kind, anchors), Complete(self._cursor())]

    def _anchors(self) -> tuple[frozenset[str], list[Invalid]]:
        """Return all ids, and what is said of resources without one, which may be anybody's."""
        query = {"attributes": "id", **_filtered(self._filter)}
        pages = Pages(self._service, self._place.endpoint, query)
        ids = [resource.get("id") for page in pages for resource in page]
        there = frozenset(each for each in ids if isinstance(each, str) and each)
        without = sum(not isinstance(each, str) or not each for each in ids)
        return there, [self._nameless()] * without

    def _objects(self, filter_: str) -> Iterator[Batch]:
        query = {**self._service.selection(self._place), **_filtered(filter_)}
        pages = Pages(self._service, self._place.endpoint, query)
        for page in pages:
            yield [self._event(resource) for resource in page]
        self._began = pages.began

    def _event(self, resource: Resource) -> ScanEvent:
        found = self._place.object(resource)
        if found is None:
            return self._nameless()
        changed = _changed(resource)
        if changed is None:
            self._is_dated = False
        elif self._latest is None or changed > self._latest[0]:
            self._latest = changed, found.anchor
        return Seen(self._kind, found.anchor, found.attributes)

    def _nameless(self) -> Invalid:
        return Invalid(self._kind, None, self._place.endpoint, "a resource has no id")

    def _scope(self) -> str:
        options = self._service.options
        return fingerprint("scim", options.url, options.reader, scope_of(self._place.kind))

    def _cursor(self) -> str | None:
        """Return where the next delta starts; ``None`` where the service has no deltas."""
        is_able = self._service.options.deltas and self._service.features.filter is True
        if self._latest is None or self._began is None or not self._is_dated or not is_able:
            return None
        changed, owner = self._latest
        since = min(changed, self._began)
        cursor = {"since": since.isoformat(), "of": owner, "scope": self._scope()}
        return orjson.dumps(cursor).decode()

    def _since(self, cursor: str) -> tuple[datetime, str]:
        try:
            found = orjson.loads(cursor)
            since, owner = datetime.fromisoformat(found["since"]), str(found["of"])
            is_ours = found["scope"] == self._scope() and since.tzinfo is not None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise CursorLost from error
        if not is_ours or not self._service.options.deltas:
            raise CursorLost("the service or the scope is another one; scan it in full")
        return since, owner


def _filtered(filter_: str) -> Mapping[str, str]:
    return {"filter": filter_} if filter_ else {}


def _changed(resource: Resource) -> datetime | None:
    """Return when a resource was modified, ``None`` when it does not say so."""
    meta = resource.get("meta")
    said = meta.get("lastModified") if isinstance(meta, dict) else None
    try:
        found = datetime.fromisoformat(said)  # type: ignore[arg-type] # what is no text raises
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None
