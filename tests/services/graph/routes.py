"""Which address is answered by whom, and what it takes to be allowed there."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.services.graph import objects, permissions, relations
from tests.services.graph.properties import Kind
from tests.services.graph.tenant import Tenant
from tests.services.graph.wire import Problem, Reply, Request

Handler = Callable[..., Reply]


def _delta(kind: Kind, tenant: Tenant, request: Request) -> Reply:
    return tenant.delta.answer(request, kind, tenant.clock.now())


def _domains(tenant: Tenant, request: Request) -> Reply:
    """``GET /domains``: https://learn.microsoft.com/graph/api/domain-list."""
    domains = [
        {"id": name, "isVerified": True, "isDefault": number == 0, "authenticationType": "Managed"}
        for number, name in enumerate(tenant.domains)
    ]
    return Reply.of({"@odata.context": f"{request.root}/$metadata#domains", "value": domains})


def _organization(tenant: Tenant, request: Request) -> Reply:
    """``GET /organization``: https://learn.microsoft.com/graph/api/organization-list."""
    domains = [
        {"name": name, "isDefault": number == 0, "isInitial": name.endswith(".onmicrosoft.com")}
        for number, name in enumerate(tenant.domains)
    ]
    value = [{"id": tenant.id, "displayName": "Contoso", "verifiedDomains": domains}]
    return Reply.of({"@odata.context": f"{request.root}/$metadata#organization", "value": value})


def _of(handler: Callable[..., Reply], kind: Kind) -> Handler:
    """Return a handler that is told the kind between the request and the parts of the address."""
    return lambda tenant, request, *parts: handler(tenant, request, kind, *parts)


_USERS, _GROUPS = Kind.USER, Kind.GROUP
_DELTA = r"(?:microsoft\.graph\.)?delta(?:\(\))?"
_TABLE: list[tuple[str, str, Handler, frozenset[str]]] = [
    ("GET", "users", _of(objects.listed, _USERS), permissions.USERS_READ),
    ("GET", r"users/\$count", _of(objects.counted, _USERS), permissions.USERS_READ),
    ("GET", f"users/{_DELTA}", partial(_delta, _USERS), permissions.USERS_READ),
    ("POST", "users", _of(objects.create, _USERS), permissions.USERS_WRITE),
    ("GET", "users/([^/]+)", _of(objects.read, _USERS), permissions.USERS_READ),
    ("PATCH", "users/([^/]+)", _of(objects.update, _USERS), permissions.USERS_WRITE),
    ("DELETE", "users/([^/]+)", _of(objects.delete, _USERS), permissions.USERS_DELETE),
    ("GET", "users/([^/]+)/manager", relations.manager, permissions.USERS_READ),
    ("PUT", r"users/([^/]+)/manager/\$ref", relations.set_manager, permissions.USERS_WRITE),
    ("DELETE", r"users/([^/]+)/manager/\$ref", relations.remove_manager, permissions.USERS_WRITE),
    ("GET", "users/([^/]+)/memberOf", relations.member_of, permissions.USERS_READ),
    ("GET", "users/([^/]+)/directReports", relations.reports, permissions.USERS_READ),
    ("GET", "groups", _of(objects.listed, _GROUPS), permissions.GROUPS_READ),
    ("GET", r"groups/\$count", _of(objects.counted, _GROUPS), permissions.GROUPS_READ),
    ("GET", f"groups/{_DELTA}", partial(_delta, _GROUPS), permissions.GROUPS_READ),
    ("POST", "groups", _of(objects.create, _GROUPS), permissions.GROUPS_CREATE),
    ("GET", "groups/([^/]+)", _of(objects.read, _GROUPS), permissions.GROUPS_READ),
    ("PATCH", "groups/([^/]+)", _of(objects.update, _GROUPS), permissions.GROUPS_WRITE),
    ("DELETE", "groups/([^/]+)", _of(objects.delete, _GROUPS), permissions.GROUPS_WRITE),
    ("GET", "groups/([^/]+)/members", relations.members, permissions.MEMBERS_READ),
    (
        "GET",
        r"groups/([^/]+)/members/((?:microsoft\.)?graph\.\w+)",
        relations.members,
        permissions.MEMBERS_READ,
    ),
    ("POST", r"groups/([^/]+)/members/\$ref", relations.add_member, permissions.MEMBERS_WRITE),
    (
        "DELETE",
        r"groups/([^/]+)/members/([^/]+)/\$ref",
        relations.remove_member,
        permissions.MEMBERS_WRITE,
    ),
    ("GET", "groups/([^/]+)/memberOf", relations.member_of, permissions.GROUPS_READ),
    ("GET", "directory/deletedItems/([^/]+)", objects.deleted_read, permissions.DELETED_READ),
    ("POST", "directory/deletedItems/([^/]+)/restore", objects.restore, permissions.DELETED_WRITE),
    (
        "DELETE",
        "directory/deletedItems/([^/]+)",
        objects.delete_for_good,
        permissions.DELETED_WRITE,
    ),
    ("GET", "domains", _domains, permissions.TENANT_READ),
    ("GET", "organization", _organization, permissions.TENANT_READ),
]
_ROUTES = [
    (method, re.compile(pattern, re.IGNORECASE), handler, needed)
    for method, pattern, handler, needed in _TABLE
]


def route(request: Request) -> tuple[Handler, tuple[Any, ...], frozenset[str]]:
    """Return who answers a request, with which parts of the address, and what that takes.

    Raises `Problem` for an address that there is not, or not with this method.
    """
    path = "/".join(request.segments)
    is_there = False
    for method, pattern, handler, needed in _ROUTES:
        found = pattern.fullmatch(path)
        if found is not None and method == request.method:
            return handler, found.groups(), needed
        is_there = is_there or found is not None
    if is_there:
        raise Problem(
            405,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        )
    raise Problem(
        400, "BadRequest", f"Resource not found for the segment '{(request.segments or ('',))[0]}'."
    )
