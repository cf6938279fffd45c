"""Values of Active Directory: GUIDs, SIDs, times, a bit; and why somebody is not let in."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersync.connectors.ad import values
from hypersync.connectors.ad.place import AdPlace
from hypersync.connectors.ad.representation import AdRepresentation, references_of, types_of
from hypersync.connectors.ad.sign_in import in_words
from hypersync.connectors.directory.schema import parse_types

STRING, DN, OCTETS, TIME, LARGE = (
    "1.3.6.1.4.1.1466.115.121.1.15",
    "1.3.6.1.4.1.1466.115.121.1.12",
    "1.3.6.1.4.1.1466.115.121.1.40",
    "1.3.6.1.4.1.1466.115.121.1.24",
    "1.2.840.113556.1.4.906",
)
TYPES = types_of(
    parse_types(
        f"( 1.{number} NAME '{name}' SYNTAX '{syntax}' {flags})".encode()
        for number, (name, syntax, flags) in enumerate(
            [
                ("title", STRING, "SINGLE-VALUE "),
                ("otherTelephone", STRING, ""),
                ("proxyAddresses", STRING, ""),
                ("member", DN, ""),
                ("manager", DN, "SINGLE-VALUE "),
                ("memberOf", DN, "NO-USER-MODIFICATION "),
                ("distinguishedName", DN, "SINGLE-VALUE "),
                ("objectGUID", OCTETS, "SINGLE-VALUE NO-USER-MODIFICATION "),
                ("objectSid", OCTETS, "SINGLE-VALUE NO-USER-MODIFICATION "),
                ("sIDHistory", OCTETS, ""),
                ("accountExpires", LARGE, "SINGLE-VALUE "),
                ("lastLogon", LARGE, "SINGLE-VALUE "),
                ("whenCreated", TIME, "SINGLE-VALUE NO-USER-MODIFICATION "),
                ("userAccountControl", STRING, "SINGLE-VALUE "),
                ("nTSecurityDescriptor", values.DESCRIPTOR_SYNTAX, "SINGLE-VALUE "),
            ]
        )
    )
)
GUID = UUID("8f3c9a52-1111-4222-8333-444455556666")
SID = bytes.fromhex("010500000000000515000000" + "010000000200000003000000f4010000")


def reported(raw: dict[str, list[bytes]], *wanted: str, has_account: bool = True) -> dict:
    place = AdPlace(
        name="user",
        base="DC=x",
        anchor="objectGUID",
        attributes=frozenset(wanted),
        single=frozenset(),
        multi=frozenset(),
        members=None,
        placeholder=None,
        object_class=("user",),
        filter="(objectClass=user)",
        is_one_level=False,
        context="DC=x",
        kind="user",
        has_account=has_account,
        primary_members=False,
    )
    found = AdRepresentation(TYPES, place, wanted).attributes("CN=ann", raw)
    assert found.pop("dn") == "CN=ann"
    return found


# --- one by one --------------------------------------------------------------------------------


def test_a_guid_is_stored_with_its_first_parts_backwards():
    assert values.guid_bytes(str(GUID)).hex() == "529a3c8f111122428333444455556666"
    assert values.guid_text(GUID.bytes_le) == str(GUID)


@given(st.uuids())
def test_guids_come_back(guid: UUID):
    assert values.guid_text(values.guid_bytes(str(guid))) == str(guid)


@pytest.mark.parametrize("text", ["", "x", str(GUID) + "0"])
def test_what_is_no_guid_is_refused(text: str):
    with pytest.raises(ValueError, match=r".+"):
        values.guid_bytes(text)


def test_sids_are_text():
    assert values.sid_text(SID) == "S-1-5-21-1-2-3-500"
    assert values.sid_bytes("S-1-5-21-1-2-3-500") == SID


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=15), st.integers(0, 2**48 - 1))
def test_sids_come_back(parts: list[int], authority: int):
    text = "-".join(["S", "1", str(authority), *map(str, parts)])
    assert values.sid_text(values.sid_bytes(text)) == text


@pytest.mark.parametrize("raw", [b"", b"\x01\x05\x00\x00\x00\x00\x00\x05", SID[:-1]])
def test_bytes_that_are_no_sid_are_refused(raw: bytes):
    with pytest.raises(ValueError, match="no security identifier"):
        values.sid_text(raw)


@pytest.mark.parametrize("text", ["", "S-1", "S-1-5-21-99999999999", "s-1-5-32-544", "S-999-1-1"])
def test_text_that_is_no_sid_is_refused(text: str):
    with pytest.raises(ValueError, match="no security identifier"):
        values.sid_bytes(text)


def test_a_filetime_is_a_time():
    assert values.filetime_text(b"133750000000000000") == "2024-11-02T05:46:40Z"
    assert values.filetime_text(b"133750000000000010") == "2024-11-02T05:46:40.000001Z"
    assert values.filetime_bytes("2024-11-02T05:46:40Z") == b"133750000000000000"
    assert values.filetime_bytes("2024-11-02T06:46:40+01:00") == b"133750000000000000"
    assert values.filetime_bytes("2024-11-02") == b"133749792000000000"


@pytest.mark.parametrize("raw", [b"0", b"9223372036854775807"])
def test_both_ways_of_never_are_nothing(raw: bytes):
    assert values.filetime_text(raw) == ""


@pytest.mark.parametrize("raw", [b"", b"x", b"9223372036854775806"])
def test_what_is_no_filetime_is_refused(raw: bytes):
    with pytest.raises(ValueError, match=r".+"):
        values.filetime_text(raw)


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01"])
def test_what_is_no_time_is_not_written(text: str):
    with pytest.raises(ValueError, match="write for instance"):
        values.filetime_bytes(text)
    with pytest.raises(ValueError, match="write for instance"):
        values.generalized_bytes(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"20260302093000.0Z", "2026-03-02T09:30:00Z"),
        (b"20260302093000Z", "2026-03-02T09:30:00Z"),
        (b"20260302093000.25Z", "2026-03-02T09:30:00.250000Z"),
        (b"20260302093000,1234567Z", "2026-03-02T09:30:00.123456Z"),
    ],
)
def test_generalized_time_has_a_fraction_or_none(raw: bytes, text: str):
    assert values.generalized_text(raw) == text


@pytest.mark.parametrize("raw", [b"", b"20260302093000", b"20261302093000Z", b"260302093000Z"])
def test_what_is_no_generalized_time_is_refused(raw: bytes):
    with pytest.raises(ValueError, match=r".+"):
        values.generalized_text(raw)


def test_a_generalized_time_is_written_in_utc():
    assert values.generalized_bytes("2026-03-02T10:30:00+01:00") == b"20260302093000.0Z"


@given(st.integers(0, 2**31 - 1))
def test_only_our_bit_of_an_account_changes(control: int):
    for enabled in (True, False):
        after = values.with_enabled(control, enabled=enabled)
        assert values.is_enabled(str(after).encode()) is enabled
        assert after & ~2 == control & ~2


# --- whole entries -----------------------------------------------------------------------------


def test_an_entry_is_reported_in_text_and_truth():
    raw = {
        "title": [b"Boss"],
        "otherTelephone": [b"2", b"1"],
        "objectGUID": [GUID.bytes_le],
        "objectSid": [SID],
        "sIDHistory": [SID],
        "accountExpires": [b"133750000000000000"],
        "whenCreated": [b"20260302093000.0Z"],
        "userAccountControl": [b"514"],
        "nTSecurityDescriptor": [b"\x01\x00"],
    }
    assert reported(raw, *raw, "accountEnabled") == {
        "title": "Boss",
        "otherTelephone": ("1", "2"),
        "objectGUID": str(GUID),
        "objectSid": "S-1-5-21-1-2-3-500",
        "sIDHistory": ("S-1-5-21-1-2-3-500",),
        "accountExpires": "2024-11-02T05:46:40Z",
        "whenCreated": "2026-03-02T09:30:00Z",
        "userAccountControl": "514",
        "nTSecurityDescriptor": b"\x01\x00",
        "accountEnabled": False,
    }


def test_the_state_of_an_account_needs_nobody_to_name_the_bits():
    raw = {"userAccountControl": [b"512"], "title": [b"x"]}
    assert reported(raw, "accountenabled") == {"accountenabled": True}
    assert reported(raw, "title") == {"title": "x"}
    assert reported(raw, "accountEnabled", has_account=False) == {}
    assert reported({"title": [b"x"]}, "accountEnabled") == {}


def test_when_nobody_names_any_restless_and_read_only_attributes_are_left_out():
    raw = {
        "title": [b"x"],
        "lastLogon": [b"133750000000000000"],
        "objectGUID": [GUID.bytes_le],
        "userAccountControl": [b"512"],
    }
    assert reported(raw) == {"title": "x", "userAccountControl": "512", "accountEnabled": True}
    assert reported(raw, "lastLogon") == {"lastLogon": "2024-11-02T05:46:40Z"}


def test_never_is_missing():
    assert reported({"accountExpires": [b"0"]}, "accountExpires") == {}
    assert reported({"accountExpires": [b"9223372036854775807"]}, "accountExpires") == {}


def test_the_case_of_a_proxy_address_is_kept():
    raw = {"proxyAddresses": [b"smtp:a@x", b"SMTP:a@x"]}
    assert reported(raw, "proxyAddresses") == {"proxyAddresses": ("SMTP:a@x", "smtp:a@x")}


@pytest.mark.parametrize("name", ["objectSid", "accountExpires", "whenCreated"])
def test_a_value_that_is_none_is_no_value_of_ours(name: str):
    with pytest.raises(ValueError, match=r".+"):
        reported({name: [b"nonsense"]}, name)


def test_references_are_names_that_can_be_written():
    wanted = ["member", "manager", "memberOf", "distinguishedName", "title", "unheardOf"]
    assert references_of(TYPES, wanted) == ["manager", "member"]
    assert references_of(TYPES, []) == ["member", "manager"]


def test_everything_can_be_compared_though_the_schema_does_not_say_so():
    assert all(kind.is_comparable for kind in TYPES.values())
    assert types_of({}) == {}


# --- signing in --------------------------------------------------------------------------------

_REFUSAL = "dc1 refuses ann: wrong user or password [invalidCredentials (49): 80090308: data {}]"


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("525", "there is no such user"),
        ("52e", "wrong user or password"),
        ("52E", "wrong user or password"),
        ("530", "at this hour"),
        ("531", "from this machine"),
        ("532", "password has expired"),
        ("533", "disabled"),
        ("701", "has expired"),
        ("773", "must be changed"),
        ("775", "locked out"),
    ],
)
def test_a_refusal_says_why(number: str, sentence: str):
    said = in_words(_REFUSAL.format(number))
    assert sentence in said.partition("[")[0]
    assert f"data {number}" in said


@pytest.mark.parametrize("message", [_REFUSAL.format("fff"), "dc1 cannot be reached: data"])
def test_a_refusal_of_another_kind_stays_as_it_is(message: str):
    assert in_words(message) == message
