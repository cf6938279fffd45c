"""Addresses of objects inside bodies: ``@odata.id`` and ``@odata.bind``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.services.graph.directory import Directory, Entry
from tests.services.graph.properties import Kind
from tests.services.graph.wire import Problem

MOST_AT_ONCE = 20
_ADDRESS = re.compile(r"/(?:v1\.0|beta|v2/[^/]+)/(directoryObjects|users|groups)/\{?([^/{}?]+)\}?")
_KINDS = {"directoryobjects": None, "users": Kind.USER, "groups": Kind.GROUP}


def not_found(key: str) -> Problem:
    """Return the error of something that is not there."""
    return Problem(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are "
        "not present.",
    )


def referred(directory: Directory, address: object) -> Entry:
    """Return what an address names; raises `Problem` when it is no address, or nothing is there."""
    found = _ADDRESS.search(address) if isinstance(address, str) else None
    if found is None:
        raise Problem(
            400, "Request_BadRequest", f"Invalid URL format specified in payload: {address}"
        )
    entry = directory.live(_KINDS[found[1].lower()], found[2])
    if entry is None:
        raise not_found(found[2])
    return entry


def bound(directory: Directory, body: Mapping[str, Any], name: str) -> list[Entry]:
    """Return what ``name@odata.bind`` names, twenty at most."""
    addresses = body.get(f"{name}@odata.bind")
    if addresses is None:
        return []
    if isinstance(addresses, str):
        addresses = [addresses]
    if not isinstance(addresses, list) or len(addresses) > MOST_AT_ONCE:
        raise Problem(
            400,
            "Request_BadRequest",
            f"The limit of '{MOST_AT_ONCE}' on the number of references that can be added in one "
            "request was exceeded.",
        )
    return [referred(directory, address) for address in addresses]


def refuse_members(group: Entry, members: list[Entry]) -> None:
    """Raise `Problem` for what cannot become a member."""
    if group.id in {member.id for member in members}:
        raise Problem(400, "Request_BadRequest", "A group cannot be added as a member of itself.")
    ids = [member.id for member in members]
    if any(member in group.members for member in ids) or len(set(ids)) < len(ids):
        raise Problem(
            400,
            "Request_BadRequest",
            "One or more added object references already exist for the following modified "
            "properties: 'members'.",
        )
