"""The JSON Schema of the project's files, so that editors complete, explain and underline.

What a key means is said where it is declared, in the text under it; it is read from the source
only when somebody asks, so that loading a configuration does not pay for it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel

from hypersync.config.models import ProjectFile
from hypersync.config.rule_models import RuleFile


def json_schema() -> dict[str, Any]:
    """Return one schema for both kinds of file: a file must fit one of the two.

    ``$defs/ProjectFile`` and ``$defs/RuleFile`` are the schemas of ``config/hypersync.yaml`` and
    of ``rules/*.yaml``.
    """
    definitions: dict[str, Any] = {}
    roots: tuple[type[BaseModel], ...] = (ProjectFile, RuleFile)
    for model in roots:
        schema = model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        definitions |= schema.pop("$defs", {})
        definitions[model.__name__] = schema
    for model in models_below(ProjectFile) | models_below(RuleFile):
        _describe(definitions[model.__name__], model)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "HyperSync project files",
        "oneOf": [{"$ref": "#/$defs/ProjectFile"}, {"$ref": "#/$defs/RuleFile"}],
        "$defs": definitions,
    }


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    schema["description"] = inspect.getdoc(model) or ""
    for name, text in descriptions(model).items():
        key = model.model_fields[name].alias or name
        schema["properties"][key]["description"] = text
        schema["properties"][key].pop("title", None)


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return what is written under each field of ``model``, by the field's name."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - it is the source of a class
    found = {}
    for field, text in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            found[ast.unparse(field.target)] = str(ast.literal_eval(text.value))
    return found


def models_below(model: type[BaseModel]) -> dict[type[BaseModel], None]:
    """Return ``model`` and every model that its fields hold, outermost first."""
    found: dict[type[BaseModel], None] = {model: None}
    for field in model.model_fields.values():
        if not field.exclude:
            for inner in _models_in(field.annotation):
                found |= models_below(inner)
    return found


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
