"""What a tenant has that is not configured: its users, its groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from hypersync.connectors.msgraph.options import (
    MsgraphOptions,
    MsgraphTypeOptions,
    completed,
    type_options,
)
from hypersync.connectors.settings import object_types
from hypersync.model.discovery import FoundType
from hypersync.model.objects import ObjectType

_RESOURCES = {"user": "users", "group": "groups"}


def other_resources(
    options: MsgraphOptions,
    silo: str,
    known: Collection[ObjectType],
    look: Callable[[ObjectType], FoundType],
) -> Iterator[FoundType]:
    """Look at users and groups, unless one of the ``known`` types is made of them."""
    configured = {type_options(each).resource for each in known}
    for name, resource in _RESOURCES.items():
        if resource not in configured:
            own = {"resource": resource}
            types = {name: MsgraphTypeOptions.model_validate(own)}
            (kind,) = object_types(silo, options.model_copy(update={"types": types}), {})
            yield replace(look(completed(kind)), options=own)
