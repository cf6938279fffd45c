"""What editors underline: the schema knows what each connector takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from hypersync.check.schema import whole_schema
from hypersync.connectors import registry
from hypersync.errors import UsageError

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs/reference/connectors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
FILES = [
    *ROOT.glob("config/hypersync.yaml"),
    *ROOT.glob("docs/tutorial/config/hypersync.yaml"),
    *ROOT.glob("rules/*.yaml"),
    *ROOT.glob("docs/tutorial/rules/*.yaml"),
]
SCHEMA = whole_schema()
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)


def mistakes(silo: dict[str, Any]) -> list[str]:
    """Return where the schema of the project's file finds fault with a silo."""
    document = {**SCHEMA, "$ref": "#/$defs/ProjectFile"}
    del document["oneOf"]
    file = {"secret_keys": ["a-key"], "silos": {"silo": silo}, "joins": []}
    return [each.message for each in jsonschema_rs.validator_for(document).iter_errors(file)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_of_ours_fit(file: Path):
    assert len(FILES) >= 4
    VALIDATOR.validate(yaml.safe_load(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_reference_fit(example: str):
    assert mistakes(yaml.safe_load(example)) == []


LDAP: dict[str, Any] = {
    "connector": "ldap",
    "url": ["ldaps://one.example.org", "ldaps://two.example.org"],
    "types": {"user": {"base": "dc=example,dc=org"}},
}


@pytest.mark.parametrize(
    ("silo", "said"),
    [
        ({"connector": "lpad"}, "lpad"),
        ({"pagesize": 5}, "pagesize"),
        ({"page_size": "many"}, "many"),
        ({"types": {"user": {"bases": "x", "base": "y"}}}, "bases"),
        ({"types": {"user": {}}}, "base"),
        ({"types": {"user": {"base": "y", "scope": "all"}}}, "all"),
        ({"bind": {"usr": "x"}}, "usr"),
        ({"writes_per_sec": 5}, "writes_per_sec"),
    ],
)
def test_what_a_connector_does_not_take_is_underlined(silo: dict[str, Any], said: str):
    assert mistakes(LDAP) == []
    (found,) = mistakes({**LDAP, **silo})
    assert said in found


def test_the_name_of_a_connector_may_be_a_variable():
    assert mistakes({"connector": "${KIND}", "anything": 1}) == []


def test_the_keys_of_a_connector_that_cannot_be_loaded_stay_open(monkeypatch):
    def lookup(name: str, real=registry.lookup):
        if name == "sql":
            raise UsageError("it needs a library")
        return real(name)

    monkeypatch.setattr(registry, "lookup", lookup)
    schema = whole_schema()
    assert "sql" not in schema["$defs"]
    assert "ldap" in schema["$defs"]
    assert "sql" in schema["$defs"]["SiloConfig"]["properties"]["connector"]["anyOf"][0]["enum"]
