"""The hash chain over the audit trail. Pure.

Each event is sealed over the seal before it and over everything it says, its key in the table
included. A seal is ``v1.NUMBER.SECONDS.KEY.MAC``: its place in the chain, when it was made, a
fingerprint of the key, and an HMAC-SHA256. The key is derived from a secret key of the
configuration, so that whoever can write the database cannot make the seals fit again. The newest
secret key seals, older ones still verify.

What cannot be proven from the table alone is that its end is there: a chain that was cut off is a
shorter chain. Whoever kept a seal (a checkpoint, the log, a daemon that runs) notices that as well.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypersync.approvals.settings import Settings
from hypersync.model.canonical import encode_value
from hypersync.ports.store.events import Entry

_SEAL = re.compile(r"v1\.(\d{1,18})\.(\d{1,12})\.([0-9a-f]{8})\.([A-Za-z0-9_-]{43})", re.ASCII)
_LAST_SECOND = 253402300799
"""The end of the year 9999; no seal is made later."""
_PURPOSE = b"hypersync audit chain 1"


@dataclass(frozen=True, slots=True)
class Seal:
    """What a seal says in the clear; ``number`` counts from 1, ``key`` is a fingerprint."""

    number: int
    seconds: int
    key: str
    mac: str

    @property
    def made_at(self) -> datetime:
        """When it was made."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def __str__(self) -> str:
        return f"v1.{self.number}.{self.seconds}.{self.key}.{self.mac}"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many events are sealed, and the seal and the key of the last one."""

    number: int = 0
    seal: str = ""
    event: int | None = None


def read_seal(text: str | None) -> Seal | None:
    """Return what a seal says; ``None`` for what is no seal."""
    found = _SEAL.fullmatch(text) if isinstance(text, str) else None
    if found is None or int(found[2]) > _LAST_SECOND:
        return None
    return Seal(int(found[1]), int(found[2]), found[3], found[4])


@dataclass(frozen=True, slots=True)
class ChainKeys:
    """The keys of the chain by fingerprint, newest first."""

    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def derive(cls, secrets: Sequence[bytes], environment: str) -> ChainKeys:
        """Derive them from the secret keys of an installation and its environment."""
        name = environment.encode()
        derived = [
            hmac.digest(secret, len(_PURPOSE).to_bytes(4) + _PURPOSE + name, hashlib.sha256)
            for secret in secrets
        ]
        return cls({_fingerprint(key): key for key in derived})

    def seal(self, entry: Entry, before: Head, now: datetime) -> Seal:
        """Seal an event as the next one of a chain, with the newest key; never an earlier one."""
        fingerprint, key = next(iter(self.keys.items()))
        last = read_seal(before.seal)
        seconds = max(int(now.timestamp()), 0 if last is None else last.seconds)
        number = before.number + 1
        mac = _mac(key, entry, before.seal, number, seconds)
        return Seal(number, seconds, fingerprint, mac)

    def fits(self, entry: Entry, seal: Seal, before: str) -> bool:
        """Tell whether a seal was made over this event and the seal before it."""
        key = self.keys.get(seal.key)
        if key is None:
            return False
        right = _mac(key, entry, before, seal.number, seal.seconds)
        return hmac.compare_digest(right, seal.mac)


def chain_keys(settings: Settings) -> ChainKeys:
    """Return the keys of the chain of this installation and environment."""
    return ChainKeys.derive(settings.signer.keys, settings.signer.environment)


def _fingerprint(key: bytes) -> str:
    return hmac.digest(key, b"fingerprint", hashlib.sha256)[:4].hex()


def _mac(key: bytes, entry: Entry, before: str, number: int, seconds: int) -> str:
    said = [before, number, seconds, entry.id, *entry.content]
    made = hmac.digest(key, encode_value(said), hashlib.sha256)
    return urlsafe_b64encode(made).rstrip(b"=").decode()
