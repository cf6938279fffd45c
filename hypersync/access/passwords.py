"""Passwords: what may be one, and whether one is right. Hashed with argon2id.

Whether a name is known cannot be told by the time an answer takes: where there is nothing to
compare with, as much work is done for nothing. At most two are hashed at once, because each takes
64 MiB. What was hashed with other parameters is hashed again when its owner next comes in.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from secrets import token_urlsafe
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hypersync.errors import UsageError

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 1024
_AT_ONCE = 2


class Passwords:
    """Hashes and compares; ``hasher`` has the parameters, those argon2-cffi recommends."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = BoundedSemaphore(_AT_ONCE)
        self._nobodys = _nobodys(self._hasher)

    def hashed(self, password: str) -> str:
        """Return what is stored of a password."""
        with self._turn:
            return self._hasher.hash(_normal(password))

    def is_right(self, stored: str | None, password: str) -> bool:
        """Tell whether a password is the one that was stored; ``None`` takes as long to be false.

        What is longer than a password may be is wrong, after the same work.
        """
        is_whole = len(password) <= MOST_CHARACTERS
        with self._turn:
            try:
                self._hasher.verify(stored or self._nobodys, _normal(password) if is_whole else "")
            except (VerificationError, InvalidHashError):
                return False
        return is_whole and stored is not None

    def is_old(self, stored: str) -> bool:
        """Tell whether a hash was made with other parameters."""
        return self._hasher.check_needs_rehash(stored)


def _nobodys(hasher: PasswordHasher) -> str:
    """Return a hash with the parameters of a hasher that fits no password."""
    return _nobodys_with(hasher.time_cost, hasher.memory_cost, hasher.parallelism)


@cache
def _nobodys_with(time: int, memory: int, parallelism: int) -> str:
    hasher = PasswordHasher(time_cost=time, memory_cost=memory, parallelism=parallelism)
    return hasher.hash(token_urlsafe())


def check_new(password: str, *, never: frozenset[str] = frozenset()) -> None:
    """Raise `UsageError` for what may not be a password; ``never`` are names, in lower case."""
    if len(password) < LEAST_CHARACTERS:
        raise UsageError(
            f"the password is too short; {LEAST_CHARACTERS} characters or more, such as a few words"
        )
    if len(password) > MOST_CHARACTERS:
        raise UsageError(f"the password is too long; at most {MOST_CHARACTERS} characters")
    if not password.isprintable():
        raise UsageError("the password holds a character that cannot be typed; leave it out")
    if password.casefold() in never or len(set(password)) < 4:
        raise UsageError("the password is too easy to guess; choose a few words")


def _normal(password: str) -> str:
    """Return a password as every keyboard types it: composed characters are one (RFC 8265)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace").decode()
