"""Which requests write a change. Pure.

Creates come first, references second; what is cleared is told as null. A group is created with its
first twenty members, a user's manager is set by the user's new name in the same batch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import unquote

from hypersync.connectors.changes import differing, is_missing, present, reference
from hypersync.connectors.msgraph.options import Place
from hypersync.connectors.msgraph.properties import MANAGER, MEMBERS, PASSWORD
from hypersync.connectors.msgraph.read import Found, path_of
from hypersync.connectors.msgraph.requests import Step, quoted
from hypersync.connectors.msgraph.values import BATCH, Json, body_of, emptied
from hypersync.model.objects import Attributes, Change, Operation, Value

_BIND: Final = "members@odata.bind"


class Steps:
    """Makes requests; ``root`` is what references start with."""

    def __init__(self, root: str, *, change_password: bool) -> None:
        self._root = root
        self._change_password = change_password

    def create(self, change: Change, place: Place) -> tuple[list[Step], list[str]]:
        """Return what creates an object, and the members that have to be added afterwards."""
        after = change.after or {}
        body = self._body({**place.resource.at_first, **present(after)}, place, is_new=True)
        members = ids_of(after.get(MEMBERS))
        if members:
            body[_BIND] = self._addresses(members[:BATCH])
        steps = [Step(method="POST", path=f"/{place.resource.name}", body=body)]
        name, manager = after.get("userPrincipalName"), after.get(MANAGER)
        if not is_missing(manager):
            steps.append(self._manager(f"/users/{quoted(str(name))}", str(manager)))
        return steps, members[BATCH:]

    def update(self, change: Change, place: Place, found: Found) -> list[Step]:
        """Return what writes those values that are not as wanted; members apart."""
        after, current = change.after or {}, found.object.attributes
        names = {*differing(after, current), *({PASSWORD} & {*after})}
        path = path_of(place, found.object.anchor)
        body = self._body({n: v for n, v in after.items() if n in names}, place, is_new=False)
        steps = []
        if body:
            headers = {} if found.etag is None else {"If-Match": found.etag}
            steps.append(Step(method="PATCH", path=path, body=body, headers=headers))
        if MANAGER in names:
            manager = after[MANAGER]
            steps.append(self._manager(path, None if is_missing(manager) else str(manager)))
        return steps

    def members(self, path: str, *, came: Sequence[str], went: Sequence[str]) -> list[Step]:
        """Return what adds and removes members of a group, twenty new ones at once."""
        steps = []
        for start in range(0, len(came), BATCH):
            body: Json = {_BIND: self._addresses(came[start : start + BATCH])}
            steps.append(Step(method="PATCH", path=path, body=body))
        return steps + [self._without(path, each) for each in went]

    def member(self, change: Change, place: Place) -> Step:
        """Return what adds or removes one member."""
        path, member = path_of(place, change.anchor or ""), reference(change)
        if change.operation is Operation.REMOVE_MEMBER:
            return self._without(path, member)
        body: Json = {"@odata.id": self._addresses([member])[0]}
        return Step(method="POST", path=f"{path}/members/$ref", body=body)

    def delete(self, place: Place, found: Found) -> Step:
        """Return what deletes an object."""
        headers = {} if found.etag is None else {"If-Match": found.etag}
        return Step(method="DELETE", path=path_of(place, found.object.anchor), headers=headers)

    def restore(self, anchor: str) -> Step:
        """Return what brings a deleted object back."""
        path = f"/directory/deletedItems/{quoted(anchor)}/restore"
        return Step(method="POST", path=path)

    def _without(self, path: str, member: str) -> Step:
        return Step(method="DELETE", path=f"{path}/members/{quoted(member)}/$ref")

    def _manager(self, path: str, manager: str | None) -> Step:
        where = f"{path}/manager/$ref"
        if manager is None:
            return Step(method="DELETE", path=where)
        address = f"{self._root}/users/{quoted(manager)}"
        return Step(method="PUT", path=where, body={"@odata.id": address})

    def _addresses(self, ids: Sequence[str]) -> list[str]:
        return [f"{self._root}/directoryObjects/{quoted(each)}" for each in ids]

    def _body(self, values: Attributes, place: Place, *, is_new: bool) -> Json:
        body = body_of(values, is_new=is_new, change_password=self._change_password)
        return emptied(body, place.resource)


def named(step: Step) -> set[str]:
    """Return the ids of the members that a step adds to a group."""
    addresses = (step.body or {}).get(_BIND, ())
    return {unquote(str(each).rpartition("/")[2]) for each in addresses}


def ids_of(value: Value) -> list[str]:
    """Return the ids in a reference of several values."""
    if is_missing(value):
        return []
    return [str(each) for each in value] if isinstance(value, tuple) else [str(value)]


def compared_names(change: Change) -> Collection[str]:
    """Return the attributes that have to be read before a change."""
    return {*(change.before or {}), *(change.after or {})} - {PASSWORD}
