"""Identifiers. Ids of runs, actions and requests are opaque text that cannot be guessed."""

from __future__ import annotations

import secrets
from typing import NewType

RunId = NewType("RunId", str)
ActionId = NewType("ActionId", str)
RequestId = NewType("RequestId", str)
IdentityId = NewType("IdentityId", int)
ObjectId = NewType("ObjectId", int)


def new_public_id() -> str:
    """Return 22 characters of ``[A-Za-z0-9_-]``, 128 random bits, that no shell reads as a flag."""
    while (fresh := secrets.token_urlsafe(16))[0] in "-_":
        pass
    return fresh
