"""The JSON Schema of the project's files, with the options of every connector that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypersync.config.json_schema import json_schema
from hypersync.connectors import registry
from hypersync.errors import HyperSyncError

if TYPE_CHECKING:
    from pydantic import BaseModel

_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def whole_schema() -> dict[str, Any]:
    """Return the schema of both kinds of file, in which a silo has the keys of its connector.

    Of a connector whose library is not installed only the name is known: its keys stay open.
    """
    document = json_schema()
    silo = document["$defs"]["SiloConfig"]
    common = silo["properties"]
    common["connector"]["anyOf"] = [{"enum": registry.names()}, _VARIABLE]
    silo["allOf"] = []
    for name in registry.names():
        try:
            options = registry.lookup(name).options
        except HyperSyncError:
            continue
        own = _described(name, options)
        own[name]["properties"] = dict.fromkeys(common, True) | own[name]["properties"]
        document["$defs"] |= own
        is_it = {"properties": {"connector": {"const": name}}, "required": ["connector"]}
        silo["allOf"].append({"if": is_it, "then": {"$ref": f"#/$defs/{name}"}})
    return document


def _described(name: str, options: type[BaseModel]) -> dict[str, Any]:
    """Return the schemas of a connector's options, under its name, and of what they hold."""
    schema = options.model_json_schema(by_alias=True, ref_template=f"#/$defs/{name}.{{model}}")
    inner = {f"{name}.{key}": each for key, each in schema.pop("$defs", {}).items()}
    return {name: schema, **inner}
