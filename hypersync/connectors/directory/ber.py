"""Reads the LDAP message that comes a hundred thousand times, and writes control values. Pure.

A search result entry (RFC 4511, section 4.5.2) in BER with definite lengths (section 5.1)::

    30 .. message
       02 .. message id
       64 .. search result entry
          04 .. name
          30 .. attributes
             30 .. attribute
                04 .. type
                31 .. values
                   04 .. value

Other messages are left to the library, whose general decoder takes four times as long. Values of
controls are small, and some that the library writes are wrong, so they are written here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MESSAGE, _INTEGER, _ENTRY, _OCTETS, _SEQUENCE, _SET = 0x30, 0x02, 0x64, 0x04, 0x30, 0x31


@dataclass(slots=True)
class SearchEntry:
    """A decoded entry; ``raw`` maps attribute names to values."""

    message_id: int
    name: bytes
    raw: dict[str, list[bytes]]


def search_entry(message: bytes) -> SearchEntry | None:
    """Return the entry in a message, ``None`` when it holds something else.

    Raises ``ValueError`` or ``IndexError`` for an entry that is broken.
    """
    at = _start(message, 0, _MESSAGE)[0]
    start, end = _start(message, at, _INTEGER)
    if message[end] != _ENTRY:
        return None
    message_id = int.from_bytes(message[start:end], "big", signed=True)
    at, stop = _start(message, end, _ENTRY)
    start, end = _start(message, at, _OCTETS)
    if stop > len(message) or end > stop:
        raise ValueError("the entry is cut off")
    return SearchEntry(message_id, message[start:end], _attributes(message, end))


def _attributes(message: bytes, at: int) -> dict[str, list[bytes]]:
    at, stop = _start(message, at, _SEQUENCE)
    found: dict[str, list[bytes]] = {}
    while at < stop:
        inside, end = _start(message, at, _SEQUENCE)
        start, at = _start(message, inside, _OCTETS)
        name = message[start:at].decode()
        found[name], at = _values(message, at)
        if at != end:
            raise ValueError("an attribute has another length than it says")
    return found


def _values(message: bytes, at: int) -> tuple[list[bytes], int]:
    at, stop = _start(message, at, _SET)
    values = []
    while at < stop:
        length = message[at + 1]
        if message[at] == _OCTETS and length < 0x80:  # nearly all, so without a call
            start = at + 2
            at = start + length
        else:
            start, at = _start(message, at, _OCTETS)
        values.append(message[start:at])
    return values, at


def _start(message: bytes, at: int, tag: int) -> tuple[int, int]:
    """Return where the content of the element at ``at`` starts and ends."""
    if message[at] != tag:
        raise ValueError(f"0x{message[at]:02x} stands where 0x{tag:02x} should")
    length = message[at + 1]
    if length < 0x80:
        return at + 2, at + 2 + length
    start = at + 2 + (length & 0x7F)
    return start, start + int.from_bytes(message[at + 2 : start], "big")


def element(tag: int, content: bytes) -> bytes:
    """Write an element in as few bytes as it takes."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(number: int) -> bytes:
    """Write an integer, of either sign."""
    size = number.bit_length() // 8 + 1 if number >= 0 else (-number - 1).bit_length() // 8 + 1
    return element(_INTEGER, number.to_bytes(size, "big", signed=True))


def octets(content: bytes) -> bytes:
    """Write an octet string."""
    return element(_OCTETS, content)


def sequence(*parts: bytes) -> bytes:
    """Write a sequence of elements."""
    return element(_SEQUENCE, b"".join(parts))


def parts_of(value: bytes) -> list[bytes]:
    """Return the contents of the elements in a sequence; raises ``ValueError`` or ``IndexError``.

    The content of an integer is a number in big-endian order.
    """
    at, stop = _start(value, 0, _SEQUENCE)
    if stop != len(value):
        raise ValueError("the value has another length than it says")
    parts = []
    while at < stop:
        start, at = _start(value, at, value[at])
        parts.append(value[start:at])
    if at != stop:
        raise ValueError("the value is cut off")
    return parts


def filter_for_absence(names: Sequence[str]) -> bytes:
    """Write the filter (RFC 4511, section 4.5.1.7) that none of the attributes has a value."""
    return element(0xA0, b"".join(element(0xA2, element(0x87, name.encode())) for name in names))
