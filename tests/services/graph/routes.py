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


def _routes() -> list[tuple[str, re.Pattern[str], Handler, frozenset[str]]]:
    users, groups, p = Kind.USER, Kind.GROUP, permissions
    delta = r"(?:microsoft\.graph\.)?delta(?:\(\))?"
    table: list[tuple[str, str, Handler, frozenset[str]]] = [
        ("GET", "users", _of(objects.listed, users), p.USERS_READ),
        ("GET", r"users/\$count", _of(objects.counted, users), p.USERS_READ),
        ("GET", f"users/{delta}", partial(_delta, users), p.USERS_READ),
        ("POST", "users", _of(objects.create, users), p.USERS_WRITE),
        ("GET", "users/([^/]+)", _of(objects.read, users), p.USERS_READ),
        ("PATCH", "users/([^/]+)", _of(objects.update, users), p.USERS_WRITE),
        ("DELETE", "users/([^/]+)", _of(objects.delete, users), p.USERS_DELETE),
        ("GET", "users/([^/]+)/manager", relations.manager, p.USERS_READ),
        ("PUT", r"users/([^/]+)/manager/\$ref", relations.set_manager, p.USERS_WRITE),
        ("DELETE", r"users/([^/]+)/manager/\$ref", relations.remove_manager, p.USERS_WRITE),
        ("GET", "users/([^/]+)/memberOf", relations.member_of, p.USERS_READ),
        ("GET", "users/([^/]+)/directReports", relations.reports, p.USERS_READ),
        ("GET", "groups", _of(objects.listed, groups), p.GROUPS_READ),
        ("GET", r"groups/\$count", _of(objects.counted, groups), p.GROUPS_READ),
        ("GET", f"groups/{delta}", partial(_delta, groups), p.GROUPS_READ),
        ("POST", "groups", _of(objects.create, groups), p.GROUPS_CREATE),
        ("GET", "groups/([^/]+)", _of(objects.read, groups), p.GROUPS_READ),
        ("PATCH", "groups/([^/]+)", _of(objects.update, groups), p.GROUPS_WRITE),
        ("DELETE", "groups/([^/]+)", _of(objects.delete, groups), p.GROUPS_WRITE),
        ("GET", "groups/([^/]+)/members", relations.members, p.MEMBERS_READ),
        (
            "GET",
            r"groups/([^/]+)/members/((?:microsoft\.)?graph\.\w+)",
            relations.members,
            p.MEMBERS_READ,
        ),
        ("POST", r"groups/([^/]+)/members/\$ref", relations.add_member, p.MEMBERS_WRITE),
        (
            "DELETE",
            r"groups/([^/]+)/members/([^/]+)/\$ref",
            relations.remove_member,
            p.MEMBERS_WRITE,
        ),
        ("GET", "groups/([^/]+)/memberOf", relations.member_of, p.GROUPS_READ),
        ("GET", "directory/deletedItems/([^/]+)", objects.deleted_read, p.DELETED_READ),
        ("POST", "directory/deletedItems/([^/]+)/restore", objects.restore, p.DELETED_WRITE),
        ("DELETE", "directory/deletedItems/([^/]+)", objects.delete_for_good, p.DELETED_WRITE),
        ("GET", "domains", _domains, p.TENANT_READ),
        ("GET", "organization", _organization, p.TENANT_READ),
    ]
    return [
        (method, re.compile(pattern, re.IGNORECASE), handler, needed)
        for method, pattern, handler, needed in table
    ]


_ROUTES = _routes()


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
