"""Unlock keys: what one claims, how it is written down, and how long it is good. Pure.

An unlock key lets limits above the ceiling stand, in one silo of one installation. It is one line
of text, ``hypersync-unlock-1.PAYLOAD.SIGNATURE``: the claims as canonical JSON and the Ed25519
signature of a label with that JSON, both in base64url. The label keeps whatever else the same key
pair signs from passing for an unlock key. Claims have exactly one text: what differs from it in one
bit is refused.

A key is good from the moment it was issued, and a week or a day ends that long after *issuing*, so
that none can be kept for later. Failure direction: what cannot be read, verified or dated unlocks
nothing.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

import orjson

from hypersync.errors import UnlockRefused
from hypersync.model.canonical import encode_value
from hypersync.model.signing import verify

VERSION = 1
LONGEST_TEXT = 4096
LONGEST_LINE = 200
_PREFIX = f"hypersync-unlock-{VERSION}"
_LABEL = b"HyperSync unlock key 1\n"
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_YEARS = range(2000, 9000)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class UnlockKind(Enum):
    """How long an unlock key is good."""

    PERMANENT = "permanent"
    WEEK = "week"
    DAY = "day"


_SPANS = {
    UnlockKind.PERMANENT: None,
    UnlockKind.WEEK: timedelta(weeks=1),
    UnlockKind.DAY: timedelta(days=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an unlock key says; ``issued_at`` is aware, UTC, in whole seconds."""

    id: str
    kind: UnlockKind
    installation: str
    silo: str
    reason: str
    issued_at: datetime

    @property
    def ends_at(self) -> datetime | None:
        """The first moment at which it is no longer good; a permanent key has none."""
        span = _SPANS[self.kind]
        return None if span is None else self.issued_at + span


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What an unlock key must fit: this installation, its silos, the organisation's public key.

    Without a public key nothing fits.
    """

    installation: str
    silos: frozenset[str]
    public_key: str | None = None


def write(claims: Claims, sign: Callable[[bytes], bytes]) -> str:
    """Return the key with these claims, signed; raises `UnlockRefused` for what no key may say."""
    _check(claims)
    payload = _payload(claims)
    return f"{_PREFIX}.{_to_text(payload)}.{_to_text(sign(_LABEL + payload))}"


def verified(text: str, lock: Lock) -> Claims:
    """Return the claims of a key that fits; raises `UnlockRefused` that says why it does not.

    Says nothing about time or revocation.
    """
    if lock.public_key is None:
        raise UnlockRefused(
            "no public key is configured, so no unlock key can be verified; "
            "write unlock: {public_key: ...}"
        )
    payload, signature = _parts(text)
    if not verify(lock.public_key, _LABEL + payload, signature):
        raise UnlockRefused(
            "the signature is not by the private key that belongs to unlock.public_key, or the "
            "text was changed"
        )
    claims = _claims(payload)
    if claims.installation != lock.installation:
        raise UnlockRefused(
            f"the unlock key {claims.id} is for the installation {claims.installation!r}, "
            f"this is {lock.installation!r}"
        )
    if claims.silo not in lock.silos:
        known = ", ".join(sorted(lock.silos)) or "none"
        raise UnlockRefused(
            f"the unlock key {claims.id} is for the silo {claims.silo!r}, which is not here; "
            f"there are {known}"
        )
    return claims


def unverified(text: str) -> Claims | None:
    """Return what a key says of itself, for showing only; ``None`` when it cannot be read."""
    try:
        return _claims(_parts(text)[0])
    except UnlockRefused:
        return None


def is_unlock_id(text: str) -> bool:
    """Tell whether a text can be the id of an unlock key."""
    return _ID.fullmatch(text) is not None


def is_one_line(text: str) -> bool:
    """Tell whether a text may stand in a key: one short line that shows what it holds."""
    return bool(text.strip()) and text.isprintable() and len(text) <= LONGEST_LINE


# --- the text ----------------------------------------------------------------------------------


def _payload(claims: Claims) -> bytes:
    return encode_value(
        {
            "version": VERSION,
            "id": claims.id,
            "kind": claims.kind.value,
            "installation": claims.installation,
            "silo": claims.silo,
            "reason": claims.reason,
            "issued_at": claims.issued_at.astimezone(UTC).strftime(_TIME),
        }
    )


def _parts(text: str) -> tuple[bytes, bytes]:
    """Return payload and signature of a key's text."""
    prefix, *encoded = text.split(".") if len(text) <= LONGEST_TEXT else [""]
    if prefix != _PREFIX or len(encoded) != 2:
        raise UnlockRefused(
            f"this is no unlock key; one begins with {_PREFIX}. and is one line, copy all of it"
        )
    return _from_text(encoded[0]), _from_text(encoded[1])


def _claims(payload: bytes) -> Claims:
    """Read claims; only what `write` writes is read."""
    try:
        said = orjson.loads(payload)
        claims = Claims(
            id=said["id"],
            kind=UnlockKind(said["kind"]),
            installation=said["installation"],
            silo=said["silo"],
            reason=said["reason"],
            issued_at=datetime.strptime(said["issued_at"], _TIME).replace(tzinfo=UTC),
        )
        _check(claims)
        is_exact = _payload(claims) == payload
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnlockRefused("the unlock key says nothing that can be read") from error
    if not is_exact:
        raise UnlockRefused("the unlock key is not written as `unlock issue` writes it")
    return claims


def _check(claims: Claims) -> None:
    if not _ID.fullmatch(claims.id):
        raise UnlockRefused("the id of the unlock key is malformed")
    if claims.issued_at.year not in _YEARS:
        raise UnlockRefused("the unlock key was issued at no time that can be")
    for name in ("installation", "silo", "reason"):
        if not is_one_line(getattr(claims, name)):
            raise UnlockRefused(
                f"the {name} of an unlock key is one line of at most {LONGEST_LINE} characters"
            )


def _to_text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _from_text(text: str) -> bytes:
    """Return the bytes behind a text; bits that stand for nothing are refused."""
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise UnlockRefused("the unlock key is not whole; copy all of its one line") from error
    if _to_text(raw) != text:
        raise UnlockRefused("the unlock key is not whole; copy all of its one line")
    return raw
