"""A key pair and the unlock keys it signs, for tests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hypersync.model.ids import new_public_id
from hypersync.model.signing import load_private, new_key, sign
from hypersync.model.unlock import Claims, UnlockKind, write
from tests.worlds import START

if TYPE_CHECKING:
    from datetime import datetime

PEM, PUBLIC = new_key()
OTHER_PEM, OTHER_PUBLIC = new_key()
HERE = "example-test"


def claims(
    kind: str = "week",
    *,
    silo: str = "dir",
    installation: str = HERE,
    reason: str = "the move to the new campus",
    issued_at: datetime = START,
) -> Claims:
    """What a key says that fits `HERE`."""
    return Claims(
        id=new_public_id(),
        kind=UnlockKind(kind),
        installation=installation,
        silo=silo,
        reason=reason,
        issued_at=issued_at,
    )


def signed(what: Claims, pem: bytes = PEM) -> str:
    """The key with these claims."""
    return write(what, partial(sign, load_private(pem)))
