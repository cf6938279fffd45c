"""Reads and writes services that speak SCIM 2.0 (RFC 7643, RFC 7644).

Objects are known by their ``id``. Each type is a stream of its own: what its filter finds at its
endpoint. A delta asks for what was modified since the cursor, where the service filters by that,
and then for all ids. What the service says about itself is believed where it says something, and
the RFC where it does not. Bodies are read as plain JSON; see ``docs/decisions/scim-libraries.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from hypersync.config.values import Secret
from hypersync.connectors.changes import refuse_all
from hypersync.connectors.discovery import discover_by_scan
from hypersync.connectors.registry import connector
from hypersync.connectors.scim.discover import other_resources
from hypersync.connectors.scim.examine import Examiner
from hypersync.connectors.scim.options import (
    AuthOptions,
    ScimOptions,
    endpoint_of,
    scope_of,
)
from hypersync.connectors.scim.scan import Scan
from hypersync.connectors.scim.service import Service, require_good
from hypersync.connectors.scim.wire import Address, Lost, NotSent, Wire, unreachable
from hypersync.connectors.scim.write import Writer
from hypersync.connectors.settings import SiloOptions, SiloSettings, fingerprint
from hypersync.connectors.steady import Pause
from hypersync.errors import ScanFailed, SiloRefused
from hypersync.model.discovery import FoundType
from hypersync.model.mistake import Mistake
from hypersync.model.objects import Batch, Change, ObjectType, Outcome, Schema, SiloObject
from hypersync.model.rights import Right, Verb


@connector("scim")
class ScimConnector:
    """Reads and writes one SCIM service; each session is a connection of its own."""

    options: ClassVar[type[SiloOptions]] = ScimOptions
    can_write: ClassVar[bool] = True
    recreates: ClassVar[bool] = False

    def __init__(self, settings: SiloSettings, pause: Pause | None = None) -> None:
        if not isinstance(settings.options, ScimOptions):
            raise TypeError(f"{settings.silo} is no scim silo")
        self.settings = settings
        self._options = settings.options
        self._types = settings.types
        self._pause = pause

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each type."""
        return tuple((each,) for each in self._types)

    @contextmanager
    def open(self) -> Iterator[ScimSession]:
        """Connect and see that we are let in; raises `SiloUnreachable` or `SiloRefused`."""
        wire = Wire(self._address(), self._pause)
        try:
            self._knock(wire)
            yield ScimSession(self.settings, self._types, Service(wire, self._options))
        finally:
            wire.close()

    def _knock(self, wire: Wire) -> None:
        """Ask for one object of the first type, which needs the token, or for what there is."""
        endpoint = endpoint_of(self._types[0]) if self._types else "/ResourceTypes"
        with _lost_is_unreachable():
            answer = wire.send("GET", endpoint, query={"count": "1", "attributes": "id"})
        if answer.status == 404:
            raise SiloRefused(
                f"there is nothing at {wire.url}{endpoint}; look at 'url:' and at the type's "
                "'endpoint'"
            )
        require_good(answer, f"{wire.url}{endpoint}")

    def _address(self) -> Address:
        options, auth = self._options, self._options.auth
        ca_file = options.tls.ca_file
        verify = str(Path(self.settings.root / ca_file)) if ca_file else options.tls.verify
        return Address(
            url=options.url,
            headers=_secret_headers(auth),
            user=None if auth is None else auth.user,
            password=(auth and auth.password) or Secret(""),
            verify=verify if options.tls.verify else False,
            timeout=self.settings.timeout,
        )


def _secret_headers(auth: AuthOptions | None) -> dict[str, Secret]:
    if auth is None:
        return {}
    if auth.bearer is not None:
        return {"Authorization": Secret(f"Bearer {auth.bearer.reveal()}")}
    if auth.header is not None and auth.value is not None:
        return {auth.header: auth.value}
    return {}


class ScimSession:
    """One connection's view of the service."""

    def __init__(
        self, settings: SiloSettings, types: Sequence[ObjectType], service: Service
    ) -> None:
        self.settings = settings
        self._types = {each.name: each for each in types}
        self._service = service

    def schema(self) -> Schema:
        """Return the attributes that the service describes, by the names they are reported with."""
        with _lost_is_unreachable():
            return Schema(
                {
                    name: self._service.place(kind).names.described(kind.attributes)
                    for name, kind in self._types.items()
                }
            )

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of the service and who reads it, of endpoints and attributes."""
        options = self._service.options
        return fingerprint("scim", options.url, options.reader, [scope_of(each) for each in types])

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read what there is of one type, or what of it changed since the cursor.

        A delta ends with `Anchors`. Raises `ScanFailed` and `CursorLost`.
        """
        if len(types) != 1:
            raise ValueError("a SCIM stream is one type")
        try:
            scan = Scan(self._service, self._service.place(types[0]))
            yield from scan.full() if cursor is None else scan.delta(cursor)
        except (Lost, NotSent) as error:
            raise ScanFailed(f"the service went away: {error}") from error

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Read one object, whatever the filter says."""
        with _lost_is_unreachable():
            return self._service.object(self._service.place(object_type), anchor)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes one after the other."""
        if not self.settings.write:
            return refuse_all(changes, f"the silo {self.settings.silo!r} is not to be written")
        return Writer(self._service, self._types)(changes)

    def discover(self) -> Sequence[FoundType]:
        """Look at some objects of each type, and of the other resource types."""
        known = list(self._types.values())
        with _lost_is_unreachable():
            others = other_resources(self._service, self.settings.silo, known, self._look)
            return [*map(self._look, known), *others]

    def _look(self, kind: ObjectType) -> FoundType:
        described = self._service.place(kind).names.described(kind.attributes)
        (found,) = discover_by_scan(self, [kind], Schema({kind.name: described}))
        joins = tuple(name for name in found.joins if name != "id")
        return replace(found, anchors=("id",), joins=joins)

    def rights(self) -> Sequence[Right]:
        """Say which types may be read; of writes a service does not tell."""
        with _lost_is_unreachable():
            return [self._right(kind) for kind in self._types.values()]

    def _right(self, kind: ObjectType) -> Right:
        endpoint = endpoint_of(kind)
        answer = self._service.wire.get(endpoint, {"count": "1", "attributes": "id"})
        is_denied = answer.status in (401, 403)
        return Right(
            type=kind.name,
            verb=Verb.READ,
            granted=True if answer.is_good else False if is_denied else None,
            lacking=(f"GET {endpoint}",) if is_denied else (),
            remedy="give the token or account the right to read it" if is_denied else "",
        )

    def check(self) -> Sequence[Mistake]:
        """Look at endpoints, filters and attributes, and whether a token goes in clear."""
        with _lost_is_unreachable():
            return list(Examiner(self._service, self._types.values()))


@contextmanager
def _lost_is_unreachable() -> Iterator[None]:
    try:
        yield
    except (Lost, NotSent) as error:
        raise unreachable(error) from error
