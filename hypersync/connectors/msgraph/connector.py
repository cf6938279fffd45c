"""Reads and writes the users and groups of a tenant over Microsoft Graph.

Objects are known by their ``id``. Each type is a stream of its own, read by delta queries. The SDK
is imported when a silo is opened first; nothing before that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from hypersync.clock import SystemClock
from hypersync.connectors.changes import refuse_all
from hypersync.connectors.discovery import discover_by_scan
from hypersync.connectors.msgraph.check import Check
from hypersync.connectors.msgraph.discover import other_resources
from hypersync.connectors.msgraph.options import (
    MsgraphOptions,
    completed,
    is_of_users,
    place_of,
    scope_of,
)
from hypersync.connectors.msgraph.patience import Patience
from hypersync.connectors.msgraph.properties import SEES_HIDDEN
from hypersync.connectors.msgraph.read import HiddenMembers, read_all
from hypersync.connectors.msgraph.reads import Recent
from hypersync.connectors.msgraph.scan import Scan
from hypersync.connectors.msgraph.steps import Steps
from hypersync.connectors.msgraph.values import is_whole, joined, laid_over
from hypersync.connectors.msgraph.wire import Wire
from hypersync.connectors.msgraph.write import Writer
from hypersync.connectors.registry import connector
from hypersync.connectors.settings import SiloOptions, SiloSettings, fingerprint
from hypersync.errors import SiloRefused
from hypersync.model.discovery import FoundType
from hypersync.model.mistake import Mistake
from hypersync.model.objects import (
    Batch,
    Change,
    Changed,
    Deleted,
    ObjectType,
    Outcome,
    Schema,
    SiloObject,
)
from hypersync.model.rights import Right

if TYPE_CHECKING:
    from hypersync.connectors.msgraph.client import Client
    from hypersync.connectors.msgraph.sign_in import SignIn

MISSING_EXTRA: Final = (
    "the connector msgraph needs libraries that are not installed: "
    "install hypersync[msgraph], for instance with pip"
)
_LAG: Final = timedelta(minutes=15)


@connector("msgraph")
class MsgraphConnector:
    """Reads and writes one tenant; its sessions share one client and one token."""

    options: ClassVar[type[SiloOptions]] = MsgraphOptions
    can_write: ClassVar[bool] = True

    def __init__(self, settings: SiloSettings) -> None:
        if not isinstance(settings.options, MsgraphOptions):
            raise TypeError(f"{settings.silo} is no msgraph silo")
        self._settings = settings
        self._options = settings.options
        self._types = tuple(completed(each) for each in settings.types)
        self._recent = Recent(Patience(settings.options.patience))
        self._lock = Lock()
        self._client: Client | None = None
        self._sign_in: SignIn | None = None
        self._sessions = 0

    @property
    def lag(self) -> timedelta:
        """For how long one server of Graph may not know what another one does, as far as is told.

        Graph promises no time; most is there within seconds, memberships within minutes.
        """
        return _LAG

    @property
    def recreates(self) -> frozenset[str]:
        """The types whose deleted objects come back: of groups only those of Microsoft 365 do."""
        return frozenset(each.name for each in self._types if is_of_users(each))

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return one stream for each type."""
        return tuple((each,) for each in self._types)

    @contextmanager
    def open(self) -> Iterator[MsgraphSession]:
        """Sign in; raises `SiloUnreachable` or `SiloRefused`."""
        client = self._taken()
        try:
            if self._sign_in is not None:
                self._sign_in.get_token()
            yield MsgraphSession(self, client)
        finally:
            self._given_back()

    def _taken(self) -> Client:
        """Return the client, which the first session starts."""
        with self._lock:
            if self._client is None:
                self._client = self._started()
            self._sessions += 1
            return self._client

    def _given_back(self) -> None:
        """Close the client with the last session."""
        with self._lock:
            self._sessions -= 1
            if self._sessions == 0 and self._client is not None:
                self._client.close()
                self._client = None

    def _started(self) -> Client:
        try:
            from hypersync.connectors.msgraph.client import Client, Target
            from hypersync.connectors.msgraph.sign_in import SignIn
        except ImportError as error:
            raise SiloRefused(MISSING_EXTRA) from error
        options, root = self._options, self._settings.root
        seconds = max(1, int(self._settings.timeout.total_seconds()))
        if self._sign_in is None and options.sign_in is not None:
            self._sign_in = SignIn(
                options,
                options.sign_in,
                root=root,
                timeout_seconds=seconds,
                now=SystemClock().now,
            )
        target = Target(
            root=options.root,
            host=urlsplit(options.base).hostname or "",
            sign_in=self._sign_in,
            ca_file=None if options.ca_file is None else str(root / options.ca_file),
            timeout_seconds=seconds,
        )
        try:
            return Client(target)
        except OSError as error:
            what = f"the certificates in {target.ca_file} cannot be read"
            raise SiloRefused(f"{what}: {error.strerror or error}") from error

    @property
    def settings(self) -> SiloSettings:
        """The settings of the silo."""
        return self._settings

    @property
    def recent(self) -> Recent:
        """What was just made."""
        return self._recent

    def roles(self) -> frozenset[str] | None:
        """Return the permissions that the token names, ``None`` when it names none."""
        return None if self._sign_in is None else self._sign_in.roles()


