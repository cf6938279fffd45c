"""How attributes of SCIM resources are named, and what services say about them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hypersync.connectors.scim.names import Names
from hypersync.connectors.scim.paths import Path, Where, both, equals, literal, parse_path
from hypersync.connectors.scim.schema import CORE, ENTERPRISE, features, shape_of
from hypersync.connectors.scim.standard import standard_schemas
from hypersync.errors import SiloRefused

BADGE = "urn:example:badge:1.0:User"


def extended(*attributes: dict[str, object]) -> Names:
    """Return the names of users with the enterprise extension and one of our own."""
    schemas = [*standard_schemas(), {"id": BADGE, "attributes": list(attributes)}]
    listed = [{"schema": ENTERPRISE}, {"schema": BADGE}, {"schema": "urn:nowhere"}, "nonsense", {}]
    types = [{"name": "User", "schema": f"{CORE}User", "schemaExtensions": listed}]
    return Names(shape_of("User", schemas, types), {"work": 'emails[type eq "work"].value'})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("userName", Path(None, "userName")),
        (" name.givenName ", Path(None, "name", None, "givenName")),
        ("members.$ref", Path(None, "members", None, "$ref")),
        ('emails[type eq "work"]', Path(None, "emails", Where("type", "work"))),
        ("emails[primary eq true].value", Path(None, "emails", Where("primary", True), "value")),
        (
            'emails[type eq "a\\"]: \\\\ b"].value',
            Path(None, "emails", Where("type", 'a"]: \\ b'), "value"),
        ),
        (f"{ENTERPRISE}:department", Path(ENTERPRISE, "department")),
        (f"{ENTERPRISE}:manager.value", Path(ENTERPRISE, "manager", None, "value")),
        (
            f'{BADGE}:doors[type eq "x:y"].value',
            Path(BADGE, "doors", Where("type", "x:y"), "value"),
        ),
    ],
)
def test_paths_are_read_and_written_alike(text: str, path: Path):
    assert parse_path(text) == path
    assert parse_path(str(path)) == path


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "1st", "a.", "a..b", "a[b]", 'a[b ne "c"]', 'a[b eq "c"', "urn:x:", "a,b"],
)
def test_what_is_no_path_is_refused_with_an_example(text: str):
    with pytest.raises(ValueError, match="is no SCIM attribute; write for instance userName"):
        parse_path(text)


def test_filters_keep_what_is_in_quotes_there():
    assert equals("userName", 'a" or id pr or a eq "') == (
        'userName eq "a\\" or id pr or a eq \\""'
    )
    assert literal("back\\slash") == '"back\\\\slash"'
    assert both("", "x") == "x"
    assert both("a or b", "x") == "(a or b) and x"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("work", Path(None, "emails", Where("type", "work"), "value")),
        (f"{CORE}User:title", Path(None, "title")),
        ("department", Path(ENTERPRISE, "department")),
        ("manager.displayName", Path(ENTERPRISE, "manager", None, "displayName")),
        ("colour", Path(BADGE, "colour")),
        ("costCenter", Path(None, "costCenter")),
        ("title", Path(None, "title")),
        ("nobody", Path(None, "nobody")),
        ('emails[type eq "x"]', Path(None, "emails", Where("type", "x"), "value")),
    ],
)
def test_a_short_name_is_an_extensions_where_only_one_has_it(name: str, path: Path):
    badge = extended({"name": "colour"}, {"name": "costCenter"}, {"name": "title"})
    assert badge.path(name) == path


def test_what_a_service_writes_in_other_letters_is_understood():
    names = extended(
        {"name": "colour", "mutability": "ReadOnly", "type": "String"},
        {"name": "once", "mutability": "IMMUTABLE"},
        {"name": "pin", "mutability": "writeOnly"},
        {"name": "doors", "multiValued": True, "subAttributes": "none"},
        {"name": "odd", "mutability": 7, "returned": None, "multiValued": "yes"},
        {"nome": "x"},
        "x",
    )
    described = names.described(frozenset({"no such name", "unknown"}))
    assert described is not None
    assert described["colour"].read_only
    assert described[f"{BADGE}:colour"].read_only
    assert not described["once"].read_only
    assert described["doors"].multi_valued
    assert (described["odd"].read_only, described["odd"].multi_valued) == (False, False)
    assert "unknown" not in described
    for name, is_it in (("once", True), ("colour", False)):
        whole = names.definition(names.path(name))
        assert whole is not None
        assert whole.is_immutable is is_it
    pin = names.definition(names.path("pin"))
    assert pin is not None
    assert pin.is_secret


def test_the_standard_says_what_is_read_only_and_what_has_several_values():
    described = extended().described(frozenset())
    assert described is not None
    read_only = {name for name, each in described.items() if each.read_only and "." not in name}
    assert read_only == {"groups", "id", "schemas"}
    assert {n for n, each in described.items() if each.multi_valued and "." not in n} >= {
        "emails",
        "groups",
        "schemas",
    }
    assert not described["work"].multi_valued
    assert {"name.givenName", "manager", "department", "meta.lastModified"} <= set(described)
    assert "name" not in described


def test_a_type_that_nobody_describes_takes_any_attribute():
    names = Names(shape_of("Printer", [], []), {})
    assert names.described(frozenset({"x"})) is None
    assert names.is_known(names.path("x"))
    assert shape_of("Group", [], []).extensions == {}


@pytest.mark.parametrize("config", [None, {}, {"patch": True, "filter": [], "pagination": "all"}])
def test_a_service_that_does_not_say_what_it_can_is_not_taken_at_its_word(config: object):
    found = features(config)  # type: ignore[arg-type] # as it comes
    assert (found.patch, found.filter, found.etag, found.cursor) == (None, None, None, None)


def test_what_a_service_says_it_can_is_read():
    said = {"patch": {"supported": False}, "etag": {"supported": True}, "filter": {"supported": 1}}
    found = features({**said, "pagination": {"cursor": True}})
    assert (found.patch, found.filter, found.etag, found.cursor) == (False, None, True, True)
    assert features({"pagination": {}}).cursor is False


def test_a_library_that_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "scim2_models", None)
    with pytest.raises(SiloRefused, match=r"run: pip install 'hypersync\[scim\]'"):
        standard_schemas.__wrapped__()


def test_the_connector_itself_imports_no_library_for_scim():
    code = (
        "import sys, hypersync.connectors.scim.connector as c;"
        "print(sorted(n for n in sys.modules if n.startswith(('scim2', 'httpx', 'django'))))"
    )
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
