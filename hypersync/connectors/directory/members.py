"""Whose name a membership change writes: a DN may be another's since it was read."""

from __future__ import annotations

from collections.abc import Mapping

from hypersync.connectors.changes import reference
from hypersync.connectors.directory.tree import Directory, Place
from hypersync.connectors.directory.wire import Wire, escaped
from hypersync.model.names import normal
from hypersync.model.objects import Change, Conflict, Operation


def member_now(directory: Directory, places: Mapping[str, Place], change: Change) -> str | Conflict:
    """Return the DN that the member of a change has now, found by its anchor.

    Who was renamed or moved is removed by the new name, but not added: that is planned anew, with
    what the next scan says of it. Who is gone is removed by the old name, unless another has that.
    A change that does not tell the anchor is believed its DN.

    Raises ``Lost``, ``SiloRefused``, and ``ValueError`` when the change names no member.
    """
    told = reference(change)
    if change.member is None:
        return told
    place = places[change.member.type.name]
    found = directory.entry(place, change.member.anchor, ["1.1"])
    is_removed = change.operation is Operation.REMOVE_MEMBER
    if found is not None and (is_removed or is_same(found.dn, told)):
        return found.dn
    if found is not None:
        return Conflict(f"{told} was renamed or moved; it is {found.dn} now")
    if is_removed and directory.at(place, told, ["1.1"]) is None:
        return told
    return Conflict(f"{told} was deleted; the {place.name} {change.member.anchor} is nowhere")


def is_same(one: str, other: str) -> bool:
    """Tell whether two DNs are one name."""
    return normal(one) == normal(other)


def lists(wire: Wire, group: str, place: Place, member: str) -> bool:
    """Tell whether a group lists a member, however large it is; raises as `member_now` does."""
    wanted = f"({place.members}={escaped(member)})"
    return bool(wire.find(group, wanted, ["1.1"], base_only=True))
