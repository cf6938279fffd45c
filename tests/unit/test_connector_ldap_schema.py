import pytest

from hypersync.connectors.directory.schema import (
    AttributeType,
    Representation,
    decoded,
    encoded,
    parse_types,
)

TYPES = parse_types(
    [
        b"( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch"
        b" SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
        b"( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC 'RFC2256: last (family) name(s)' SUP name )",
        b"( 0.9.2342.19200300.100.1.60 NAME 'jpegPhoto' DESC 'SINGLE-VALUE it is not'"
        b" SYNTAX 1.3.6.1.4.1.1466.115.121.1.28 )",
        b"( 2.16.840.1.113730.3.1.3 NAME 'employeeNumber' EQUALITY caseIgnoreMatch"
        b" SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
        b"( 2.5.4.31 NAME 'member' SUP distinguishedName )",
        b"( 2.5.4.49 NAME 'distinguishedName' EQUALITY distinguishedNameMatch"
        b" SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )",
        b"( 2.5.18.1 NAME 'createTimestamp' EQUALITY generalizedTimeMatch"
        b" SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE NO-USER-MODIFICATION"
        b" USAGE directoryOperation )",
        b"( 2.5.4.35 NAME 'userPassword' EQUALITY octetStringMatch"
        b" SYNTAX 1.3.6.1.4.1.1466.115.121.1.40{128} )",
        b"( 1.2.3 SUP 1.2.3 )",
    ]
)
RAW = {
    "sn": [b"Lee"],
    "member": [b"cn=b", b"cn=a"],
    "createTimestamp": [b"20200101000000Z"],
    "userPassword": [b"secret"],
    "jpegPhoto": [b"\xff\xd8"],
    "employeeNumber": [b"E1"],
    "unheardOf": [b"x"],
}


def test_types_follow_their_supertypes():
    syntax = "1.3.6.1.4.1.1466.115.121.1.12"
    assert TYPES["member"] == AttributeType(name="member", is_comparable=True, syntax=syntax)
    assert TYPES["surname"] is TYPES["sn"]
    assert TYPES["sn"].aliases == ("surname",)
    assert not TYPES["jpegphoto"].is_comparable


def test_words_in_descriptions_do_not_count():
    assert not TYPES["jpegphoto"].is_single
    assert TYPES["employeenumber"].is_single


def test_a_type_that_is_its_own_supertype_does_no_harm():
    assert TYPES["1.2.3"].name == "1.2.3"


def test_everything_but_operational_attributes_and_passwords_is_reported():
    assert Representation(TYPES).attributes("cn=x", RAW) == {
        "dn": "cn=x",
        "sn": "Lee",
        "member": ("cn=a", "cn=b"),
        "jpegPhoto": b"\xff\xd8",
        "employeeNumber": "E1",
        "unheardOf": ("x",),
    }


def test_wanted_attributes_are_named_as_the_configuration_writes_them():
    shown = Representation(TYPES, wanted=["Surname", "createtimestamp"])
    assert shown.attributes("cn=x", RAW) == {
        "dn": "cn=x",
        "Surname": "Lee",
        "createtimestamp": "20200101000000Z",
    }


def test_configuration_overrules_schema_and_custom():
    shown = Representation(TYPES, multi=["surname"], single=["unheardof"])
    found = shown.attributes("cn=x", RAW)
    assert (found["sn"], found["unheardOf"]) == (("Lee",), "x")


def test_several_values_where_one_is_the_custom_are_all_reported():
    assert Representation(TYPES).attributes("cn=x", {"sn": [b"b", b"a"]})["sn"] == ("a", "b")


def test_options_of_attributes_follow_their_attribute():
    shown = Representation(TYPES, wanted=["sn;lang-fr"])
    raw = {"sn": [b"x"], "sn;lang-fr": [b"y"]}
    assert shown.attributes("cn=x", raw) == {"dn": "cn=x", "sn;lang-fr": "y"}


def test_empty_values_are_missing():
    assert Representation(TYPES).attributes(
        "cn=x", {"sn": [b""], "member": [b""], "title": []}
    ) == {"dn": "cn=x"}


def test_text_that_is_none_stays_bytes():
    found = Representation(TYPES).reported("member")
    assert decoded(found, [b"\xff", b"a"]) == (b"\xff", "a")


@pytest.mark.parametrize(
    ("value", "raw"), [("é", "é".encode()), (True, b"TRUE"), (7, b"7"), (b"\xff", b"\xff")]
)
def test_values_are_encoded_as_ldap_stores_them(value, raw: bytes):
    assert encoded(value) == raw
