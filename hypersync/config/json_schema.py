"""The JSON Schema of the project's files, so that editors complete and underline. Pure."""

from __future__ import annotations

from typing import Any

from hypersync.config.models import ProjectFile
from hypersync.config.rule_models import RuleFile


def json_schema() -> dict[str, Any]:
    """Return one schema for both kinds of file: a file must fit one of the two.

    ``$defs/ProjectFile`` and ``$defs/RuleFile`` are the schemas of ``config/hypersync.yaml`` and
    of ``rules/*.yaml``.
    """
    definitions: dict[str, Any] = {}
    for model in (ProjectFile, RuleFile):
        schema = model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        definitions |= schema.pop("$defs", {})
        definitions[model.__name__] = schema
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "HyperSync project files",
        "oneOf": [{"$ref": "#/$defs/ProjectFile"}, {"$ref": "#/$defs/RuleFile"}],
        "$defs": definitions,
    }
