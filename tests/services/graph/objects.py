"""``/users`` and ``/groups``: single objects and lists of them, and what was deleted.

https://learn.microsoft.com/graph/api/resources/user, .../group and .../directory
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from tests.services.graph.directory import Entry, claims
from tests.services.graph.filters import parsed
from tests.services.graph.permissions import HIDDEN_READ
from tests.services.graph.properties import Kind
from tests.services.graph.query import (
    Selection,
    context,
    expansion,
    is_advanced,
    is_eventual,
    page_size,
    selection,
    shown,
)
from tests.services.graph.references import bound, not_found, referred, refuse_members
from tests.services.graph.tenant import Tenant
from tests.services.graph.validate import check_change, check_new, conflict
from tests.services.graph.wire import Problem, Reply, Request

_NAMED = re.compile(r"userPrincipalName eq '([^']+)'")


def find(tenant: Tenant, kind: Kind | None, key: str) -> Entry:
    """Return an object that a request names, as reads see it while the service lags."""
    directory = tenant.directory
    entry = directory.live(kind, key)
    held = entry or directory.entries.get(key.lower())
    seen = None if held is None or kind not in (None, held.kind) else tenant.lag.before(held.id)
    found = entry if seen is None else seen.value
    if found is None:
        raise not_found(key)
    return found


# --- one ---------------------------------------------------------------------------------------


def read(tenant: Tenant, request: Request, kind: Kind, key: str) -> Reply:
    """``GET /users/{id}``."""
    select = selection(request, kind)
    entry = find(tenant, kind, key)
    body = {"@odata.context": context(request, f"{kind.collection}", select) + "/$entity"}
    return Reply.of(body | shown(entry, select) | _expanded(tenant, request, entry))


def _expanded(tenant: Tenant, request: Request, entry: Entry) -> dict[str, Any]:
    """Return what ``$expand`` adds: the manager, or up to 20 members."""
    expands = expansion(request)
    if "manager" in expands and entry.kind is Kind.USER:
        manager = tenant.directory.manager(entry)
        return {} if manager is None else {"manager": typed(manager, None)}
    if "members" in expands and entry.kind is Kind.GROUP:
        is_hidden = entry.hides_members and HIDDEN_READ.isdisjoint(request.roles)
        members = [] if is_hidden else tenant.directory.members(entry)[:20]
        return {"members": [typed(member, None) for member in members]}
    return {}


def typed(entry: Entry, select: Selection | None) -> dict[str, Any]:
    """Return an object among others of any kind."""
    return {"@odata.type": entry.kind.type, **shown(entry, select)}


def create(tenant: Tenant, request: Request, kind: Kind) -> Reply:
    """``POST /users`` and ``POST /groups``."""
    body = request.json()
    directory = tenant.directory
    values = check_new(directory, kind, body, tenant.domains)
    members = bound(directory, body, "members") if kind is Kind.GROUP else []
    manager = body.get("manager@odata.bind") if kind is Kind.USER else None
    chosen = None if manager is None else referred(directory, manager)
    entry = directory.create(kind, values, tenant.clock.now())
    directory.add_members(entry, [member.id for member in members])
    if chosen is not None:
        directory.set_manager(entry, chosen.id)
    tenant.lag.wrote(entry.id, None)
    body = {"@odata.context": context(request, kind.collection) + "/$entity"} | shown(entry, None)
    location = f"{request.root}/{kind.collection}/{entry.id}"
    return Reply.of(body, status=201, Location=location)


def update(tenant: Tenant, request: Request, kind: Kind, key: str) -> Reply:
    """``PATCH /users/{id}``; null clears. A group's ``members@odata.bind`` adds up to 20."""
    entry = current(tenant, kind, key)
    body = request.json()
    values = check_change(tenant.directory, entry, body, tenant.domains)
    members = bound(tenant.directory, body, "members") if kind is Kind.GROUP else []
    refuse_members(entry, members)
    if values:
        tenant.lag.wrote(entry.id, copy.copy(entry))
        tenant.directory.update(entry, values)
    if members:
        tenant.lag.wrote(f"{entry.id}/members", tenant.directory.members(entry))
        tenant.directory.add_members(entry, [member.id for member in members])
    return Reply(status=204)


def delete(tenant: Tenant, request: Request, kind: Kind, key: str) -> Reply:
    """``DELETE /users/{id}``."""
    entry = current(tenant, kind, key)
    tenant.lag.wrote(entry.id, copy.copy(entry))
    tenant.directory.delete(entry, tenant.clock.now())
    return Reply(status=204)


def current(tenant: Tenant, kind: Kind | None, key: str) -> Entry:
    """Return what a write is about, as it truly is; what is too new is not there for it either."""
    found = tenant.directory.entries[find(tenant, kind, key).id]
    if not found.is_live:
        raise not_found(key)
    return found


# --- lists -------------------------------------------------------------------------------------


def listed(tenant: Tenant, request: Request, kind: Kind) -> Reply:
    """``GET /users`` and ``GET /groups``."""
    candidates = _candidates(tenant, request, kind)
    return paged(
        tenant,
        request,
        kind,
        lambda: (entry for entry in candidates if not tenant.lag.hides(entry.id)),
        of=kind.collection,
    )


