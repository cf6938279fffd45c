"""What the configuration of an Active Directory means."""

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.options import AdOptions, naming_context
from hypersync.connectors.ad.place import NOTHING, place_of
from hypersync.connectors.ad.scan import mattering
from hypersync.connectors.directory.answers import Entry
from hypersync.connectors.directory.schema import AttributeType
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.model.objects import KNOWN_SWITCHES, EnabledSpec

BASE = "OU=People,DC=example,DC=org"


def options(types: dict[str, dict[str, object]], **more: object) -> AdOptions:
    bind = {"user": "svc@example.org", "password": "x"}
    return AdOptions.model_validate(
        {"url": "ldaps://dc1.example.org", "bind": bind, "types": types, **more}
    )


def kinds(types: dict[str, dict[str, object]]):
    return {each.name: each for each in object_types("ad", options(types), {})}


@pytest.mark.parametrize(
    ("name", "given", "filter_", "classes"),
    [
        ("user", {}, "(&(objectCategory=person)(objectClass=user))", ("user",)),
        ("Contact", {}, "(&(objectCategory=person)(objectClass=contact))", ("contact",)),
        ("group", {}, "(objectClass=group)", ("group",)),
        ("computer", {}, "(objectClass=computer)", ("computer",)),
        ("ou", {}, "(objectClass=organizationalUnit)", ("organizationalUnit",)),
        ("user", {"filter": "(cn=a*)"}, "(cn=a*)", ("user",)),
        ("user", {"filter": "cn=a*"}, "(cn=a*)", ("user",)),
        ("admin", {"object_class": ["user"]}, "(objectClass=user)", ("user",)),
        ("admin", {"filter": "(&(objectClass=user)(cn=adm-*))"}, None, ("user",)),
        ("x", {"filter": "(|(objectClass=user)(objectClass=group))"}, None, ()),
        ("x", {"filter": "(cn=*)"}, None, ()),
    ],
)
def test_name_filter_and_class_complete_each_other(
    name: str, given: dict[str, object], filter_: str | None, classes: tuple[str, ...]
):
    place = place_of(kinds({name: {"base": BASE, **given}})[name])
    assert place.filter == (filter_ or given["filter"])
    assert place.object_class == classes


@pytest.mark.parametrize("name", ["userAccountControl", "USERACCOUNTCONTROL"])
def test_the_enabled_state_is_not_the_whole_number(name: str):
    own = {"attribute": name, "when_on": "544", "when_off": "546"}
    with pytest.raises(ValidationError, match="could enable an account without a password"):
        kinds({"user": {"base": BASE, "enabled": own}})


def test_accounts_know_how_their_state_is_stored_and_others_have_none():
    types = kinds({name: {"base": BASE} for name in ("user", "computer", "group", "contact", "ou")})
    assert {name for name, each in types.items() if each.enabled == KNOWN_SWITCHES["ad"]} == {
        "user",
        "computer",
    }
    own = {"attribute": "employeeType", "when_on": "a", "when_off": "b"}
    (kind,) = kinds({"user": {"base": BASE, "enabled": own}}).values()
    assert kind.enabled == EnabledSpec("employeeType", "a", "b")
    assert not place_of(kind).has_account


def test_the_state_is_read_where_attributes_are_named():
    (kind,) = kinds({"user": {"base": BASE, "attributes": ["mail"]}}).values()
    assert kind.attributes == {"mail", "accountEnabled"}
    assert place_of(kind).requested == ["mail", "objectGUID", "uSNChanged", "userAccountControl"]


def test_groups_know_where_their_members_are():
    types = kinds({"group": {"base": BASE}, "user": {"base": BASE}})
    assert (types["group"].members, types["user"].members) == ("member", None)


@pytest.mark.parametrize(
    ("base", "context"),
    [
        ("OU=People,DC=example,DC=org", "DC=example,DC=org"),
        ("DC=example,DC=org", "DC=example,DC=org"),
        ("OU=DC\\=odd,dc=example, DC=org", "dc=example,DC=org"),
        ("CN=Sites,CN=Configuration,DC=x", "CN=Configuration,DC=x"),
        ("CN=A,CN=Schema,CN=Configuration,DC=x", "CN=Schema,CN=Configuration,DC=x"),
        ("CN=Schema,DC=x", "CN=Schema,DC=x"),
    ],
)
def test_the_naming_context_is_the_end_of_a_base(base: str, context: str):
    assert naming_context(base) == context


