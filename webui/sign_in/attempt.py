"""One try to sign in with a provider: what the browser keeps until it comes back. Pure.

The browser keeps a random secret, where to go on, and when it began, signed by us; state, nonce and
the verifier of PKCE are derived from the secret. So whoever comes back with another browser, too
late, or with an answer to another try, is not signed in.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypersync.approvals.links import Signer
from webui.addresses import own_path

TIME = timedelta(minutes=10)
"""How long somebody has at the provider."""
_SKEW = timedelta(minutes=1)
_MOST_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that began at a time and is to go on to a path."""

    secret: str
    wanted: str
    began_at: datetime

    @property
    def state(self) -> str:
        """What the provider hands back, so that the answer is to this try."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What stands in the ID token, so that it was made for this try."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What only who began this try can show with the code."""
        return self._derived("verifier")

    def _derived(self, what: str) -> str:
        return _text(hmac.digest(self.secret.encode(), what.encode(), hashlib.sha256))


def written(attempt: Attempt, signer: Signer) -> str:
    """Return what the browser keeps."""
    moment = attempt.began_at.isoformat()
    said = _text(json.dumps([attempt.secret, attempt.wanted, moment]).encode())
    return f"{said}.{_seal(signer.keys[0], signer, said)}"


def read(text: str, signer: Signer, now: datetime) -> Attempt | None:
    """Return the try that a browser kept; ``None`` for what is not ours or took too long."""
    said, _, seal = text.partition(".")
    if len(text) > _MOST_CHARACTERS or not seal.isascii():
        return None
    if not any(hmac.compare_digest(seal, _seal(key, signer, said)) for key in signer.keys):
        return None
    secret, wanted, moment = json.loads(urlsafe_b64decode(said + "=" * (-len(said) % 4)))
    began_at = datetime.fromisoformat(moment).astimezone(UTC)
    if not -_SKEW <= now - began_at < TIME:
        return None
    return Attempt(secret, own_path(wanted), began_at)


def _seal(key: bytes, signer: Signer, said: str) -> str:
    signed = f"sign-in\0{signer.environment}\0{said}".encode("utf-8", "replace")
    return _text(hmac.digest(key, signed, hashlib.sha256))


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
