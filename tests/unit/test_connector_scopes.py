"""What of a silo's configuration its absences are measured against, option by option.

Somebody who is not read any more because the configuration reads elsewhere, or less, is not gone.
So every option that decides who is read, or how, is part of the scope; no other is, since another
scope costs a full scan and asks people about whoever is missing. An option that stands in no list
here fails the tests: whoever adds one says which of the two it is.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from hypersync.connectors import registry
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.pipeline import parting
from tests.option_scopes import CASES, PEOPLE, Between, Case, Several


def other(base: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a configuration with another value at a place."""
    changed = deepcopy(dict(base))
    for where, new in (value if isinstance(value, Several) else {path: value}).items():
        *outer, last = where.split(".")
        at = changed
        for key in outer:
            at = at.setdefault(key, {})
        at[last] = new
        if new is None:
            del at[last]
    return changed


def both(name: str, path: str, value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a configuration, and the same with another value of an option."""
    base = CASES[name].base
    if isinstance(value, Between):
        around = path.rpartition(".")[0]
        return other(base, around, value[0]), other(base, around, value[1])
    return base, other(base, path, value)


def read(name: str, options: Mapping[str, Any]) -> Any:
    """Return a configuration as the connector reads it."""
    return registry.lookup(name).options.model_validate(options)


def scopes(name: str, options: Mapping[str, Any], **settings: Any) -> tuple[str, str]:
    """Return the scope as the connector tells it, and with what the engine writes after it."""
    found = read(name, options)
    types = object_types("silo", found, {})
    built = SiloSettings(silo="silo", options=found, types=types, root=Path("/project"), **settings)
    connector = registry.lookup(name)(built)
    kinds = [each for stream in connector.streams() for each in stream]
    told = CASES[name].session(connector, built).scope(kinds)
    return told, parting.with_members(told, kinds)


def each(*lists: str) -> list[Any]:
    return [
        pytest.param(name, path, value, id=f"{name} {path}")
        for name, case in CASES.items()
        for which in lists
        for path, value in getattr(case, which).items()
    ]


@pytest.mark.parametrize(("name", "path", "value"), each("measured"))
def test_what_decides_who_is_read_is_in_the_scope(name, path, value):
    base, changed = both(name, path, value)
    assert scopes(name, changed)[0] != scopes(name, base)[0]


@pytest.mark.parametrize(("name", "path", "value"), each("free"))
def test_what_does_not_decide_who_is_read_is_not_in_the_scope(name, path, value):
    base, changed = both(name, path, value)
    assert read(name, changed) != read(name, base)
    assert scopes(name, changed) == scopes(name, base)


@pytest.mark.parametrize(("name", "path", "value"), each("engine"))
def test_what_holds_members_is_in_the_scope_that_the_engine_writes(name, path, value):
    base, changed = both(name, path, value)
    assert scopes(name, changed)[0] == scopes(name, base)[0]
    assert scopes(name, changed)[1] != scopes(name, base)[1]


@pytest.mark.parametrize(("name", "path", "value"), each("refused"))
def test_what_is_always_the_same_may_not_be_said_otherwise(name, path, value):
    with pytest.raises(ValidationError):
        read(name, both(name, path, value)[1])


@pytest.mark.parametrize("name", CASES)
def test_how_long_is_waited_and_whether_is_written_is_not_in_the_scope(name):
    base = CASES[name].base
    assert scopes(name, base, write=True, timeout=timedelta(1)) == scopes(name, base)


@pytest.mark.parametrize("name", CASES)
def test_another_type_is_another_scope(name):
    base = CASES[name].base
    types = base["types"] | {"contact": base["types"]["user"]}
    if name == "ad":
        types["contact"] = {"base": PEOPLE}
    assert scopes(name, base | {"types": types})[0] != scopes(name, base)[0]


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("postgresql://svc:x@a/crm", "postgresql://svc:x@b/crm"),
        ("postgresql://svc:x@a/crm", "postgresql://other:x@a/crm"),
        ("postgresql://svc:x@a/crm", "postgresql://svc:x@a:5433/crm"),
        ("postgresql://svc:x@a/crm", "postgresql://svc:x@a/crm?options=-csearch_path%3Dold"),
        ("postgresql://svc:x@/crm?host=/run/a", "postgresql://svc:x@/crm?host=/run/b"),
        ("mariadb://svc:x@a/crm", "postgresql://svc:x@a/crm"),
        ("sqlite:///a.db", "sqlite:///b.db"),
    ],
)
def test_another_database_or_account_is_another_scope(one, another):
    base = CASES["sql"].base
    assert scopes("sql", base | {"url": one})[0] != scopes("sql", base | {"url": another})[0]


def test_another_password_or_way_to_the_same_database_is_no_other_scope():
    base = CASES["sql"].base
    same = [
        scopes("sql", base | {"url": f"postgresql{rest}"})
        for rest in ("://svc:x@a/crm", "://svc:y@a/crm", "+psycopg://svc:y@a/crm?sslmode=require")
    ]
    assert same[0] == same[1] == same[2]


# --- no option is forgotten ----------------------------------------------------------------------


def test_every_connector_is_here():
    assert registry.names() == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_of_every_option_it_is_said_whether_it_is_in_the_scope(name):
    case = CASES[name]
    said = {*case.measured, *case.free, *case.engine, *case.refused}
    assert {general(each, case) for each in said} == set(options_of(registry.lookup(name).options))


def general(path: str, case: Case) -> str:
    """Return a place with a star for names that the configuration chooses."""
    parts = path.split(".")
    if parts[0] == "types":
        parts[1] = "*"
    lists = case.base["types"].get(path.split(".")[1], {}).get("lists", {}) if "." in path else {}
    return ".".join("*" if each in lists else each for each in parts)


def options_of(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Yield the places of all options, those of the parts of others too."""
    for name, info in model.model_fields.items():
        inner, is_mapping = inner_model(info.annotation)
        if inner is None or (is_mapping and name != "types"):
            yield before + name
        if inner is not None:
            yield from options_of(inner, f"{before}{name}." + ("*." if is_mapping else ""))


def inner_model(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    found = [inner_model(each)[0] for each in get_args(annotation)]
    is_mapping = get_origin(annotation) is Mapping or "Mapping" in str(get_origin(annotation))
    return next((each for each in found if each is not None), None), is_mapping