def test_types_of_one_naming_context_are_one_stream():
    types = {
        "user": {"base": "OU=People,DC=example,DC=org"},
        "group": {"base": "ou=Groups,dc=EXAMPLE,dc=org"},
        "site": {"base": "CN=Sites,CN=Configuration,DC=example,DC=org", "object_class": ["site"]},
    }
    found = options(types)
    settings = SiloSettings(silo="ad", options=found, types=object_types("ad", found, {}))
    streams = AdConnector(settings).streams()
    assert [[each.name for each in stream] for stream in streams] == [["user", "group"], ["site"]]


@pytest.mark.parametrize(
    ("types", "more", "message"),
    [
        ({"thing": {"base": BASE}}, {}, "cannot be told by its name"),
        ({"user": {"base": "OU=People"}}, {}, "in no domain"),
        ({"user": {"base": "nonsense"}}, {}, "no part of a DN"),
        ({"user": {"base": BASE, "primary_members": "true"}}, {}, "only groups"),
        ({"user": {"base": BASE, "anchor": "sAMAccountName"}}, {}, "objectGUID"),
        ({"user": {"base": BASE, "scope": "base"}}, {}, "subtree"),
        ({"user": {"base": BASE}}, {"url": "ldaps://dc1:3269"}, "global catalog"),
        ({"user": {"base": BASE}}, {"delta": "guess"}, "dirsync"),
        ({}, {}, "at least 1"),
    ],
)
def test_wrong_options_are_refused(types: dict, more: dict, message: str):
    with pytest.raises(ValidationError, match=message):
        options(types, **more)


def test_an_anchor_that_is_none_finds_nothing():
    (kind,) = kinds({"user": {"base": BASE}}).values()
    place = place_of(kind)
    assert place.anchor_filter("ann") == NOTHING
    assert place.anchor_filter("8f3c9a52-1111-4222-8333-444455556666") == (
        "(objectGUID=\\52\\9a\\3c\\8f\\11\\11\\22\\42\\83\\33\\44\\44\\55\\55\\66\\66)"
    )
    assert place.anchor_of(Entry("CN=x", {"objectguid": [b"short"]})) is None
    assert place.anchor_of(Entry("CN=x", {})) is None


def test_an_object_may_be_of_a_type_by_its_classes():
    types = kinds({"user": {"base": BASE}, "any": {"base": BASE, "filter": "(cn=*)"}})
    user, any_ = place_of(types["user"]), place_of(types["any"])
    assert user.may_be([b"top", b"User"])
    assert not user.may_be([b"top", b"group"])
    assert user.may_be([])
    assert any_.may_be([b"group"])


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        ("(employeeType=active)", {"employeeType"}),
        ("(& (a=1) (|(b>=2)(!(c<=3)))(d~=x\\28y))", {"a", "b", "c", "d"}),
        ("(&(e;lang-fr=x=y:z)( f =1)(g=*)(h=i*))", {"e", "f", "g", "h"}),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", {"userAccountControl"}),
        ("(1.2.840.113556.1.2.613=active)", {"1.2.840.113556.1.2.613"}),
        ("(:dn:2.4.6.8.10:=Dino)", {"*"}),
    ],
)
def test_what_a_filter_looks_at_is_known(filter_: str, names: set[str]):
    kind = kinds({"x": {"base": BASE, "filter": filter_}})["x"]
    assert place_of(kind).filtered == names


def test_changes_matter_of_what_is_read_and_of_what_a_filter_looks_at_by_name_or_number():
    directory: Any = SimpleNamespace(
        types={"1.2.3": AttributeType(name="employeeType")},
        is_computed=lambda name: name == "memberOf",
    )
    given = {"base": BASE, "attributes": ["cn"], "filter": "(&(1.2.3=a)(!(memberOf=CN=b)))"}
    place = place_of(kinds({"x": given})["x"])
    assert mattering(directory, [place]) == {"cn", "objectGUID", "employeeType"}
