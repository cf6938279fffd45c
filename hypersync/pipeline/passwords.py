"""Initial passwords: made when an account is made, never stored.

A rule asks for one with ``initial_password()`` while it plans; what the plan, the store and the
mails hold is a mark in its place. The password itself exists only in the call that creates the
account.
"""

from __future__ import annotations

import secrets
import string

from hypersync.model.objects import Attributes, SiloObject, Value
from hypersync.model.secrecy import MARK

__all__ = ["MARK", "fresh_password", "with_passwords"]

_LENGTH = 20
_ALPHABETS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!#%+-./:=?@_")


def fresh_password() -> str:
    """Return twenty random characters, among them a letter of each case, a digit and a sign."""
    while True:
        made = "".join(secrets.choice("".join(_ALPHABETS)) for _ in range(_LENGTH))
        if all(set(made) & set(alphabet) for alphabet in _ALPHABETS):
            return made


def with_passwords(values: Attributes) -> Attributes:
    """Return the values with a fresh password for every mark."""
    return {name: _filled(value) for name, value in values.items()}


def without_passwords(found: SiloObject | None, once: Attributes) -> SiloObject | None:
    """Return an object as it may be stored: without the attributes that got a password."""
    names = {name for name, value in once.items() if isinstance(value, str) and MARK in value}
    if found is None or not names:
        return found
    kept = {name: value for name, value in found.attributes.items() if name not in names}
    return SiloObject(found.type, found.anchor, kept)


def _filled(value: Value) -> Value:
    if isinstance(value, str) and MARK in value:
        return value.replace(MARK, fresh_password())
    return value
