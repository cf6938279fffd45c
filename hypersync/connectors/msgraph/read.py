"""Reads single objects by id, many at once, with their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hypersync.connectors.msgraph.answers import Answer, NotGraph, NotReached
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.pages import page_of
from hypersync.connectors.msgraph.properties import MANAGER, MEMBERS, VISIBILITY
from hypersync.connectors.msgraph.requests import Step, quoted
from hypersync.connectors.msgraph.values import (
    HIDDEN,
    Json,
    hides_members,
    members_of,
    reader_of,
)
from hypersync.connectors.msgraph.wire import NotAnswered, Result, Wire, local
from hypersync.errors import NotShown, SiloError, SiloRefused, SiloUnreachable
from hypersync.model.objects import Invalid, Seen, SiloObject

_LARGEST_PAGE = "999"
_ETAG: Final = "@odata.etag"
_IN_NAMES: Final = "@"


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was read; ``etag`` where Graph offers one."""

    object: SiloObject
    etag: str | None = None


Read: TypeAlias = Found | SiloError | None
"""What became of reading an object; ``None`` when it is not there."""


def path_of(place: Place, anchor: str) -> str:
    """Return the path of an object."""
    return f"/{place.resource.name}/{quoted(anchor)}"


def query_of(place: Place) -> dict[str, str]:
    """Return how to ask for what is read of an object."""
    query = {"$select": ",".join(place.selected)}
    if MANAGER in place.references:
        query["$expand"] = "manager($select=id)"
    return query


def read_each(wire: Wire, wanted: Sequence[tuple[Place, str]]) -> list[Read]:
    """Read objects by place and id, in batches; what went wrong with one says so itself."""
    steps = [Step(path=local(path_of(place, anchor), query_of(place))) for place, anchor in wanted]
    items = [
        _object(wire, result, anchor)
        for (_, anchor), result in zip(wanted, wire.reads(steps), strict=True)
    ]
    there = [number for number, item in enumerate(items) if isinstance(item, dict)]
    parted = [number for number in there if MEMBERS in wanted[number][0].references]
    members = dict(zip(parted, read_members(wire, [wanted[n] for n in parted]), strict=True))
    out: list[Read] = [item if isinstance(item, SiloError) else None for item in items]
    for number in there:
        item, ids = items[number], members.get(number, [])
        if isinstance(item, dict):
            out[number] = _whole(wire, wanted[number], item, ids)
    return out


class HiddenMembers(NotShown):
    """A group shows no members, because they are hidden from us: it may have some."""


def _whole(
    wire: Wire, where: tuple[Place, str], item: Json, members: Sequence[str] | SiloError
) -> Found | SiloError:
    """Return an object with what was read besides, or what is wrong with it."""
    if isinstance(members, SiloError):
        return members
    is_group = MEMBERS in where[0].references
    if is_group and not members and not wire.sees_hidden and hides_members(item):
        return HiddenMembers(f"of the group {where[1]}: {HIDDEN}")
    return found(*where, item, members)


def read_all(
    wire: Wire, place: Place, anchors: Sequence[str]
) -> dict[str, Found | HiddenMembers | None]:
    """Read objects of one type, ``None`` for what is not there.

    Raises `SiloUnreachable` or `SiloRefused` when one is not read for any other reason than that
    its members are hidden: such a group is there, and nothing else is known of it.
    """
    out: dict[str, Found | HiddenMembers | None] = {}
    for anchor, read in zip(
        anchors, read_each(wire, [(place, each) for each in anchors]), strict=True
    ):
        if isinstance(read, SiloError) and not isinstance(read, HiddenMembers):
            raise read
        out[anchor] = read
    return out


def read_members(wire: Wire, wanted: Sequence[tuple[Place, str]]) -> list[list[str] | SiloError]:
    """Return the ids of the members of groups that were just seen.

    A group whose members are not there any more went meanwhile, or is not known everywhere yet: of
    its members nothing is known.
    """
    query = {"$select": "id", "$top": _LARGEST_PAGE}
    steps = [Step(path=local(f"{path_of(*each)}/members", query)) for each in wanted]
    return [_members(wire, result) for result in wire.reads(steps)]


def hide_members(wire: Wire, wanted: Sequence[tuple[Place, str]]) -> list[bool | SiloError]:
    """Tell which groups hide their members from us; what is not there hides nothing."""
    if wire.sees_hidden:
        return [False for _ in wanted]
    query = {"$select": f"id,{VISIBILITY}"}
    steps = [Step(path=local(path_of(*each), query)) for each in wanted]
    items = [_item(wire, result) for result in wire.reads(steps)]
    return [hides_members(each) if isinstance(each, dict) else each or False for each in items]


