"""The connector port: how one kind of silo is read and written.

A scan stream that does not end in `Complete` is a failed scan: nothing is deleted, nothing is
marked absent, the cursor stays. ``cursor=None`` is a full scan.

What a session may do besides is optional: `Discovers`, `TellsRights` and `Reaches`. A session that
stands around another one has it as ``wrapped``; `plain` finds the one that is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol, runtime_checkable

from pydantic import BaseModel

from hypersync.model.discovery import FoundType
from hypersync.model.mistake import Mistake
from hypersync.model.objects import Batch, Change, ObjectType, Outcome, Schema, SiloObject
from hypersync.model.rights import Right


class Session(Protocol):
    """An open connection to a silo; not thread-safe.

    Every method raises `SiloUnreachable` or `SiloRefused` when the silo does not play along.
    """

    def schema(self) -> Schema:
        """Describe types and attributes, which are multi-valued or read-only."""

    def scope(self, types: Sequence[ObjectType]) -> str:
        """Return a fingerprint of who reads what: all that absence is measured against."""

    def scan(self, types: Sequence[ObjectType], cursor: str | None) -> Iterator[Batch]:
        """Read all objects, or the changes since ``cursor``; `Complete` comes last.

        An `Invalid` overrules a `Seen` of the same anchor, whichever comes first: that a file has
        an anchor twice is known only at its end.

        Raises `ScanFailed` when the stream breaks and `CursorLost` when a full scan is needed.
        """

    def read(self, object_type: ObjectType, anchor: str) -> SiloObject | None:
        """Read one object by anchor without the scope's filter; ``None`` when it is not there.

        Raises `NotShown` when it is there and cannot be read, besides what every method raises.
        """

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write the changes, each only if its ``before`` still holds; one outcome per change.

        Raises `NothingWritten` when it did not get as far as the first change: all of them wait.
        It comes from `SiloRefused` when it did not let us in.
        After any other error what became of them has to be read back.
        """

    def check(self) -> Sequence[Mistake]:
        """Say what is wrong with reachability, rights, base and schema."""


@runtime_checkable
class Discovers(Protocol):
    """A session that knows which types its silo has, those not configured too.

    For others what the configured types hold is found out by scanning a part of them.
    """

    def discover(self) -> Sequence[FoundType]:
        """Say what there is and what would configure it; never a value of an object.

        The silo may have no types configured. Raises `SiloUnreachable` and `SiloRefused`.
        """


@runtime_checkable
class TellsRights(Protocol):
    """A session whose silo tells what the account may do, without being written to."""

    def rights(self) -> Sequence[Right]:
        """Say for each type what the account may do, ``None`` where the silo does not tell.

        Raises `SiloUnreachable` and `SiloRefused`.
        """


@runtime_checkable
class Reaches(Protocol):
    """A session that may be open although nobody reached its silo yet."""

    def reach(self) -> None:
        """Ask the silo for something small; raises `SiloUnreachable` or `SiloRefused`."""


class Connector(Protocol):
    """Reads and writes one kind of silo. Thread-safe; a session is not.

    Where a deleted object that is created again under its anchor is the same object to everybody it
    also says so by ``recreates``, and where one server may not know yet what another one does a
    ``lag``; see the functions of these names.
    """

    options: type[BaseModel]
    can_write: bool

    def streams(self) -> Sequence[Sequence[ObjectType]]:
        """Return the types that are scanned together under one cursor."""

    def open(self) -> AbstractContextManager[Session]:
        """Connect; raises `SiloUnreachable` or `SiloRefused`."""


def recreates(connector: Connector, type_: str) -> bool:
    """Tell whether a silo brings a deleted object of a type back; what does not say so does not.

    A connector says ``recreates``: true of all its types, or the names of those it is true of.
    """
    found = getattr(connector, "recreates", False)
    return found is True or (isinstance(found, frozenset) and type_ in found)


def lag(connector: Connector) -> timedelta:
    """Return for how long one server of a silo may not know what another one does.

    That is what is to be reckoned with while nobody says otherwise (``settle``); one that does not
    say so has one server, or none that is behind: zero.
    """
    found = getattr(connector, "lag", timedelta(0))
    return found if isinstance(found, timedelta) else timedelta(0)


def is_lost(session: object) -> bool:
    """Tell whether the connection of a session broke, so that only another one goes on.

    One that does not say so keeps none, or mends it by itself.
    """
    return getattr(plain(session), "is_lost", False) is True


def plain(session: object) -> object:
    """Return the session itself, without those that stand around it."""
    while (inner := getattr(session, "wrapped", None)) is not None:
        session = inner
    return session
