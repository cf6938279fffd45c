"""Writes search requests (RFC 4511, section 4.5.1), which the library takes long for. Pure.

A delta asks for a hundred objects by the values of their anchors. The library takes a tenth of a
millisecond to parse, check and write each of them, as long as a server takes to find and send it,
and half a millisecond for what is the same in every request. So the frame is written here, and the
list of values, which is never text. Filters stay with the library, which says what is none: each is
read once and remembered as it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from hypersync.connectors.directory import ber
from hypersync.connectors.directory.answers import Among, Control, Search

_SEARCH, _BOOLEAN, _CONTROLS = 0x63, 0x01, 0xA0
_AND, _OR, _EQUAL = 0xA0, 0xA1, 0xA3
_ALIASES_ALWAYS: Final = ber.element(ber.ENUMERATED, b"\x03")
_NO_LIMITS: Final = ber.integer(0) * 2 + ber.element(_BOOLEAN, b"\0")
"""Neither of size nor of time; and values are wanted with the names of attributes."""
_NOTHING: Final = "1.1"


def search_request(search: Search, filter_of: Callable[[str], bytes]) -> bytes:
    """Return a request with its controls: a message but for its number and its head.

    ``filter_of`` writes a filter in BER; what it raises is raised.
    """
    filter_ = filter_of(search.filter)
    if search.among is not None:
        filter_ = ber.element(_AND, filter_ + _among(search.among))
    asked = (
        ber.octets(search.base.encode()),
        ber.element(ber.ENUMERATED, bytes((search.scope,))),
        _ALIASES_ALWAYS,
        _NO_LIMITS,
        filter_,
        ber.sequence(*(ber.octets(each.encode()) for each in search.attributes or [_NOTHING])),
    )
    return ber.element(_SEARCH, b"".join(asked)) + _controls(search.controls)


def _among(among: Among) -> bytes:
    name = ber.octets(among.name.encode())
    return ber.element(
        _OR, b"".join(ber.element(_EQUAL, name + ber.octets(value)) for value in among.values)
    )


def _controls(controls: Sequence[Control]) -> bytes:
    if not controls:
        return b""
    written = (
        ber.sequence(
            ber.octets(each.oid.encode()),
            ber.element(_BOOLEAN, b"\xff") if each.critical else b"",
            b"" if each.value is None else ber.octets(each.value),
        )
        for each in controls
    )
    return ber.element(_CONTROLS, b"".join(written))
