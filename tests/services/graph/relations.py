"""Members, managers and where somebody belongs.

https://learn.microsoft.com/graph/api/group-post-members, .../group-delete-members,
.../user-post-manager, .../user-delete-manager, .../user-list-memberof
"""

from __future__ import annotations

from tests.services.graph.directory import Entry
from tests.services.graph.objects import current, find, paged, typed
from tests.services.graph.permissions import HIDDEN_READ
from tests.services.graph.properties import Kind
from tests.services.graph.query import context, selection
from tests.services.graph.references import not_found, referred, refuse_members
from tests.services.graph.tenant import Tenant
from tests.services.graph.wire import Problem, Reply, Request


def members(tenant: Tenant, request: Request, key: str, cast: str = "") -> Reply:
    """``GET /groups/{id}/members``, of one type when a cast follows."""
    group = find(tenant, Kind.GROUP, key)
    seen = tenant.lag.before(f"{group.id}/members")
    found: list[Entry] = tenant.directory.members(group) if seen is None else seen.value
    if group.hides_members and HIDDEN_READ.isdisjoint(request.roles):
        found = []
    if cast:
        kind = next((k for k in Kind if cast.lower().endswith(f"graph.{k.value}")), None)
        found = [entry for entry in found if entry.kind is kind]
    return paged(tenant, request, Kind.USER, lambda: found, of="directoryObjects", typed_items=True)


def add_member(tenant: Tenant, request: Request, key: str) -> Reply:
    """``POST /groups/{id}/members/$ref``."""
    group = current(tenant, Kind.GROUP, key)
    member = _referred(tenant, request)
    refuse_members(group, [member])
    tenant.lag.wrote(f"{group.id}/members", tenant.directory.members(group))
    tenant.directory.add_members(group, [member.id])
    return Reply(status=204)


def remove_member(tenant: Tenant, request: Request, key: str, member: str) -> Reply:
    """``DELETE /groups/{id}/members/{id}/$ref``."""
    group = current(tenant, Kind.GROUP, key)
    found = tenant.directory.live(None, member)
    if found is None or found.id not in group.members:
        raise not_found(member)
    tenant.lag.wrote(f"{group.id}/members", tenant.directory.members(group))
    tenant.directory.remove_member(group, found.id)
    return Reply(status=204)


def manager(tenant: Tenant, request: Request, key: str) -> Reply:
    """``GET /users/{id}/manager``."""
    user = find(tenant, Kind.USER, key)
    seen = tenant.lag.before(f"{user.id}/manager")
    found = tenant.directory.manager(user) if seen is None else seen.value
    if found is None:
        raise not_found("manager")
    select = selection(request, Kind.USER)
    body = {"@odata.context": context(request, "directoryObjects") + "/$entity"}
    return Reply.of(body | typed(found, select))


def set_manager(tenant: Tenant, request: Request, key: str) -> Reply:
    """``PUT /users/{id}/manager/$ref``."""
    user = current(tenant, Kind.USER, key)
    chosen = _referred(tenant, request)
    if chosen.kind is not Kind.USER:
        raise Problem(400, "Request_BadRequest", "Invalid object type for reference 'manager'.")
    tenant.lag.wrote(f"{user.id}/manager", tenant.directory.manager(user))
    tenant.directory.set_manager(user, chosen.id)
    return Reply(status=204)


def remove_manager(tenant: Tenant, request: Request, key: str) -> Reply:
    """``DELETE /users/{id}/manager/$ref``."""
    user = current(tenant, Kind.USER, key)
    if tenant.directory.manager(user) is None:
        raise not_found("manager")
    tenant.lag.wrote(f"{user.id}/manager", tenant.directory.manager(user))
    tenant.directory.set_manager(user, None)
    return Reply(status=204)


def member_of(tenant: Tenant, request: Request, key: str) -> Reply:
    """``GET /users/{id}/memberOf``."""
    entry = find(tenant, None, key)
    found = tenant.directory.groups_of(entry.id)
    return paged(
        tenant, request, Kind.GROUP, lambda: found, of="directoryObjects", typed_items=True
    )


def reports(tenant: Tenant, request: Request, key: str) -> Reply:
    """``GET /users/{id}/directReports``."""
    entry = find(tenant, Kind.USER, key)
    found = tenant.directory.reports_of(entry.id)
    return paged(tenant, request, Kind.USER, lambda: found, of="directoryObjects", typed_items=True)


def _referred(tenant: Tenant, request: Request) -> Entry:
    """Return what ``@odata.id`` names; something too new may not be found yet."""
    entry = referred(tenant.directory, request.json().get("@odata.id"))
    return current(tenant, None, entry.id)
