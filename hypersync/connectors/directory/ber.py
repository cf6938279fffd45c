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
from functools import lru_cache
from typing import Final

MOST_BYTES: Final = 64 << 20
"""No message is longer: a group of half a million members is not."""
MESSAGE, INTEGER, ENTRY, OCTETS, SEQUENCE, SET = 0x30, 0x02, 0x64, 0x04, 0x30, 0x31
ENUMERATED: Final = 0x0A


@dataclass(slots=True)
class SearchEntry:
    """A decoded entry; ``raw`` maps attribute names to values."""

    message_id: int
    name: bytes
    raw: dict[str, list[bytes]]


def message_end(data: bytes | bytearray, at: int = 0) -> int | None:
    """Return where the message that starts at ``at`` ends, ``None`` when too little is there.

    Raises ``ValueError`` when no message starts there, or one of more than `MOST_BYTES`.
    """
    if len(data) - at < 2:
        return None
    if data[at] != MESSAGE or data[at + 1] == 0x80:
        raise ValueError(f"0x{data[at]:02x} starts no message")
    length = data[at + 1]
    if length < 0x80:
        return at + 2 + length
    start = at + 2 + (length & 0x7F)
    if start > at + 6:
        raise ValueError("the length of a message takes more than four bytes; this is not LDAP")
    if len(data) < start:
        return None
    size = int.from_bytes(data[at + 2 : start], "big")
    if size > MOST_BYTES:
        raise ValueError(
            f"the server announces a message of {size} bytes, and {MOST_BYTES} is the most; name "
            "only the 'attributes' that are needed, or look for an entry of that size"
        )
    return start + size


def search_entry(data: bytes, at: int = 0, end: int | None = None) -> SearchEntry | None:
    """Return the entry in the message from ``at`` to ``end``, ``None`` when it is something else.

    Raises ``ValueError`` or ``IndexError`` for an entry that is broken.
    """
    at, last = span(data, at, MESSAGE)
    start, at = span(data, at, INTEGER)
    if data[at] != ENTRY:
        return None
    message_id = int.from_bytes(data[start:at], "big", signed=True)
    at, stop = span(data, at, ENTRY)
    start, name_end = span(data, at, OCTETS)
    at, attributes_end = span(data, name_end, SEQUENCE)
    if last != (len(data) if end is None else end) or stop > last or attributes_end != stop:
        raise ValueError("the entry has another length than it says")
    return SearchEntry(message_id, data[start:name_end], _attributes(data, at, stop))


def says_result(data: bytes, at: int = 0) -> bool:
    """Tell whether the message at ``at``, the last answer to a request, has a result code.

    Raises ``ValueError`` or ``IndexError`` when something else stands there.
    """
    at, _ = span(data, at, MESSAGE)
    _, at = span(data, at, INTEGER)
    at, _ = span(data, at, data[at])
    start, end = span(data, at, ENUMERATED)
    return start < end


def _attributes(data: bytes, at: int, stop: int) -> dict[str, list[bytes]]:
    """Read the attributes from ``at`` to ``stop``; nearly all are short and have one short value.

    Of such a one, every length is one byte: the sequence, the name, the set, the value.
    """
    found: dict[str, list[bytes]] = {}
    count = 0
    while at < stop:
        count += 1
        end = at + 2 + data[at + 1]
        name_end = at + 4 + data[at + 3]
        value = name_end + 4
        if (
            value <= stop
            and value + data[value - 1] == end == name_end + 2 + data[name_end + 1] < at + 0x82
            and data[at] == SEQUENCE
            and data[at + 2] == data[name_end + 2] == OCTETS
            and data[name_end] == SET
        ):
            found[data[at + 4 : name_end].decode()] = [data[value:end]]
            at = end
        else:
            name, found_values, at = _attribute(data, at)
            found[name] = found_values
    if at != stop:
        raise ValueError("the attributes have another length than they say")
    if count != len(found) or not _differ(tuple(found)):
        raise ValueError("an attribute stands twice in an entry")
    return found


@lru_cache(maxsize=1_000)
def _differ(names: tuple[str, ...]) -> bool:
    """Tell whether no two names differ in case only; entries of one type have the same names."""
    return len({name.lower() for name in names}) == len(names)


def _attribute(data: bytes, at: int) -> tuple[str, list[bytes], int]:
    """Read one attribute of whatever shape: its name, its values, and where it ends."""
    inside, end = span(data, at, SEQUENCE)
    start, name_end = span(data, inside, OCTETS)
    values, values_end = _values(data, name_end)
    if values_end != end:
        raise ValueError("an attribute has another length than it says")
    return data[start:name_end].decode(), values, end


def _values(message: bytes, at: int) -> tuple[list[bytes], int]:
    at, stop = span(message, at, SET)
    values = []
    while at < stop:
        length = message[at + 1]
        if message[at] == OCTETS and length < 0x80:  # nearly all, so without a call
            start = at + 2
            at = start + length
        else:
            start, at = span(message, at, OCTETS)
        values.append(message[start:at])
    return values, at


def span(message: bytes, at: int, tag: int) -> tuple[int, int]:
    """Return where the content of the element at ``at`` starts and ends.

    Raises ``ValueError`` when it has another tag, and ``IndexError`` when nothing is there.
    """
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
    return element(INTEGER, number.to_bytes(size, "big", signed=True))


def octets(content: bytes) -> bytes:
    """Write an octet string."""
    return element(OCTETS, content)


def sequence(*parts: bytes) -> bytes:
    """Write a sequence of elements."""
    return element(SEQUENCE, b"".join(parts))


def parts_of(value: bytes) -> list[bytes]:
    """Return the contents of the elements in a sequence; raises ``ValueError`` or ``IndexError``.

    The content of an integer is a number in big-endian order.
    """
    at, stop = span(value, 0, SEQUENCE)
    if stop != len(value):
        raise ValueError("the value has another length than it says")
    parts = []
    while at < stop:
        start, at = span(value, at, value[at])
        parts.append(value[start:at])
    if at != stop:
        raise ValueError("the value is cut off")
    return parts


def filter_for(absent: Sequence[str], held: Sequence[tuple[str, bytes]]) -> bytes:
    """Write the filter that some attributes have no value, and others the one they are said.

    Source: RFC 4511, section 4.5.1.7.
    """
    nones = (element(0xA2, element(0x87, name.encode())) for name in absent)
    values = (element(0xA3, octets(name.encode()) + octets(value)) for name, value in held)
    return element(0xA0, b"".join((*nones, *values)))
