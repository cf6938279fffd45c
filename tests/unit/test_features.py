"""What can be said of an object that others may share."""

from __future__ import annotations

import pytest

from hypersync.pipeline.causes.choose import Feature, Kind
from hypersync.pipeline.causes.features import (
    Wanted,
    containers,
    is_telling,
    of_anchor,
    of_attributes,
    of_changes,
    scan_of,
)
from hypersync.pipeline.passwords import MARK
from hypersync.ports.store.objects import Trait

HR = "hr/person"


def said(**attributes: object) -> list[tuple[str, object]]:
    return [(each.name, each.value) for each in of_attributes(HR, attributes)]


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "initialPassword",
        "userPassword",
        "unicodePwd",
        "clientSecret",
        "apiKey",
        "api-key",
        "encryptionKey",
        "sshKey",
        "sshpublickey",
        "recoveryKey",
        "recovery_code",
        "keyMaterial",
        "krbPrincipalKey",
        "userPKCS12",
        "pin",
        "PIN2",
        "initialPin",
        "userpin",
        "pin_code",
        "otpSeed",
        "passwordHash",
    ],
)
def test_secrets_are_never_looked_at(name):
    assert said(**{name: "x"}) == []
    assert not is_telling(name)


@pytest.mark.parametrize("name", ["sn", "GivenName", "displayName", "mail", "uid", "cn"])
def test_names_of_people_are_not_looked_at(name):
    assert said(**{name: "x"}) == []


@pytest.mark.parametrize(
    "name", ["company", "pinned", "shipping", "keyboard", "department", "employeeType", "status"]
)
def test_everything_else_is(name):
    assert said(**{name: "x"}) == [(name, "x")]


def test_a_password_that_is_not_made_yet_is_not_looked_at():
    assert said(note=f"starts with {MARK}") == []


def test_every_value_of_a_list_is_looked_at_but_not_of_a_long_one():
    assert said(site=["Lyon", "Nice"]) == [("site", "Lyon"), ("site", "Nice")]
    assert len(said(site=[f"s{n}" for n in range(100)])) == 20


def test_bytes_are_not_looked_at():
    assert said(photo={"base64": "eHg="}, badges=[{"base64": "eHg="}, "x"]) == [("badges", "x")]


def test_the_containers_of_an_object_are_all_above_it_but_the_root():
    name = "CN=Ann\\, Chief,OU=Sales, OU=ACME,DC=example,DC=org"
    assert list(containers(name)) == [
        "ou=sales,ou=acme,dc=example,dc=org",
        "ou=acme,dc=example,dc=org",
    ]
    assert said(dn=name)[0] == ("dn", "ou=sales,ou=acme,dc=example,dc=org")


@pytest.mark.parametrize("name", [None, 7, "", "nothing", ["cn=a,dc=b"]])
def test_what_is_no_distinguished_name_has_no_containers(name):
    assert list(containers(name)) == []


def test_what_becomes_of_a_list_is_what_is_added():
    found = list(of_changes(Kind.BECOMES, HR, {"site": ("a", "b")}, {"site": ("a",)}))
    assert found == [Feature(Kind.BECOMES, HR, "site", "b")]


def test_emptied_attributes_are_told_and_names_and_members_are_not():
    after = {"title": None, "sn": "x", "+member": ["m"], "dn": "cn=x"}
    assert list(of_changes(Kind.CHANGED, HR, after)) == [Feature(Kind.CHANGED, HR, "title", None)]


def test_an_anchor_is_never_told_whole():
    assert [each.value for each in of_anchor(HR, "912345")] == ["9", "91", "912"]
    assert [each.value for each in of_anchor(HR, "91")] == ["9"]
    assert list(of_anchor(HR, "9")) == []


def test_only_what_a_scan_wrote_has_a_scan():
    assert scan_of("scan:s1") == "s1"
    assert scan_of("action:a1") is None


def test_what_is_wanted_is_found_again_in_an_object():
    wanted = [
        Feature(Kind.ATTRIBUTE, HR, "company", "ACME"),
        Feature(Kind.ATTRIBUTE, HR, "site", "Nice"),
        Feature(Kind.CONTAINER, HR, "dn", "ou=x,dc=y"),
        Feature(Kind.SCAN, HR, "", "s1"),
        Feature(Kind.ANCHOR, HR, "", "9"),
        Feature(Kind.ATTRIBUTE, "dir/account", "company", "ACME"),
        Feature(Kind.BECOMES, HR, "company", "ACME"),
    ]
    attributes = {"company": "ACME", "site": ["Lyon", "Nice", "Nice"], "dn": "cn=a,ou=X,dc=y"}
    trait = Trait(1, 2, 3, "91", "{}", None, "scan:s1")
    assert sorted(Wanted(wanted).found(HR, trait, attributes)) == [0, 1, 2, 3, 4]
    other = Trait(1, 2, 3, "81", "{}", None, "action:s1")
    assert Wanted(wanted).found(HR, other, {"company": {"base64": ""}, "site": "Lyon"}) == []
    assert Wanted(wanted).names(HR) == ["company", "site"]
