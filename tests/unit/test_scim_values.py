"""What SCIM resources say as attributes, and attributes as they are sent, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.connectors.changes import present
from hypersync.connectors.scim.bodies import new_resource, replacement
from hypersync.connectors.scim.names import Names
from hypersync.connectors.scim.patches import MEMBERS, Dialect, patch_body
from hypersync.connectors.scim.schema import COMMON, ENTERPRISE, Definition, Shape, shape_of
from hypersync.connectors.scim.standard import standard_schemas
from hypersync.connectors.scim.values import Reader, as_reported, checked, secrets_of, value_at
from hypersync.model.objects import Attributes, Change, ObjectType, Operation, Value

NAMES = Names(shape_of("User", standard_schemas(), []), {})
WORK, HOME = (f'emails[type eq "{kind}"].value' for kind in ("work", "home"))
LOOSE = Names(Shape("urn:x", COMMON, {}, is_known=False), {})
"""Of a service that nobody described."""


def read(resource: dict[str, Any], *wanted: str) -> Attributes:
    return Reader(NAMES, frozenset(wanted)).attributes(resource)


def test_what_is_blank_null_or_of_a_strange_kind_is_missing():
    resource = {
        "title": "",
        "nickName": None,
        "name": {"givenName": "", "familyName": None},
        "emails": [{"type": "work"}, {"value": ""}, None, "x@example.org"],
        "phoneNumbers": [],
        "locale": {"a": {"b": "c"}},
        "profileUrl": ["a", 7, ["b"]],
        ENTERPRISE: {"department": None},
        "urn:x": "no object",
    }
    assert read(resource) == {"emails": ("x@example.org",), "profileUrl": (7, "a")}
    assert read(resource, "title", "name.givenName", WORK, "department", "locale") == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (WORK, "w@example.org"),
        (HOME, ("h1@example.org", "h2@example.org")),
        ("emails", ("h1@example.org", "h2@example.org", "w@example.org")),
        ("emails[primary eq true].value", "w@example.org"),
        ("emails[primary eq false].value", ("h1@example.org", "h2@example.org")),
        ('emails[type eq "WORK"].value', "w@example.org"),
        ('emails[type eq "other"].value', None),
        ("emails.type", ("home", "work")),
        ("name.givenName", "Ann"),
        ("name", None),
        ("manager", "4711"),
        ("manager.displayName", "Boss"),
        ("userName.x", None),
        ("active", False),
    ],
)
def test_each_name_reaches_its_value(name: str, value: Value):
    resource = {
        "userName": "ann",
        "active": False,
        "name": {"givenName": "Ann"},
        "emails": [
            {"type": "work", "value": "w@example.org", "primary": True},
            {"type": "home", "value": "h2@example.org"},
            {"type": "Home", "value": "h1@example.org", "primary": False},
        ],
        ENTERPRISE: {"manager": {"value": "4711", "displayName": "Boss"}},
    }
    found = read(resource, name)
    if name == "emails.type":
        found = {name: tuple(sorted({str(each).casefold() for each in found[name]}))}  # type: ignore[union-attr]
    assert found.get(name) == value


def test_a_type_without_a_schema_is_read_as_it_comes():
    reader = Reader(LOOSE, frozenset())
    resource = {"id": "1", "a": {"b": 1, "value": "x"}, "c": [{"value": 2}, {"value": 1}], "d": 1.5}
    assert reader.attributes(resource) == {"a": "x", "a.b": 1, "c": (1, 2), "d": 1.5}
    assert value_at(resource, LOOSE.path("c"), is_multi=LOOSE.is_multi(LOOSE.path("c"))) == (1, 2)


def test_values_of_changes_take_the_form_in_which_they_are_reported():
    given_ = {
        "emails": "x",
        "title": ("a",),
        "active": "False",
        "nickName": "",
        "unknown": ("b", "a"),
    }
    assert as_reported(given_, NAMES) == {
        "emails": ("x",),
        "title": "a",
        "active": False,
        "nickName": None,
        "unknown": ("b", "a"),
    }
    assert as_reported(None, NAMES) is None


def change(after: Attributes, operation: Operation = Operation.UPDATE) -> Change:
    return Change(
        key="k",
        operation=operation,
        type=ObjectType(silo="s", name="user"),
        anchor="1",
        before={},
        after=after,
    )


def test_what_is_written_once_is_written_when_the_object_is_made_and_never_again():
    once = Definition(name="badge", mutability="immutable")
    names = Names(Shape("urn:x", {**COMMON, "badge": once}, {}, is_known=True), {})
    checked(change({"badge": "7"}), names, current=None)
    checked(change({"badge": "7"}), names, current={})
    checked(change({"badge": "7"}), names, current={"badge": "7"})
    with pytest.raises(ValueError, match="'badge' is written once, when the object is made"):
        checked(change({"badge": "8"}), names, current={"badge": "7"})


def test_what_nobody_described_may_be_written():
    checked(change({"anything": "x"}), LOOSE, current={})
    with pytest.raises(ValueError, match="'id' is read-only"):
        checked(change({"id": "x"}), LOOSE, current={})
    assert secrets_of(change({"password": "x", "title": "y"}), NAMES) == {"password"}


def test_a_new_resource_names_the_schemas_it_uses():
    body = new_resource(
        {"userName": "a", "department": "IT", "title": None, "emails": ("e",)}, NAMES
    )
    assert body == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": "a",
        ENTERPRISE: {"department": "IT"},
        "emails": [{"value": "e"}],
    }
    assert ENTERPRISE not in new_resource({"userName": "a", "department": ""}, NAMES)


def test_a_replacement_leaves_out_blanks_and_what_nobody_may_write():
    resource = {
        "id": "1",
        "schemas": ["x"],
        "meta": {"version": "1"},
        "groups": [{"value": "g"}],
        "title": "",
        "name": {"givenName": "Ann", "familyName": None},
        "emails": [{"value": "", "primary": True}, {"value": "a", "display": ""}],
        ENTERPRISE: {"department": "IT"},
    }
    assert replacement(resource, {"department": None, "nickName": "A"}, NAMES) == {
        "id": "1",
        "schemas": ["x"],
        "name": {"givenName": "Ann"},
        "emails": [{"value": "a"}],
        "nickName": "A",
    }
    assert resource[ENTERPRISE] == {"department": "IT"}


# --- dialects ----------------------------------------------------------------------------------

ANN: dict[str, Any] = {
    "title": "Clerk",
    "name": {"givenName": "Ann", "familyName": "Lee"},
    "emails": [{"type": "work", "value": "w"}, {"type": "home", "value": "h"}],
    ENTERPRISE: {"department": "Sales"},
}


@pytest.mark.parametrize(
    ("dialect", "after", "operations"),
    [
        ("path", {"title": "Boss"}, [{"op": "replace", "path": "title", "value": "Boss"}]),
        ("value", {"title": "Boss"}, [{"op": "replace", "value": {"title": "Boss"}}]),
        ("entra", {"title": "Boss"}, [{"op": "Replace", "path": "title", "value": "Boss"}]),
        ("entra", {"nickName": "A"}, [{"op": "Add", "path": "nickName", "value": "A"}]),
        *((d, {"title": None}, [{"op": "remove", "path": "title"}]) for d in ("path", "value")),
        ("entra", {"title": None}, [{"op": "Remove", "path": "title"}]),
        (
            "path",
            {"name.givenName": "A"},
            [{"op": "replace", "path": "name.givenName", "value": "A"}],
        ),
        (
            "value",
            {"name.givenName": "A"},
            [{"op": "replace", "value": {"name": {"givenName": "A", "familyName": "Lee"}}}],
        ),
        ("value", {"name.givenName": None}, [{"op": "remove", "path": "name.givenName"}]),
        (
            "value",
            {"department": "IT", "title": "Boss"},
            [{"op": "replace", "value": {ENTERPRISE: {"department": "IT"}, "title": "Boss"}}],
        ),
        (
            "path",
            {"department": None},
            [{"op": "remove", "path": f"{ENTERPRISE}:department"}],
        ),
        ("path", {WORK: "x"}, [{"op": "replace", "path": WORK, "value": "x"}]),
        ("path", {WORK: None}, [{"op": "remove", "path": 'emails[type eq "work"]'}]),
        (
            "path",
            {'emails[type eq "work"].display': None},
            [{"op": "remove", "path": 'emails[type eq "work"].display'}],
        ),
        (
            "path",
            {'emails[type eq "new"].value': "n"},
            [
                {
                    "op": "replace",
                    "path": "emails",
                    "value": [*ANN["emails"], {"type": "new", "value": "n"}],
                }
            ],
        ),
        (
            "entra",
            {'phoneNumbers[type eq "work"].value': "1"},
            [{"op": "Add", "path": 'phoneNumbers[type eq "work"].value', "value": "1"}],
        ),
        (
            "path",
            {"emails": ("h", "n")},
            [
                {
                    "op": "replace",
                    "path": "emails",
                    "value": [{"type": "home", "value": "h"}, {"value": "n"}],
                }
            ],
        ),
        ("path", {"emails": None}, [{"op": "remove", "path": "emails"}]),
        (
            "path",
            {"manager": "7"},
            [{"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": "7"}}],
        ),
    ],
)
def test_each_dialect_says_it_in_its_way(
    dialect: str, after: Attributes, operations: list[dict[str, Any]]
):
    assert Dialect(dialect).update(ANN, after, NAMES) == operations
    assert patch_body(operations)["Operations"] == operations


def test_a_group_without_the_same_members_is_replaced_or_told_one_by_one():
    names = Names(shape_of("Group", standard_schemas(), []), {})
    group = {"members": [{"value": f"{n:03}"} for n in range(300)]}
    all_but = {n: tuple(f"{m:03}" for m in range(n, 300)) for n in (100, 101, 300)}
    assert len(Dialect("path").update(group, {"members": all_but[100]}, names)) == 100
    (many,) = Dialect("path").update(group, {"members": all_but[101]}, names)
    assert (many["op"], len(many["value"])) == ("replace", 199)
    (entra,) = Dialect("entra").update(group, {"members": all_but[101]}, names)
    assert (entra["op"], len(entra["value"])) == ("Remove", 101)
    assert Dialect("path").update(group, {"members": None}, names) == [
        {"op": "remove", "path": "members"}
    ]
    (quoted,) = Dialect("path").remove(MEMBERS, ['a"b'])
    assert quoted["path"] == 'members[value eq "a\\"b"]'


TEXT = st.text(min_size=1, max_size=5)
SETTABLE = st.fixed_dictionaries(
    {},
    optional={
        "title": st.none() | TEXT,
        "name.givenName": st.none() | TEXT,
        "name.familyName": st.none() | TEXT,
        "department": st.none() | TEXT,
        "manager": st.none() | TEXT,
        "emails": st.none() | st.lists(TEXT, min_size=1, max_size=3, unique=True).map(tuple),
        'addresses[type eq "work"].locality': st.none() | TEXT,
        'addresses[type eq "work"].postalCode': st.none() | TEXT,
        'addresses[type eq "home"].locality': st.none() | TEXT,
        "active": st.booleans(),
    },
)


@given(before=SETTABLE, after=SETTABLE)
def test_what_is_put_into_a_resource_is_read_out_of_it(before: Attributes, after: Attributes):
    resource = new_resource(before, NAMES)
    replaced = replacement(resource, after, NAMES)
    wanted = as_reported(present({**before, **after}), NAMES)
    assert read(replaced, *before, *after, "userName") == wanted
