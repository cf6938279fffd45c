"""Makes sure that a move moved the object that was read.

Where a server cannot assert who an entry is (Active Directory), a move is asked for by the name
that was read: it fails when the object has left that name, so that nobody's move is taken back. By
the objectGUID it would succeed wherever the object is by then, and nothing would tell from where it
was taken. What is left is that another object took the name in the moment between reading and
moving. That shows afterwards, by who is at the new place, and can be taken back exactly: the
stranger is moved back, by its own identity.
"""

from __future__ import annotations

from collections.abc import Callable

from hypersync.connectors.directory.tree import Directory, Place
from hypersync.connectors.directory.wire import Entry
from hypersync.connectors.directory.writing import Unsure, writing
from hypersync.errors import SiloRefused
from hypersync.model.names import split
from hypersync.model.objects import Conflict, Unknown


def put_back(
    directory: Directory,
    place: Place,
    entry: Entry,
    target: str,
    address: Callable[[Entry, Place], str],
) -> Conflict | Unknown | None:
    """Put back who was moved to ``target`` in the place of the entry that was read.

    ``None`` when nobody was. ``address`` says by what name a request finds an entry. Raises
    `Unsure` when the connection breaks, which names who was moved and may not be back.
    """
    anchor = place.anchor_of(entry)
    try:
        with writing():
            found = directory.at(place, target, ["1.1"])
            stranger = None if found is None else place.anchor_of(found)
        if found is None or stranger is None or stranger == anchor:
            return None
        what = f"{entry.dn} had become the name of another object ({stranger}), which was moved"
        try:
            with writing():
                result = directory.wire.move(address(found, place), *split(entry.dn))
        except Unsure as error:
            raise Unsure(
                f"{what} to {target} and may still be there; look, and move it back by hand "
                f"({error})"
            ) from error
    except SiloRefused as error:
        return Unknown(f"moved, and could not be read back: {error.message}")
    if result.code:
        return Conflict(
            f"{what} to {target} and could not be moved back: {result.sentence}; move it back "
            "by hand"
        )
    return Conflict(f"{what} back again")
