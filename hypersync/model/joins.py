"""How join values and references are written down, so that equal ones are equal text. Pure."""

from __future__ import annotations

import re

_SPACE = "value:"
_DN = re.compile(r"\s*[A-Za-z][\w.-]*\s*=")
_SEPARATOR = re.compile(r"(?<!\\) *([,+=]) *")
_PART = re.compile(r"((?:\\.|[^\\,+])*)([,+]|$)", re.DOTALL)
_EQUALS = re.compile(" *= *")
_ESCAPES = re.compile(r"((?:\\[0-9a-fA-F]{2})+)|\\(.)", re.DOTALL)
_SPECIAL = re.compile(r"[,+\"\\<>;\x00-\x1f\x7f]|^[ #]| $")


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

    Distinguished names are compared without regard to case, to spaces around separators and to how
    characters are escaped (RFC 4514); everything else, for instance an anchor, as it is.
    """
    if not _DN.match(text):
        return text
    if "\\" not in text or _ends_escaping(text):  # the latter is no DN
        return _SEPARATOR.sub(r"\1", text.strip(" ")).casefold()
    return "".join(_normal_part(match[1]) + match[2] for match in _PART.finditer(text))


def _normal_part(part: str) -> str:
    """Return a type and its value, with the escapes that are needed and no others."""
    name, sign, written = part.partition("=")
    value = written.strip(" ")
    if written.endswith(" ") and _ends_escaping(value):
        value += " "  # it is part of the value
    value = _EQUALS.sub("=", _ESCAPES.sub(_unescaped, value)).casefold()
    return f"{name.strip(' ').casefold()}{sign}{_SPECIAL.sub(_escaped, value)}"


def _ends_escaping(value: str) -> bool:
    return (len(value) - len(value.rstrip("\\"))) % 2 == 1


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2]
    return bytes.fromhex(match[1].replace("\\", "")).decode("utf-8", "backslashreplace")


def _escaped(match: re.Match[str]) -> str:
    sign = match[0]
    return f"\\{sign}" if sign.isprintable() else f"\\{ord(sign):02x}"
