"""Why a domain controller lets nobody in, in words. Pure.

Every refusal to sign in has result code 49; the reason is a number in the text (``data 52e``), a
Windows error code in hexadecimal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "525": "there is no such user",
        "52e": "wrong user or password",
        "52f": "the account is restricted; it may not sign in here",
        "530": "the account may not sign in at this hour",
        "531": "the account may not sign in from this machine",
        "532": "the password has expired; set a new one, or let that of a service account be",
        "533": "the account is disabled; enable it",
        "701": "the account has expired; give it another end",
        "773": "the password must be changed first; set one that need not be",
        "775": "the account is locked out; unlock it and mend the password that locked it",
    }
)
_NUMBER = re.compile(r"\bdata ([0-9a-f]+)\b", re.IGNORECASE)
_USUAL = "wrong user or password"


def in_words(message: str) -> str:
    """Return a refusal with its reason in words, where a number in it tells one."""
    match = _NUMBER.search(message)
    reason = _REASONS.get(match[1].lower()) if match else None
    return message if reason is None else message.replace(_USUAL, reason, 1)
