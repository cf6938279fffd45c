"""How far a server is, by what it says itself, and whether it was set back to an earlier state."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from hypersync.connectors.directory.tree import ANY, Directory, Place
from hypersync.connectors.directory.wire import Lost
from hypersync.connectors.ldap.cursor import Cursor, newest
from hypersync.errors import CursorLost, ScanFailed, SiloRefused

_CONTEXT = "contextCSN"
_log = logging.getLogger(__name__)


def contexts(directory: Directory, place: Place) -> dict[str, str]:
    """Return the newest change of each writer that the server has; nothing where it says none.

    Servers that replicate keep it at the top of the naming context (``contextCSN``).
    """
    try:
        found = directory.wire.find(directory.context(place.base), ANY, [_CONTEXT], base_only=True)
    except Lost as error:
        raise ScanFailed(f"the server went away: {error}") from None
    except SiloRefused:
        return {}
    raw = found[0].raw.get(_CONTEXT, ()) if found else ()
    return newest(value.decode("ascii", "replace") for value in raw)


def verify(directory: Directory, place: Place, cursor: Cursor, has: Mapping[str, str]) -> None:
    """Raise `CursorLost` when the server does not know any more what it knew at the cursor."""
    for writer, mark in cursor.marks.items():
        if writer in has and has[writer] < mark:
            raise _set_back(directory, f"its newest change was {mark} and is {has[writer]}")
    if cursor.witness is None:
        return
    anchor, stamp = cursor.witness
    try:
        found = directory.entry(place, anchor, [cursor.by])
    except Lost as error:
        raise ScanFailed(f"the server went away: {error}") from None
    except SiloRefused as error:
        raise CursorLost(f"the object that changed last is not to be found: {error}") from error
    if found is None and not has:
        raise CursorLost(
            f"the object that changed last ({anchor}) is gone: it was deleted, or the server was "
            "set back; everything is read"
        )
    values = found.raw.get(cursor.by, ()) if found else ()
    now = values[0].decode("ascii", "replace") if values else stamp
    if now < stamp and found is not None:
        raise _set_back(directory, f"{found.dn} was changed {stamp} and now {now}")


def _set_back(directory: Directory, how: str) -> CursorLost:
    sentence = (
        f"ALARM: {directory.wire.url} was set back to an earlier state ({how}); have it looked "
        "at; everything is read again"
    )
    _log.warning("%s", sentence)
    return CursorLost(sentence)
