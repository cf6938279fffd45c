"""Entries of the configuration written as YAML: the same when read again, and no secret in it."""

import pytest
from pydantic import Field

from hypersync.config.located import Located
from hypersync.config.source import Section, read_yaml
from hypersync.config.values import Secret, SecretText
from hypersync.config.yaml_block import AsWritten, entry_lines, secret_paths

VARIABLES = {"HOST": "ldap.example.org", "PW": "geheim"}


def tree(text: str) -> Section:
    mistakes: list = []
    found = read_yaml(text.encode(), "f", VARIABLES.get, mistakes)
    assert mistakes == []
    assert found is not None
    return found


def written(text: str, *secrets: str) -> list[str]:
    shown = AsWritten("s-1", frozenset((each,) for each in secrets))
    return [line for key, each in shown(tree(text)).items() for line in entry_lines(key, each)]


@pytest.mark.parametrize(
    "text",
    [
        "a: {b: 'x: y', c: [1, \"2\", 'on']}",
        "types: {user: {base: 'ou=a,dc=b', filter: '(&(a=b)(c=*))', on: 'true'}, group: {}}",
        "note: \"two\\nlines # and 'quotes' {}\"",
        "zoë: 技師",
        'literal: "$${x}"',
    ],
)
def test_what_is_written_reads_back_the_same(text: str):
    assert tree("\n".join(written(text))) == tree(text)


def test_what_holds_mappings_takes_several_lines():
    assert entry_lines("types", {"user": {"a": "1"}, "group": {}}) == [
        "types:",
        "  user: {a: '1'}",
        "  group: {}",
    ]


def test_flags_and_numbers_are_written_as_such_outside_of_types():
    assert written("write: 'true'\nsize: '100'\nname: '007'") == [
        "write: true",
        "size: 100",
        "name: '007'",
    ]
    assert written("types: {user: {at: 'true'}}") == ["types:", "  user: {at: 'true'}"]


def test_variables_stay_as_they_stood():
    assert written('url: "ldap://${HOST:localhost}"') == ['url: "ldap://${HOST:localhost}"']
    assert written('list: ["${HOST}", b]') == ['list: ["${HOST}", b]']


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ('"${PW}"', "${PW}"),
        ('"${PW:default}"', "${PW}"),
        ("geheim", "${S_1_URL}"),
        ('"x${PW}"', "${S_1_URL}"),
        ("postgresql://hs:geheim@host/db", "postgresql://hs:${S_1_URL_PASSWORD}@host/db"),
        ("postgresql://hs:ge@h:eim@host/db", "postgresql://hs:${S_1_URL_PASSWORD}@host/db"),
        ('"postgresql://hs:${PW}@host/db"', "postgresql://hs:${PW}@host/db"),
        ('"postgresql://hs:${PW:geheim}@host/db"', "postgresql://hs:${PW}@host/db"),
        ("postgresql://host/db?password=geheim", "${S_1_URL}"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_secrets_become_variables(given: str, shown: str):
    (line,) = written(f"url: {given}", "url")
    assert line == f'url: "{shown}"'
    assert "geheim" not in line
    assert "eim" not in line


@pytest.mark.parametrize("key", ["password", "client_secret", "apiKey", "api_key", "AuthToken"])
def test_what_is_called_a_secret_is_one(key: str):
    assert "geheim" not in written(f"{key}: geheim")[0]


def test_attributes_of_types_may_be_called_so():
    assert written("types: {user: {password: userPassword}}") == [
        "types:",
        "  user: {password: userPassword}",
    ]


def test_invented_variables_are_noted():
    shown = AsWritten("crm")
    shown(tree("bind: {password: x}\nkeys: [a]"))
    assert shown.invented == ["CRM_BIND_PASSWORD"]


def test_a_secret_below_a_list_is_found():
    shown = AsWritten("crm", frozenset({("keys", "0")}))
    assert shown(tree("keys: [a, b]")) == {"keys": ["${CRM_KEYS_0}", "b"]}


def test_what_a_connector_found_keeps_its_kind():
    assert AsWritten("crm")({"size": 3, "on": True}, ("types", "user")) == {"size": 3, "on": True}


class _Inner(Located):
    value: SecretText | None = None
    plain: str = "x"


class _Options(Located):
    first: SecretText = Secret("x")
    inner: _Inner = _Inner(value=Secret("y"))
    many: tuple[SecretText, ...] = (Secret("z"),)
    named: dict[str, _Inner] = Field(default={"a": _Inner(value=Secret("y"))}, alias="called")


def test_secrets_of_a_model_are_found_under_the_names_of_the_file():
    assert secret_paths(_Options()) == {
        ("first",),
        ("inner", "value"),
        ("many", "0"),
        ("called", "a", "value"),
    }