def _candidates(tenant: Tenant, request: Request, kind: Kind) -> Iterable[Entry]:
    """Return those that a filter is tried on: one, where it asks for a user's name."""
    asked = _NAMED.fullmatch(request.query.get("$filter", ""))
    if asked is None or kind is not Kind.USER:
        return tenant.directory.all(kind)
    found = tenant.directory.live(kind, asked[1])
    return () if found is None else (found,)


def counted(tenant: Tenant, request: Request, kind: Kind) -> Reply:
    """``GET /users/$count``."""
    if not is_eventual(request):
        raise Problem(400, "Request_BadRequest", "$count is not currently supported.")
    number = len(_matching(tenant.directory.all(kind), request, kind))
    return Reply(headers={"Content-Type": "text/plain"}, body=str(number).encode())


def _matching(entries: Iterable[Entry], request: Request, kind: Kind) -> list[Entry]:
    text = request.query.get("$filter", "").strip()
    if not text:
        return list(entries)
    advanced = is_advanced(request)
    test = parsed(text, kind, advanced=advanced)
    return [entry for entry in entries if test(entry.values)]


def paged(
    tenant: Tenant,
    request: Request,
    kind: Kind,
    entries: Callable[[], Iterable[Entry]],
    *,
    of: str,
    typed_items: bool = False,
) -> Reply:
    """Return a page. Its nextLink repeats the query and says after which object the next begins."""
    for option in ("$search", "$orderby"):
        if option in request.query:
            raise Problem(400, "Request_UnsupportedQuery", f"{option} is not supported here.")
    select = selection(request, kind)
    found = _matching(entries(), request, kind)
    start = _start(tenant, request, found)
    stop = start + page_size(request)
    body: dict[str, Any] = {"@odata.context": context(request, of, select)}
    if is_advanced(request) and start == 0:
        body["@odata.count"] = len(found)
    if stop < len(found):
        body["@odata.nextLink"] = _next_link(tenant, request, found[stop - 1].id, stop)
    page = found[start:stop]
    if start and tenant.faults.taken("duplicate", request):
        page = found[start - 1 : stop]
    show = typed if typed_items else shown
    body["value"] = [show(entry, select) | _expanded(tenant, request, entry) for entry in page]
    return Reply.of(body)


def _start(tenant: Tenant, request: Request, found: list[Entry]) -> int:
    """Return where a page begins: after the last object of the one before, if it is still there."""
    token = request.query.get("$skiptoken")
    if token is None:
        return 0
    content = tenant.tokens.read(token)
    if content.get("is") != "list" or tenant.tokens.has_expired(content, tenant.clock.now()):
        raise Problem(
            400,
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and is no longer valid.",
        )
    for number, entry in enumerate(found):
        if entry.id == content["after"]:
            return number + 1
    return min(int(content["start"]), len(found))


def _next_link(tenant: Tenant, request: Request, after: str, start: int) -> str:
    token = tenant.tokens.make({"is": "list", "after": after, "start": start}, tenant.clock.now())
    kept = {name: value for name, value in request.query.items() if name != "$skiptoken"}
    query = "&".join(f"{name}={_quoted(value)}" for name, value in kept.items())
    return f"{request.base}{request.path}?{query}{'&' if query else ''}$skiptoken={token}"


def _quoted(value: str) -> str:
    return quote(value, safe="$,'()/:@ ").replace(" ", "%20")


# --- what was deleted --------------------------------------------------------------------------


def deleted_list(tenant: Tenant, request: Request, cast: str) -> Reply:
    """``GET /directory/deletedItems/microsoft.graph.user``."""
    kind = _cast(cast)
    tenant.directory.forget_old(tenant.clock.now())
    return paged(
        tenant,
        request,
        kind,
        lambda: tenant.directory.all(kind, deleted=True),
        of=f"directory/deletedItems/microsoft.graph.{kind.value}",
    )


def _cast(text: str) -> Kind:
    for kind in Kind:
        if text.lower() in (f"microsoft.graph.{kind.value}", f"graph.{kind.value}"):
            return kind
    raise not_found(text)


def deleted_read(tenant: Tenant, request: Request, key: str) -> Reply:
    """``GET /directory/deletedItems/{id}``."""
    if key.lower().startswith(("microsoft.graph.", "graph.")):
        return deleted_list(tenant, request, key)
    entry = _deleted(tenant, key)
    select = selection(request, entry.kind)
    body = {"@odata.context": context(request, "directoryObjects") + "/$entity"}
    return Reply.of(
        body | typed(entry, select) | {"deletedDateTime": entry.values["deletedDateTime"]}
    )


def restore(tenant: Tenant, request: Request, key: str) -> Reply:
    """``POST /directory/deletedItems/{id}/restore``."""
    entry = _deleted(tenant, key)
    for claim in claims(entry.values):
        if tenant.directory.holder_of(claim) is not None:
            raise conflict(claim.partition(":")[0])
    tenant.directory.restore(entry)
    body = {"@odata.context": context(request, "directoryObjects") + "/$entity"}
    return Reply.of(body | typed(entry, None))


def delete_for_good(tenant: Tenant, request: Request, key: str) -> Reply:
    """``DELETE /directory/deletedItems/{id}``."""
    tenant.directory.purge(_deleted(tenant, key))
    return Reply(status=204)


def _deleted(tenant: Tenant, key: str) -> Entry:
    entry = tenant.directory.deleted(key, tenant.clock.now())
    if entry is None:
        raise not_found(key)
    return entry
