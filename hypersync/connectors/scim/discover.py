"""Which resource types a service has, and what of them is not configured yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hypersync.connectors.scim.options import GROUP, USER, ScimOptions, resource_of
from hypersync.connectors.scim.service import Service
from hypersync.connectors.settings import object_types
from hypersync.errors import SiloError
from hypersync.model.discovery import FoundType
from hypersync.model.objects import ObjectType

_COMMON = ({"name": USER, "endpoint": "/Users"}, {"name": GROUP, "endpoint": "/Groups"})
"""What there is where a service does not list its resource types."""


def other_resources(
    service: Service,
    silo: str,
    known: Collection[ObjectType],
    look: Callable[[ObjectType], FoundType],
) -> Iterator[FoundType]:
    """Look at each resource type that none of the ``known`` types is made for."""
    configured = {resource_of(each) for each in known}
    for each in service.types or _COMMON:
        options = _options(each)
        if options is None or options["resource"] in configured:
            continue
        kind = _kind(silo, service.options, options)
        try:
            found = look(kind)
        except SiloError as error:
            found = FoundType(name=kind.name, notes=(f"it cannot be read: {error.message}",))
        yield replace(found, options=options)


def _options(listed: Mapping[str, Any]) -> dict[str, str] | None:
    """Return what configures a resource type; ``None`` for one that has no name."""
    name, endpoint = listed.get("name"), listed.get("endpoint")
    if not isinstance(name, str) or not name.strip():
        return None
    options = {"resource": name}
    if isinstance(endpoint, str) and endpoint.strip("/") not in ("", f"{name}s"):
        options["endpoint"] = f"/{endpoint.strip('/')}"
    return options


def _kind(silo: str, options: ScimOptions, own: Mapping[str, str]) -> ObjectType:
    given = {"url": options.url, "types": {own["resource"]: own}}
    (kind,) = object_types(silo, ScimOptions.model_validate(given), {})
    return kind