class MsgraphSession:
    """One caller's view of the tenant."""

    def __init__(self, owner: MsgraphConnector, client: Client) -> None:
        self._owner = owner
        self._client = client
        self._settings = owner.settings
        self._options = owner._options
        self._wire = Wire(
            client,
            self._options.root,
            at_once=self._options.at_once,
            patience=Patience(self._settings.timeout),
            sees_hidden=SEES_HIDDEN in (owner.roles() or ()),
        )
        self._told: dict[tuple[str, str], Changed | Deleted] = {}

    def reach(self) -> None:
        """Ask Graph for something small; raises `SiloUnreachable` or `SiloRefused`."""
        for kind in self._types[:1]:
            self._wire.reach(f"/{place_of(kind).resource.name}")

    def schema(self) -> Schema:
        """Return the documented attributes of each type, and named ones that Graph takes."""
        check = self._check()
        return Schema({each.name: check.schema(place_of(each)) for each in self._types})

    @property
    def _types(self) -> Sequence[ObjectType]:
        return [each for stream in self._owner.streams() for each in stream]

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return the fingerprint of the tenant and who reads it, of filters and attributes."""
        places = [scope_of(place_of(completed(each))) for each in types]
        return fingerprint("msgraph", self._options.identity, places)

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read all objects of one type, or what changed since the cursor.

        Raises `ScanFailed` and `CursorLost`.
        """
        if len(types) != 1:
            raise ValueError("a stream of Graph is one type")
        self._told.clear()
        scan = self._pass(types)
        yield from scan.full() if cursor is None else scan.delta(cursor, self._note)

    def _pass(self, types: Sequence[ObjectType]) -> Scan:
        return Scan(place_of(types[0]), self._wire, self.scope(types), self._options.page_size)

    def _note(self, told: Changed | Deleted) -> None:
        """Remember what a delta tells; of what it called deleted only a read says anything more."""
        key = (told.type, told.anchor)
        known = self._told.get(key)
        if isinstance(told, Changed) and isinstance(known, Changed):
            told = joined(known, told)
        if not isinstance(known, Deleted):
            self._told[key] = told

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Read one object; raises `HiddenMembers` for a group whose members are not shown.

        What the delta of this session told of it lies over what the read says, which may be older.
        If no read finds it, it is as told when that is a new object, and else not there: of one
        that was changed the delta tells a part.
        """
        place = place_of(object_type)
        found = read_all(self._wire, place, [anchor])[anchor]
        if isinstance(found, HiddenMembers):
            raise found
        told = self._told.get((object_type.name, anchor))
        known = None if found is None else found.object
        if not isinstance(told, Changed) or (known is None and not is_whole(told, place)):
            return known
        attributes = laid_over({} if known is None else known.attributes, told)
        return SiloObject(object_type.name, anchor, attributes)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes in batches."""
        if not self._settings.write:
            return refuse_all(changes, f"the silo {self._settings.silo!r} is not to be written")
        options = self._options
        steps = Steps(options.root, change_password=options.change_password)
        places = {each.name: place_of(each) for each in self._types}
        now = SystemClock().now
        return Writer(self._wire, steps, places, self._owner.recent, now)(changes)

    def check(self) -> Sequence[Mistake]:
        """Look at permissions, filters and attributes."""
        check = self._check()
        return [mistake for each in self._types for mistake in check.mistakes(place_of(each))]

    def discover(self) -> Sequence[FoundType]:
        """Look at a page of objects of each type, and of users and groups."""
        silo = self._settings.silo
        others = other_resources(self._options, silo, self._types, self._look)
        return [*map(self._look, self._types), *others]

    def _look(self, kind: ObjectType) -> FoundType:
        schema = Schema({kind.name: self._check().schema(place_of(kind))})
        page = FirstPage(self._owner, self._client)
        (found,) = discover_by_scan(page, [kind], schema)
        joins = tuple(name for name in found.joins if name != "id")
        objects = found.objects if page.is_whole else None
        return replace(found, anchors=("id",), joins=joins, objects=objects)

    def rights(self) -> Sequence[Right]:
        """Say what the application may do, by the permissions that its token names."""
        check = self._check()
        return [right for each in self._types for right in check.rights(place_of(each))]

    def _check(self) -> Check:
        return Check(self._wire, self._owner.roles(), writes=self._settings.write)


class FirstPage(MsgraphSession):
    """A session whose full scans are one page; ``is_whole`` tells whether that was all."""

    is_whole = False

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read a page of one type, or all that its filter finds; raises `ScanFailed`."""
        if place_of(types[0]).filter is not None:
            yield from super().scan(types, cursor)
            self.is_whole = True
            return
        batch, self.is_whole = self._pass(types).sample()
        yield batch
