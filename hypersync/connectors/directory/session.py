"""What sessions with directories share: schema, reading by anchor, how writing begins, checks.

Each kind of directory says how a server is looked at, who writes, and how its types are scanned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Generic, TypeVar

from hypersync.connectors.changes import refuse_all
from hypersync.connectors.directory.options import DirectoryOptions, remedies
from hypersync.connectors.directory.tree import Directory, Place
from hypersync.connectors.directory.wire import Lost, Wire
from hypersync.connectors.directory.writing import LATER
from hypersync.connectors.settings import SiloSettings
from hypersync.errors import NothingWritten, SiloError, SiloRefused, SiloUnreachable
from hypersync.model.mistake import Level, Mistake
from hypersync.model.objects import (
    AttributeSchema,
    Change,
    ObjectType,
    Outcome,
    RetryAfter,
    Schema,
    SiloObject,
)

D = TypeVar("D", bound=Directory)
P = TypeVar("P", bound=Place)


class DirectorySession(ABC, Generic[D, P]):
    """One connection's view of a directory; ``server`` is who is at the other end."""

    def __init__(
        self, settings: SiloSettings, wire: Wire, place_of: Callable[[ObjectType], P]
    ) -> None:
        self.settings = settings
        self.wire = wire
        self.server = wire.url
        self._place_of = place_of

    # --- what each kind of directory does in its own way ---------------------------------------

    @abstractmethod
    def _look_at_server(self) -> D:
        """Read what the server says of itself; raises `Lost` and `SiloRefused`."""

    @abstractmethod
    def _write(
        self, directory: D, places: Mapping[str, P], changes: Sequence[Change]
    ) -> Sequence[Outcome]:
        """Write the changes one after the other; the types' places are by name."""

    # --- what they share -----------------------------------------------------------------------

    @cached_property
    def directory(self) -> D:
        """The server this session is connected to."""
        with lost_is_unreachable():
            return self._look_at_server()

    @property
    def is_lost(self) -> bool:
        """Whether the connection broke: nothing more is written over it."""
        return self.wire.is_lost

    def schema(self) -> Schema:
        """Return the attributes that the server knows, as each type reports them."""
        return Schema({each.name: self._attributes(each) for each in self.settings.types})

    def _attributes(self, kind: ObjectType) -> dict[str, AttributeSchema] | None:
        types = self.directory.types
        if not types:
            return None
        shown = self.directory.representation(self._place_of(kind))
        known = {name for each in types.values() for name in (each.name, *each.aliases)}
        names = sorted({*known, *kind.attributes} - {"dn"})
        found = {name: shown.reported(name) for name in names if shown.is_known(name)}
        schema = {
            name: AttributeSchema(
                name=name, multi_valued=each.is_multi, read_only=each.is_read_only
            )
            for name, each in found.items()
        }
        return {**schema, "dn": AttributeSchema(name="dn")}

    def _reads_from(self) -> D:
        """Return the server that objects are read from."""
        return self.directory

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Find one object anywhere in the directory, whatever the filter says."""
        with lost_is_unreachable():
            return self._reads_from().object(self._place_of(object_type), anchor)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes one after the other.

        Raises `NothingWritten` when the server does not tell what writing needs.
        """
        if not self.settings.write:
            return refuse_all(changes, f"the silo {self.settings.silo!r} is not to be written")
        try:
            directory = self.directory
        except SiloUnreachable as error:  # nothing was written
            return [RetryAfter(LATER, error.message)] * len(changes)
        except SiloRefused as error:  # nor was it here; that is no refused sign-in
            raise NothingWritten(error.message) from None
        places = {each.name: self._place_of(each) for each in self.settings.types}
        return self._write(directory, places, changes)


def check_types(
    settings: SiloSettings,
    options: DirectoryOptions,
    check_type: Callable[[ObjectType], Iterator[Mistake]],
) -> Iterator[Mistake]:
    """Say what is unwise about the connection, and what is wrong about each type."""
    for message, remedy in remedies(options).items():
        yield Mistake(message, remedy, level=Level.WARNING)
    for kind in settings.types:
        try:
            with lost_is_unreachable():
                yield from check_type(kind)
        except SiloError as error:
            remedy = f"see the type {kind.name!r} of the silo {settings.silo!r}"
            yield Mistake(error.message, remedy)


@contextmanager
def lost_is_unreachable() -> Iterator[None]:
    """Tell that the server went away as everybody outside of directories expects it."""
    try:
        yield
    except Lost as error:
        raise SiloUnreachable(f"the server went away: {error}") from error