def read_managers(wire: Wire, wanted: Sequence[tuple[Place, str]]) -> list[Json]:
    """Return the managers of users, as an expanded read shows them; raises as `read_all` does."""
    steps = [Step(path=local(f"{path_of(*each)}/manager", {"$select": "id"})) for each in wanted]
    out: list[Json] = []
    for result in wire.reads(steps):
        item = _item(wire, result)
        if isinstance(item, SiloError):
            raise item
        manager = {} if item is None else {MANAGER: item}
        if error := _no_manager(manager):
            raise error
        out.append(manager)
    return out


def listed(wire: Wire, place: Place, items: Sequence[Json]) -> list[Seen | Invalid]:
    """Report the objects that a list shows without references; these are read besides.

    Raises as `read_all` does; a group whose members are hidden is invalid.
    """
    wanted = [(place, str(item["id"])) for item in items]
    members: list[list[str] | SiloError] = [[] for _ in wanted]
    managers: list[Json] = [{} for _ in wanted]
    if MEMBERS in place.references:
        members = read_members(wire, wanted)
    if MANAGER in place.references:
        managers = read_managers(wire, wanted)
    out: list[Seen | Invalid] = []
    for where, item, manager, ids in zip(wanted, items, managers, members, strict=True):
        whole = _whole(wire, where, {**item, **manager}, ids)
        if isinstance(whole, HiddenMembers):
            out.append(hidden(place.kind.name, place.resource.name, where[1]))
        elif isinstance(whole, SiloError):
            raise whole
        else:
            out.append(Seen(place.kind.name, where[1], whole.object.attributes))
    return out


def hidden(type_: str, where: str, anchor: str) -> Invalid:
    """Return what is said of a group of ``where`` whose members are hidden."""
    return Invalid(type_, anchor, f"{where}/{anchor}", HIDDEN)


def found(place: Place, anchor: str, item: Json, members: Sequence[str]) -> Found:
    """Return an object as a read shows it."""
    attributes = reader_of(place).attributes(item)
    manager = item.get(MANAGER)
    if isinstance(manager, Mapping) and MANAGER in place.references:
        attributes[MANAGER] = str(manager["id"])
    attributes.update(members_of(members))
    etag = item.get(_ETAG)
    read = SiloObject(place.kind.name, anchor, attributes)
    return Found(read, etag if isinstance(etag, str) else None)


def _object(wire: Wire, result: Result, anchor: str) -> Json | SiloError | None:
    """Return the object with this id; what is none of Graph's says nothing of it, also no absence.

    Users answer to their names too, which all have an ``@`` and are no ids: nobody has such an id.
    """
    item = _item(wire, result)
    if not isinstance(item, dict):
        return item
    id_ = item.get("id")
    if isinstance(id_, str) and id_.casefold() == anchor.casefold():
        return _no_manager(item) or item
    if isinstance(id_, str) and _IN_NAMES in anchor:
        return None
    told = f"the object {id_!r}" if isinstance(id_, str) else "something without an id"
    return SiloUnreachable(f"Graph answered with something else than the object {anchor}: {told}")


def _no_manager(item: Json) -> SiloError | None:
    """Return what is wrong with a manager that is told without an id."""
    manager = item.get(MANAGER)
    if manager is None or (isinstance(manager, dict) and isinstance(manager.get("id"), str)):
        return None
    return SiloUnreachable("Graph answered with something else than a manager: it has no id")


def _item(wire: Wire, result: Result) -> Json | SiloError | None:
    try:
        answer = _answer(wire, result)
        return None if answer is None else answer.json()
    except NotGraph as error:
        return SiloUnreachable(f"Graph did not answer: {error}")
    except (SiloRefused, SiloUnreachable) as error:
        return error


def _members(wire: Wire, result: Result) -> list[str] | SiloError:
    try:
        answer = _answer(wire, result)
        if answer is None:
            return SiloUnreachable("Graph showed a group and not its members: try again")
        page = page_of(answer)
        items = list(page.items)
        if page.next is not None:
            items += wire.all_items(wire.checked(page.next))
        return [id_of(each) for each in items]
    except NotGraph as error:
        return SiloUnreachable(f"Graph did not answer: {error}")
    except (SiloRefused, SiloUnreachable) as error:
        return error


def id_of(item: object) -> str:
    """Return the id of what a list names; raises `NotGraph` when it has none."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        raise NotGraph("the list names something without an id")
    return str(item["id"])


def unanswered(result: NotAnswered) -> SiloUnreachable:
    """Return the error for a read that was not answered."""
    kind = SiloUnreachable if result.is_sent else NotReached
    return kind(result.why)


def _answer(wire: Wire, result: Result) -> Answer | None:
    """Return an answer that can be believed, ``None`` when there is no such object."""
    if isinstance(result, NotAnswered):
        raise unanswered(result)
    if result.status == 404:
        return None
    wire.believe(result)
    return result
