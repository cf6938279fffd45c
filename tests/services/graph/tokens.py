"""Opaque tokens: what the service wants to know again, signed so that nobody else makes one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

import orjson

from tests.services.graph.wire import Problem

LIFE = timedelta(days=7)
"""How long the token of a directory object's delta lives."""


class Tokens:
    """Makes and reads tokens; those of another service are not known here."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self.not_before: datetime | None = None
        """Tokens that were issued before this moment have expired."""

    def make(self, content: dict[str, Any], now: datetime) -> str:
        """Return a token."""
        text = orjson.dumps({**content, "at": now.timestamp()})
        return base64.urlsafe_b64encode(self._seal(text) + text).decode().rstrip("=")

    def read(self, token: str) -> dict[str, Any]:
        """Return what a token says; raises `Problem` when it is none of ours."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raw = b""
        if len(raw) < 9 or not hmac.compare_digest(self._seal(raw[8:]), raw[:8]):
            raise Problem(
                400,
                "Directory_InvalidPageToken",
                "The specified page token value has either expired or is invalid.",
            )
        content: dict[str, Any] = orjson.loads(raw[8:])
        return content

    def has_expired(self, content: dict[str, Any], now: datetime) -> bool:
        """Tell whether a token is too old."""
        issued = content["at"]
        early = self.not_before is not None and issued < self.not_before.timestamp()
        return early or now.timestamp() - issued >= LIFE.total_seconds()

    def _seal(self, text: bytes) -> bytes:
        return hmac.new(self._key, text, hashlib.sha256).digest()[:8]
