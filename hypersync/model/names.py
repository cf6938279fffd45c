"""Distinguished names (RFC 4514): taken apart and compared. Pure.

Two names are equal when their parts are, whatever their case, spaces and escapes, and in whatever
order the values of a multi-valued relative name stand. Values are compared without case, which is
how directories compare the attributes that names are made of. Only spaces are spaces: an escaped
one at an end of a value, a line break or a no-break space is part of the name.

Letters are equal only where every server holds them equal, which is less than RFC 4518 says: by its
table (RFC 3454, B.2) ß is ss, but OpenLDAP makes letters small one by one and has cn=Strauss and
cn=Strauß side by side. The same is true of ß and its capital letter, of a final sigma and another,
and of letters that came after Unicode 3.2. To hold two names for one would hide a write or let it
pass as done; to hold one name for two costs a write that the server takes for nothing, or a
conflict.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias
from unicodedata import normalize, ucd_3_2_0

NormalName: TypeAlias = tuple[tuple[tuple[str, str], ...], ...]
_PIECE = re.compile(r"((?:\\.|[^\\,;+])*)([,;+]|$)", re.DOTALL)
_ESCAPES = re.compile(r"((?:\\[0-9a-fA-F]{2})+)|\\(.)", re.DOTALL)
_SPECIAL = re.compile(r"[\\+;]")
_SPACES = re.compile("  +")
_UNSAFE = re.compile(r"[,+\"\\<>;\x00-\x1f\x7f]|^[ #]| $")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*")
_LETTERS = (range(0x41, 0x2130), range(0xFF21, 0xFF3B), range(0x10400, 0x10426))
_SMALL = {
    number: small
    for number, small in ((number, chr(number).lower()) for each in _LETTERS for number in each)
    if ucd_3_2_0.category(chr(number)) in ("Lu", "Lt")
    and len(small) == 1
    and ucd_3_2_0.category(small) == "Ll"
}
"""The small letters of capital ones, one for one, as far as Unicode 3.2 knew both."""
_COMMON = re.compile("[\0-\u012f\u0131-\u0219\u0300-\u036f\u0400-\u0481]*")
"""Where Python makes small what `_SMALL` does, only sooner."""


def split(dn: str) -> tuple[str, str]:
    """Return the relative name and the parent, as they are written.

    Raises ``ValueError`` with a sentence when the text is no DN.
    """
    for match in _PIECE.finditer(dn):
        if match[2] != "+":
            rdn, parent = _trimmed(dn[: match.end(1)]), dn[match.end() :].lstrip()
            _values(rdn)
            return rdn, parent
    raise ValueError(f"{dn!r} is no DN")


def naming_values(dn: str) -> list[tuple[str, str]]:
    """Return the attributes and values of the relative name; raises ``ValueError``."""
    return _values(split(dn)[0])


def normal(dn: str) -> NormalName:
    """Return what is equal for equal names; a text that is no DN equals itself alone."""
    try:
        if _SPECIAL.search(dn):
            return tuple(_normal_rdn(rdn) for rdn in _rdns(dn))
        rdn, _, parent = dn.partition(",")
        return (_plain_rdn(rdn), *_normal_parent(parent)) if dn else ()
    except ValueError:
        return ((("", dn),),)


def normal_text(dn: str) -> str:
    """Return a name in the form that equal names share, with the escapes that are needed.

    Raises ``ValueError`` when the text is no DN.
    """
    if _SPECIAL.search(dn):
        return ",".join(_text(_normal_rdn(rdn)) for rdn in _rdns(dn))
    rdn, _, parent = dn.partition(",")
    first = _text(_plain_rdn(rdn))
    return f"{first},{above}" if (above := _parent_text(parent)) else first


def is_below(dn: str, base: str) -> bool:
    """Tell whether ``dn`` is ``base`` or stands below it."""
    parts, base_parts = normal(dn), normal(base)
    return not base_parts or parts[-len(base_parts) :] == base_parts


def _rdns(dn: str) -> list[str]:
    rdns = []
    rest = dn
    while rest:
        rdn, rest = split(rest)
        rdns.append(rdn)
    return rdns


@lru_cache(maxsize=1_000)
def _normal_parent(dn: str) -> NormalName:
    """Return the normal parts of what many names end in."""
    return tuple(_normal_rdn(rdn) for rdn in _rdns(dn.lstrip()))


@lru_cache(maxsize=1_000)
def _parent_text(dn: str) -> str:
    return ",".join(map(_text, _normal_parent(dn)))


def _text(rdn: tuple[tuple[str, str], ...]) -> str:
    return "+".join(f"{name}={_UNSAFE.sub(_escaped, value)}" for name, value in rdn)


def _escaped(match: re.Match[str]) -> str:
    sign = match[0]
    return f"\\{sign}" if sign.isprintable() else f"\\{ord(sign):02x}"


def _plain_rdn(rdn: str) -> tuple[tuple[str, str], ...]:
    """Return what `_normal_rdn` does, of one value without escapes."""
    name, sign, value = rdn.partition("=")
    name = name.strip()
    if not sign or not _TYPE.fullmatch(name):
        raise ValueError(f"{rdn!r} is no part of a DN")
    return ((name.lower(), _fold(value.strip(" "))),)


def _normal_rdn(rdn: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name.lower(), _fold(value)) for name, value in _values(rdn)))


def _fold(value: str) -> str:
    value = value.lower() if value.isascii() else _small(value)
    return _SPACES.sub(" ", value) if "  " in value else value


def _small(value: str) -> str:
    value = normalize("NFC", value)
    small = value.lower() if _COMMON.fullmatch(value) else value.translate(_SMALL)
    return normalize("NFC", small)


def _values(rdn: str) -> list[tuple[str, str]]:
    found = []
    for match in _PIECE.finditer(rdn):
        name, sign, value = match[1].partition("=")
        if not sign or not _TYPE.fullmatch(name.strip()):
            raise ValueError(f"{rdn!r} is no part of a DN")
        found.append((name.strip(), _unescaped(_trimmed(value))))
        if not match[2]:
            break
    return found


def _trimmed(value: str) -> str:
    """Cut off the spaces around a value, but not an escaped one at its end."""
    cut = value.strip(" ")
    is_escaping = (len(cut) - len(cut.rstrip("\\"))) % 2 == 1
    return cut + " " if is_escaping and value.endswith(" ") else cut


def _unescaped(value: str) -> str:
    def undo(match: re.Match[str]) -> str:
        if match[1]:
            return bytes.fromhex(match[1].replace("\\", "")).decode("utf-8", "backslashreplace")
        return match[2]

    return _ESCAPES.sub(undo, value)
