"""Where a delta starts: what the cursor of a stream holds. Pure."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from hypersync.errors import CursorLost

_FORM = 1


class Way(Enum):
    """How changes are found."""

    DIRSYNC = "dirsync"
    USN = "usn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a scan went, and at which domain controller: it means nothing at another one.

    ``usn`` is the last change that the controller had when the scan began, ``time`` its clock then,
    and ``cookie`` what DirSync continues with. ``witness`` is the object that changed last of those
    that were seen, with the number of that change: a controller that knows it with a smaller number
    was set back. ``owes_groups`` says that the members of all groups are to be read once more.
    """

    way: Way
    url: str
    invocation: str
    usn: int
    time: str
    scope: str
    cookie: bytes = b""
    witness: tuple[str, int] | None = None
    owes_groups: bool = False

    @property
    def text(self) -> str:
        """The cursor."""
        found = {
            "form": _FORM,
            "way": self.way.value,
            "url": self.url,
            "invocation": self.invocation,
            "usn": self.usn,
            "time": self.time,
            "scope": self.scope,
            "cookie": b64encode(self.cookie).decode(),
            "witness": self.witness,
            "owes_groups": self.owes_groups,
        }
        return orjson.dumps(found).decode()

    @classmethod
    def read(cls, cursor: str) -> Mark:
        """Return what a cursor says; raises `CursorLost` for one that says nothing to us."""
        try:
            found: dict[str, Any] = orjson.loads(cursor)
            if found["form"] != _FORM:
                raise CursorLost("the cursor is of another version; scanned in full")
            return cls(
                way=Way(found["way"]),
                url=str(found["url"]),
                invocation=str(found["invocation"]),
                usn=int(found["usn"]),
                time=str(found["time"]),
                scope=str(found["scope"]),
                cookie=b64decode(found["cookie"], validate=True),
                witness=_witness(found["witness"]),
                owes_groups=found["owes_groups"] is True,
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise CursorLost from error


def _witness(found: Any) -> tuple[str, int] | None:  # noqa: ANN401 - whatever JSON held
    return None if found is None else (str(found[0]), int(found[1]))
