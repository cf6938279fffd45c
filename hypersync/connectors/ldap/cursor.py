"""Where a delta starts: the newest change known of each server that writes. Pure.

An ``entryCSN`` names the server that made the change, ``20260102030405.000006Z#000000#001#000000``:
changes of one server arrive in order, those of several do not. So each server (``001``) has a mark
of its own; where there is only ``modifyTimestamp``, there is one mark for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

_WRITER = 2


def writer_of(stamp: str) -> str:
    """Return which server made a change, nothing when the stamp does not tell."""
    parts = stamp.split("#")
    return parts[_WRITER] if len(parts) > _WRITER else ""


def newest(stamps: Iterable[str]) -> dict[str, str]:
    """Return the newest stamp of each writer."""
    found: dict[str, str] = {}
    for stamp in stamps:
        writer = writer_of(stamp)
        found[writer] = max(found.get(writer, ""), stamp)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The newest stamp of each writer (``marks``), and the entry that was the newest of all.

    ``witness`` is that entry's anchor and stamp: a server that knows it in an earlier state was set
    back. ``by`` is the attribute of the stamps; ``scope`` is of server and type. ``shared`` are the
    anchors that several entries had: who has one may be alone by now, though it did not change.
    ``holders`` tells what stood above objects (`renamed.Holders.text`).
    """

    marks: Mapping[str, str]
    witness: tuple[str, str] | None
    by: str
    scope: str
    shared: Sequence[str] = ()
    holders: str = ""

    @property
    def text(self) -> str:
        """The cursor as it is stored."""
        content = {
            "marks": dict(sorted(self.marks.items())),
            "witness": self.witness,
            "by": self.by,
            "scope": self.scope,
            "shared": sorted(self.shared),
            "holders": self.holders,
        }
        return orjson.dumps(content).decode()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read a cursor; raises ``ValueError`` when it is none."""
        try:
            found = orjson.loads(text)
            marks = {str(writer): str(stamp) for writer, stamp in found["marks"].items()}
            witness = found["witness"]
            if witness is not None:
                anchor, stamp = witness
                witness = (str(anchor), str(stamp))
            cursor = cls(
                marks=marks,
                witness=witness,
                by=str(found["by"]),
                scope=str(found["scope"]),
                shared=tuple(map(str, found["shared"])),
                holders=str(found["holders"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is no cursor") from error
        if not marks:
            raise ValueError("the cursor has no marks")
        for stamp in marks.values():
            earlier(stamp, timedelta())
        return cursor

    def is_late(self, stamp: str) -> bool:
        """Tell whether a change is newer than all that was known of its writer."""
        return stamp > self.marks.get(writer_of(stamp), "")


def earlier(stamp: str, span: timedelta) -> str:
    """Return an ``entryCSN`` or ``modifyTimestamp`` that much before; raises ``ValueError``."""
    moment, sign, rest = stamp.partition("Z")
    pattern = "%Y%m%d%H%M%S.%f" if "." in moment else "%Y%m%d%H%M%S"
    before = datetime.strptime(moment, pattern).replace(tzinfo=UTC) - span
    if not rest:
        return f"{before:%Y%m%d%H%M%S}{sign}"
    return f"{before:%Y%m%d%H%M%S}.{before:%f}Z#000000#000#000000"
