"""How join values and references are written down, so that equal ones are equal text. Pure."""

from __future__ import annotations

import re

from hypersync.model.names import normal_text

_SPACE = "value:"
_DN = re.compile(r"\s*(?:[A-Za-z][\w.-]*|\d+(?:\.\d+)+)\s*=(?!\s*=*\s*$)")


def join_key(normal: str) -> str:
    """Return the key under which an identity is stored: the name space and the normal value."""
    return _SPACE + normal


def normal_value(key: str) -> str:
    """Return the normal value out of a stored key."""
    return key.removeprefix(_SPACE)


REPLACED = "replaced:"
"""How a remembered VIP rule begins that stands for a slot: its object was replaced by another."""


def normal_reference(text: str) -> str:
    """Return what a silo stores to refer to an object in the form in which it is compared.

    Distinguished names are compared as `names` does, without regard to case, to spaces around
    separators and to how characters are escaped (RFC 4514); everything else, for instance an
    anchor, as it is. So is ``QUJD``, ``QUI=`` or ``QQ==``: Base64 ends in equals signs and tells
    case apart. An anchor like ``a=B`` cannot be told from a name and is compared as one.
    """
    if not _DN.match(text):
        return text
    try:
        return normal_text(text)
    except ValueError:
        return text
