"""How long a domain remembers what was deleted, so how old a cursor may be.

A deleted object stays for ``tombstoneLifetime`` days, and with the recycle bin for
``msDS-deletedObjectLifetime`` days before that, where only the first part is shown to everybody. A
delta that begins earlier is not told of some deletions, and nobody would notice. So a cursor is
good for five sixths of the shorter time: controllers clean up twice a day, each by its own clock.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from hypersync.connectors.ad.place import first
from hypersync.connectors.directory.tree import ANY
from hypersync.connectors.directory.wire import Busy, Wire
from hypersync.errors import SiloRefused

UNASKED: Final = timedelta(days=1)
"""The age up to which a cursor is good in every domain: all remember for two days at least."""

_DEFAULT_DAYS: Final = 60
_SERVICE: Final = "CN=Directory Service,CN=Windows NT,CN=Services"
_TOMBSTONES, _DELETED = "tombstoneLifetime", "msDS-deletedObjectLifetime"


def oldest_cursor(wire: Wire) -> timedelta:
    """Return how old a cursor may be; 50 days where nothing is said or may be read.

    Raises `Lost`, and `Busy` for a server that cannot answer now.
    """
    try:
        days = _days(wire)
    except Busy:
        raise
    except SiloRefused:
        days = _DEFAULT_DAYS
    return timedelta(days=days) * 5 / 6


def _days(wire: Wire) -> int:
    root = wire.find("", ANY, ["configurationNamingContext"], base_only=True)
    context = first(root[0].raw, "configurationNamingContext") if root else None
    if context is None:
        return _DEFAULT_DAYS
    where = f"{_SERVICE},{context.decode()}"
    found = wire.find(where, ANY, [_TOMBSTONES, _DELETED], base_only=True)
    raw = found[0].raw if found else {}
    tombstones = first(raw, _TOMBSTONES) or b"%d" % _DEFAULT_DAYS
    return max(0, min(int(tombstones), int(first(raw, _DELETED) or tombstones)))
