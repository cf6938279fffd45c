"""Changes by ``uSNChanged``, for accounts that may not use DirSync.

Every change of a domain controller gets the next number, and each object carries that of its last
one; another controller numbers otherwise. What changed is what carries a number above the last that
the previous scan knew of, read *before* it asked. Deleted objects are found by the same search with
the control that shows them, where the account may list them; an account that may not simply sees
none, so they are believed only when at least one is seen, and else all anchors are read.

Which attribute changed is in ``replPropertyMetaData`` (MS-DRSR, section 4.1.10.2.22 of its values):
the number of the last change of ``name`` tells a renamed or moved object from any other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from hypersync.connectors.ad.dirsync import Touched
from hypersync.connectors.ad.place import ANCHOR, first
from hypersync.connectors.directory.answers import Control, Entry
from hypersync.connectors.directory.wire import Wire

SHOW_DELETED: Final = Control("1.2.840.113556.1.4.417")
_NAME = 0x00090001
_HEAD = struct.Struct("<QQ")
_PART = struct.Struct("<IIQ16sQQ")


class Numbers:
    """The numbered changes of one naming context."""

    def __init__(self, wire: Wire, context: str, page_size: int) -> None:
        self._wire = wire
        self._context = context
        self._page_size = page_size

    def changes(self, since: int) -> Iterator[list[Touched]]:
        """Report what changed after number ``since``; raises `ScanFailed`."""
        for page in self._wire.pages(
            self._context,
            f"(uSNChanged>={since + 1})",
            [ANCHOR, "isDeleted", "replPropertyMetaData"],
            page_size=self._page_size,
            controls=[SHOW_DELETED],
            ignore_references=True,
        ):
            yield [each for entry in page if (each := _touched(entry, since))]

    def sees_deleted(self) -> bool:
        """Tell whether the account is shown deleted objects: proved by one that it is shown."""
        pages = self._wire.pages(
            self._context,
            "(&(isDeleted=TRUE)(lastKnownParent=*))",
            [ANCHOR],
            page_size=1,
            controls=[SHOW_DELETED],
            ignore_references=True,
        )
        return any(next(pages, ()))


def _touched(entry: Entry, since: int) -> Touched | None:
    guid = first(entry.raw, ANCHOR)
    if guid is None:
        return None
    is_deleted = (first(entry.raw, "isDeleted") or b"").upper() == b"TRUE"
    known = first(entry.raw, "replPropertyMetaData")
    return Touched(guid, is_deleted, was_renamed(known, since))


def was_renamed(metadata: bytes | None, since: int) -> bool:
    """Tell whether the name or the place changed after a number; when it cannot be told, yes."""
    if metadata is None:
        return True
    try:
        version, count = _HEAD.unpack_from(metadata)
        if version != 1:
            return True
        for number in range(count & 0xFFFFFFFF):
            attribute, *_, local = _PART.unpack_from(metadata, _HEAD.size + number * _PART.size)
            if attribute == _NAME:
                return bool(local > since)
    except struct.error:
        return True
    return True
