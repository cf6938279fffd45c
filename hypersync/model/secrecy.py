"""Which attributes are secrets by their name, whatever silo they are of. Pure.

Silos name passwords, keys and the like in many ways. What is named like one is never shown, never
said of a cause and never searched; failing is towards hiding what is none.
"""

from __future__ import annotations

import re
from functools import cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET = re.compile(
    r"pass.?(?:w|phrase|code)|pwd|secret|credential|token|private|pkcs|recovery"
    r"|(?:api.?key|keys?|pin|puk|otp)[\W\d_]*$",
    re.IGNORECASE,
)
_WORDS = frozenset({"hash", "key", "keys", "otp", "pin", "pins", "puk", "salt", "seed", "totp"})


@cache
def is_secret(name: str) -> bool:
    """Tell whether an attribute is named like a secret."""
    words = {word.casefold() for word in _WORD.findall(name)}
    return bool(_SECRET.search(name)) or bool(words & _WORDS)
