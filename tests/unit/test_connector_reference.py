"""What `docs/reference/connectors.md` says of options: every one, no other, and what they are."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hypersync.config.models import SiloConfig
from hypersync.config.source import Section, read_yaml
from hypersync.connectors import registry
from hypersync.connectors.msgraph.properties import RESOURCES
from hypersync.connectors.scim.options import GROUP, USER, ScimOptions, match_of
from hypersync.connectors.settings import TypeOptions, object_types
from hypersync.connectors.sql_database.options import DEFAULT_NUMBERS, DEFAULT_OVERLAP
from hypersync.model.time_span import format_time_span

PAGE = (Path(__file__).parents[2] / "docs/reference/connectors.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
TABLES = re.compile(r"^\| key( of a type)? \|.*\n\|[ |-]+\n((?:\|.*\n)+)", re.MULTILINE)
CELLS = re.compile(r"(?<!\\)\|")
COMMON = {"types", *TypeOptions.model_fields}
"""What no connector has to describe again: `enabled`, for instance."""


def match_of_scim() -> str:
    types = {each: {"resource": each} for each in (USER, GROUP)}
    options = ScimOptions.model_validate({"url": "https://a", "types": types})
    kinds = object_types("apps", options, {})
    user, group = ("`[" + ", ".join(match_of(each)) + "]`" for each in kinds)
    return f"{user}, of groups {group}"


WORDS = {
    "ad filter": "by name or class",
    "ad object_class": "by name or filter",
    "csv folder": "the folders of the types, else `data`",
    "csv encoding": "`utf-8`",
    "internal anchor": "the silo assigns one",
    "ldif base": "all of the file",
    "ldif object_class": "any",
    "memory anchor": "the silo assigns one",
    "msgraph anchor": "`id`",
    "msgraph ca_file": "the system's",
    "msgraph key": ", ".join(f"`{each.key}`" for each in RESOURCES.values()),
    "msgraph sign_in": "must be said",
    "msgraph url": "the cloud's",
    "scim anchor": "`id`",
    "scim endpoint": "the resource with an s",
    "scim match": match_of_scim(),
    "scim resource": f"`{USER}` or `{GROUP}`, for types of that name",
    "sql overlap": f"`{format_time_span(DEFAULT_OVERLAP)}`, `{DEFAULT_NUMBERS}`",
    "sql table": "this or `query`",
}
"""What the page says of options that nobody has to say, and whose value is found out then."""


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_reference_are_right(example: str, tmp_path: Path):
    mistakes: list = []
    tree = read_yaml(example.encode(), "example", lambda _: "s3cret", mistakes)
    assert mistakes == []
    assert isinstance(tree, Section)
    assert registry.build("silo", SiloConfig.model_validate(tree), root=tmp_path).streams()


def models(name: str) -> dict[str, type[BaseModel]]:
    """Return the options of a silo and of its types, by what follows ``key`` in the page."""
    options = registry.lookup(name).options
    (_, of_types) = get_args(options.model_fields["types"].annotation)
    return {"": options, " of a type": of_types}


def rows(name: str, which: str) -> list[tuple[str, str, str]]:
    """Return of each option that the page describes its name, value and default."""
    found = []
    for kind, table in TABLES.findall(SECTIONS[name]):
        for line in table.splitlines() if kind == which else ():
            keys, value, default, text = map(str.strip, CELLS.split(line.strip().strip("|")))
            assert text
            found += [(key, value, default) for key in re.findall(r"`(\w+)`", keys)]
    return found


@pytest.mark.parametrize("which", ["", " of a type"])
@pytest.mark.parametrize("name", registry.names())
def test_reference_describes_every_option_and_no_other(name: str, which: str):
    fields = models(name)[which].model_fields
    keys = [key for key, _, _ in rows(name, which)]
    assert len(keys) == len(set(keys))
    assert set(keys) <= set(fields)
    assert {key for key, field in fields.items() if is_own(key, field)} <= set(keys)


def is_own(key: str, field: FieldInfo) -> bool:
    """Tell whether a connector has to describe an option: those that all have it need not."""
    common = TypeOptions.model_fields.get(key)
    if key == "anchor":
        return True
    return key not in COMMON or (common is not None and common.default != field.default)


def test_every_section_of_the_reference_has_an_example():
    for name in registry.names():
        assert f"connector: {name}\n" in SECTIONS[name]


def options_described() -> list[Any]:
    return [
        pytest.param(name, key, model.model_fields.get(key), *said, id=f"{name} {key}")
        for name in registry.names()
        for which, model in models(name).items()
        for key, *said in rows(name, which)
    ]


@pytest.mark.parametrize(("name", "key", "field", "_value", "default"), options_described())
def test_reference_says_what_an_option_is_when_nobody_says_it(
    name: str, key: str, field: FieldInfo, _value: str, default: str
):
    assert default == WORDS.get(f"{name} {key}", shown_default(field))


def test_no_words_are_left_over():
    described = {f"{each.values[0]} {each.values[1]}" for each in options_described()}
    assert set(WORDS) <= described


def shown_default(field: FieldInfo) -> str:
    """Return an option's default as the page shows it."""
    if field.is_required():
        return "must be said"
    found = field.get_default(call_default_factory=True)
    match found:
        case bool():
            return f"`{str(found).lower()}`"
        case timedelta():
            return f"`{format_time_span(found)}`"
        case BaseModel():
            parts = ((key, str(each).lower()) for key, each in found if each)
            return ", ".join(f"`{key}: {each}`" for key, each in parts)
        case None if inner(field.annotation):
            return "nobody"
        case None | "" | () | Mapping():
            return ""
        case _:
            return f"`{found}`"


@pytest.mark.parametrize(("name", "_key", "field", "value", "_default"), options_described())
def test_reference_says_what_an_option_may_be(
    name: str, _key: str, field: FieldInfo, value: str, _default: str
):
    said = re.findall(r"`([\w]+)`", value)
    if (parts := inner(field.annotation)) is not None:
        assert value == "see below" or set(said) == set(parts.model_fields)
        assert all(f"`{part}`" in SECTIONS[name] for part in parts.model_fields)
    elif choices := literals(field.annotation):
        assert said == choices
    elif field.annotation is bool:
        assert value == "`true` or `false`"
    elif field.annotation is int:
        assert value == "whole number"
    elif field.annotation is timedelta:
        assert value == "time span"
    elif get_origin(field.annotation) is tuple:
        assert value in ("list of text", "text or list of text")


def literals(annotation: Any) -> list[str]:
    """Return the words that an option may be."""
    return list(get_args(annotation)) if get_origin(annotation) is Literal else []


def inner(annotation: Any) -> type[BaseModel] | None:
    """Return the model of an option that has parts."""
    parts = [each for each in get_args(annotation) if each is not NoneType] or [annotation]
    found = parts[-1]
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None
