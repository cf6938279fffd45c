"""Changes by DirSync (MS-ADTS, section 3.1.1.3.4.1.3): the domain controller tells what changed.

It wants the right *Replicating Directory Changes* on the naming context, tells of the whole naming
context and of nothing below it, and of deleted objects too. What it says of an object is only the
attributes that changed, partly in forms of their own (names with GUIDs, values added and removed);
so it is asked which objects changed, and these are read again. The list of attributes is a filter
of changes: ``name`` and ``parentGUID`` are in it because a renamed or moved object changes in
nothing else, ``isDeleted`` for what goes and comes back.

The control is written here, because the flags are four bytes: a library that writes
0x80000000 as a positive number needs five, and Active Directory refuses the request.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from hypersync.connectors.ad.place import ANCHOR, NOTHING, first
from hypersync.connectors.directory import ber
from hypersync.connectors.directory.answers import Answer, Code, Control, Entry
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.wire import Lost, Wire
from hypersync.errors import CursorLost, ScanFailed

OID: Final = "1.2.840.113556.1.4.841"
RIGHT: Final = "Replicating Directory Changes"
_INCREMENTAL_VALUES = 0x80000000
_MOST_BYTES = 1 << 20
_TELLING = ("isDeleted", "name", "parentGUID")
_LATER = (
    Code.TIME_LIMIT,
    Code.SIZE_LIMIT,
    Code.ADMIN_LIMIT,
    Code.BUSY,
    Code.UNAVAILABLE,
    Code.REFERRAL,
)


class NoRight(Exception):
    """The account may not use DirSync."""


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that changed, by its GUID as it is stored.

    ``was_moved`` says that its name or its place may be another one, or that it is new.
    """

    guid: bytes
    is_deleted: bool = False
    was_moved: bool = False


def request_value(cookie: bytes) -> bytes:
    """Write the value of the control."""
    flags = ber.element(0x02, struct.pack(">I", _INCREMENTAL_VALUES))
    return ber.sequence(flags, ber.integer(_MOST_BYTES), ber.octets(cookie))


def answer_value(value: bytes) -> tuple[bool, bytes]:
    """Return whether there is more, and the cookie; raises ``ValueError`` or ``IndexError``."""
    more, _, cookie = ber.parts_of(value)
    return any(more), cookie


class DirSync:
    """DirSync over one naming context; ``attributes`` are those whose changes matter."""

    def __init__(self, wire: Wire, context: str, attributes: Collection[str]) -> None:
        self._wire = wire
        self._context = context
        self._attributes = ["*"] if "*" in attributes else sorted({*attributes, *_TELLING})

    def start(self) -> bytes:
        """Return a cookie that knows all there is; raises `NoRight` and `ScanFailed`."""
        cookie, more = b"", True
        while more:
            _, more, cookie = self._turn(cookie, NOTHING)
        return cookie

    def changes(self, cookie: bytes) -> Iterator[tuple[list[Touched], bytes, bool]]:
        """Report what changed since a cookie: objects, the next cookie, whether more follow.

        Raises `NoRight`, `ScanFailed`, and `CursorLost` for a cookie that the server refuses.
        """
        more = True
        while more:
            entries, more, cookie = self._turn(cookie, ANY)
            yield [each for entry in entries if (each := _touched(entry))], cookie, more

    def _turn(self, cookie: bytes, filter_: str) -> tuple[list[Entry], bool, bytes]:
        control = Control(OID, value=request_value(cookie))
        try:
            answer = self._wire.search(self._context, filter_, self._attributes, controls=[control])
        except Lost as error:
            raise ScanFailed(f"the server went away in the middle of DirSync: {error}") from None
        self._check(answer, cookie)
        try:
            more, following = answer_value(answer.controls.get(OID, b""))
        except (ValueError, IndexError) as error:
            raise ScanFailed("the server answered DirSync without a cookie") from error
        if more and following == cookie:
            raise ScanFailed("DirSync goes round in circles: the same cookie came again")
        return answer.entries, more, following

    def _check(self, answer: Answer, cookie: bytes) -> None:
        result = answer.result
        if result.is_(Code.INSUFFICIENT_ACCESS):
            raise NoRight(result.sentence)
        if result.code and (result.is_(*_LATER) or not cookie):
            raise ScanFailed(f"DirSync of {self._context} did not end well: {result.sentence}")
        if result.code:
            raise CursorLost(f"the server does not take the DirSync cookie: {result.sentence}")


def _touched(entry: Entry) -> Touched | None:
    guid = first(entry.raw, ANCHOR)
    if guid is None:
        return None
    names = {name.lower() for name in entry.raw}
    is_deleted = (first(entry.raw, "isDeleted") or b"").upper() == b"TRUE"
    return Touched(guid, is_deleted, not names.isdisjoint(("name", "parentguid", "isdeleted")))
