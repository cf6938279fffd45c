from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hypersync.connectors.ldif.connector import LdifConnector, LdifOptions
from hypersync.connectors.registry import lookup
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.objects import (
    Change,
    Complete,
    Invalid,
    Operation,
    Refused,
    ScanEvent,
    Seen,
)

USER = {"path": "people.ldif", "object_class": ["person"]}
PEOPLE = """version: 1

# somebody
dn: cn=ann,ou=people,dc=example,dc=org
objectClass: person
objectClass: inetOrgPerson
entryUUID: u-1
cn: ann
title:: Q2hlZg==
description: a long
  text
seeAlso: cn=b
seeAlso: cn=a
jpegPhoto:: /9g=
userPassword: s3cret
mail:

dn:: Y249em/DqyxvdT1wZW9wbGUsZGM9ZXhhbXBsZSxkYz1vcmc=
objectClass: person
entryUUID: u-2
mail: z@example.org
mail: a@example.org

dn: cn=printer,ou=things,dc=example,dc=org
objectClass: device
entryUUID: u-3

"""


def connect(folder: Path, **user: Any) -> LdifConnector:
    options = LdifOptions.model_validate({"types": {"user": {**USER, **user}}})
    types = object_types("old", options, {})
    return LdifConnector(SiloSettings(silo="old", options=options, types=types, root=folder))


def scan(connector: LdifConnector, cursor: str | None = None) -> list[ScanEvent]:
    with connector.open() as session:
        stream = session.scan(connector.streams()[0], cursor)
        return [event for batch in stream for event in batch]


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "people.ldif"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def scanned(folder: Path, text: str | bytes, **user: Any) -> list[ScanEvent]:
    write(folder, text)
    return scan(connect(folder, **user))


def invalid(events: list[ScanEvent]) -> list[tuple[str | None, str, str]]:
    return [(e.anchor, e.where, e.why) for e in events if isinstance(e, Invalid)]


def entry(name: str, *lines: str) -> str:
    given = (f"dn: cn={name},dc=example,dc=org", "objectClass: person", f"entryUUID: {name}")
    return "\n".join((*given, *lines)) + "\n\n"


def test_entries_are_told_as_a_directory_tells_them(tmp_path: Path):
    events = scanned(tmp_path, PEOPLE)
    assert events == [
        Seen(
            "user",
            "u-1",
            {
                "dn": "cn=ann,ou=people,dc=example,dc=org",
                "objectClass": ("inetOrgPerson", "person"),
                "entryUUID": "u-1",
                "cn": "ann",
                "title": "Chef",
                "description": "a long text",
                "seeAlso": ("cn=a", "cn=b"),
                "jpegPhoto": b"\xff\xd8",
            },
        ),
        Seen(
            "user",
            "u-2",
            {
                "dn": "cn=zoë,ou=people,dc=example,dc=org",
                "objectClass": ("person",),
                "entryUUID": "u-2",
                "mail": ("a@example.org", "z@example.org"),
            },
        ),
        Complete(),
    ]


def test_only_named_attributes_are_told_and_as_they_are_named(tmp_path: Path):
    (ann, _, _) = scanned(tmp_path, PEOPLE, attributes=["CN", "dn", "userpassword"])
    assert isinstance(ann, Seen)
    assert ann.attributes == {
        "dn": "cn=ann,ou=people,dc=example,dc=org",
        "entryUUID": "u-1",
        "CN": "ann",
        "userpassword": ("s3cret",),
    }


def test_the_configuration_says_what_is_one_value_and_what_is_several(tmp_path: Path):
    text = entry("ann", "cn: ann", "badge: 7", "state: on", "mate: cn=bob")
    enabled = {"attribute": "state", "when_on": "on", "when_off": "off"}
    options = {"single": ["badge"], "multi": ["cn"], "enabled": enabled, "members": "mate"}
    (ann, _) = scanned(tmp_path, text, **options)
    assert isinstance(ann, Seen)
    assert {name: ann.attributes[name] for name in ("cn", "badge", "state", "mate")} == {
        "cn": ("ann",),
        "badge": "7",
        "state": "on",
        "mate": ("cn=bob",),
    }


@pytest.mark.parametrize(
    ("options", "anchors"),
    [
        ({}, ["u-1", "u-2"]),
        ({"object_class": []}, ["u-1", "u-2", "u-3"]),
        ({"object_class": ["INETORGPERSON", "person"]}, ["u-1"]),
        ({"object_class": [], "base": "OU=Things, DC=example,DC=org"}, ["u-3"]),
        (
            {"anchor": "dn"},
            ["cn=ann,ou=people,dc=example,dc=org", "cn=zoë,ou=people,dc=example,dc=org"],
        ),
        ({"anchor": "ENTRYUUID"}, ["u-1", "u-2"]),
    ],
)
def test_base_classes_and_anchor_say_which_objects_are_meant(
    tmp_path: Path, options: dict[str, Any], anchors: list[str]
):
    events = scanned(tmp_path, PEOPLE, **options)
    assert [e.anchor for e in events if isinstance(e, Seen)] == anchors


@pytest.mark.parametrize(
    ("lines", "line", "why"),
    [
        (["jpegPhoto:< file:///etc/passwd"], 1, "the value of 'jpegPhoto' stands elsewhere"),
        (["photo:: !!!"], 1, "line 4: the value of 'photo' is not base64"),
        (["no colon here"], 1, "line 4: this is no 'name: value'"),
        (["-"], 1, "line 4: this is no 'name: value'"),
        (["dn: cn=eve,dc=example,dc=org"], 1, "line 4: a second 'dn:'; an empty line is missing"),
        ([f"title:: {b64encode(bytes([255])).decode()}"], 1, "the value of 'title' is not UTF-8"),
        (["entryUUID: other"], 1, "it has 2 values of 'entryUUID', which is the anchor"),
    ],
)
def test_an_entry_that_cannot_be_read_is_invalid_and_hides_no_other(
    tmp_path: Path, lines: list[str], line: int, why: str
):
    events = scanned(tmp_path, entry("ann", *lines) + entry("bob"))
    ((anchor, where, told),) = invalid(events)
    assert (anchor, where) == (None, f"people.ldif, line {line}")
    assert why in told
    assert [e.anchor for e in events if isinstance(e, Seen)] == ["bob"]


def test_an_entry_that_does_not_begin_with_a_dn_or_has_no_anchor_is_invalid(tmp_path: Path):
    text = "cn: ann\n\ndn:: /w==\n\ndn: cn=x\nobjectClass: person\n\ndn: cn=y\n\n"
    assert invalid(scanned(tmp_path, text)) == [
        (None, "people.ldif, line 1", "line 1: an entry begins with 'dn:'"),
        (None, "people.ldif, line 3", "line 3: the DN is not UTF-8"),
        (None, "people.ldif, line 5", "it has no 'entryUUID', which is the anchor"),
    ]


def test_broken_entries_of_another_base_are_not_ours(tmp_path: Path):
    text = entry("ann", "-")
    assert scanned(tmp_path, text, base="ou=people,dc=example,dc=org") == [Complete()]


def test_anchors_that_stand_twice_are_invalid(tmp_path: Path):
    events = scanned(tmp_path, entry("ann") + entry("bob") + entry("ann"))
    assert invalid(events) == [("ann", "people.ldif, lines 1, 9", "the anchor is repeated")]
    connector = connect(tmp_path)
    with connector.open() as session:
        kind = connector.streams()[0][0]
        with pytest.raises(SiloRefused, match="lines 1, 9: the anchor is repeated"):
            session.read(kind, "ann")
        found = session.read(kind, "bob")
        assert found is not None
        assert found.attributes["dn"] == "cn=bob,dc=example,dc=org"
        assert session.read(kind, "eve") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "people.ldif is empty"),
        (PEOPLE[:-2], "people.ldif ends in the middle of a line; it is not complete"),
        ("version: 2\n", "people.ldif, line 1: LDIF has the version 1 only"),
        (
            "dn: cn=x\nchangetype: modify\nreplace: cn\ncn: y\n-\n",
            "people.ldif, line 2: these are changes ('changetype: modify') and not objects; "
            "export the entries themselves",
        ),
        ("dn: cn=x\ncontrol: 1.2.3\n", "people.ldif, line 2: these are changes ('control:')"),
        (PEOPLE + "# numEntries: 4\n", "says that it has 4 entries and has 3; it is not"),
    ],
)
def test_a_file_that_is_not_whole_fails_the_scan(tmp_path: Path, text: str, why: str):
    with pytest.raises(ScanFailed) as caught:
        scanned(tmp_path, text)
    assert why in caught.value.message
    with connect(tmp_path).open() as session:
        found = [each.message for each in session.check()]
    assert found == ([] if "numEntries" in text else [caught.value.message])


TEAM = "".join(
    (
        entry("first", "member: cn=p0"),
        "dn: cn=team,dc=example,dc=org\nobjectClass: person\nentryUUID: team\n",
        *(f"member: cn=p{number},ou=people,\n dc=example\n" for number in range(20)),
    )
)
UNENDED = (
    "the last entry begins here and no empty line follows it, so its end may be missing; "
    "append an empty line if the file is whole"
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("options", [{}, {"base": "ou=elsewhere"}, {"anchor": "dn"}])
def test_a_file_that_is_cut_at_any_line_of_its_last_entry_is_not_believed(
    tmp_path: Path, options: dict[str, Any], end: str
):
    lines = TEAM.splitlines()
    for left in range(6, len(lines) + 1):
        path = write(tmp_path, end.join([*lines[:left], ""]))
        connector = connect(tmp_path, **options)
        with pytest.raises(ScanFailed) as caught:
            scan(connector)
        assert caught.value.message == f"people.ldif, line 6: {UNENDED}"
        with connector.open() as session:
            assert [each.message for each in session.check()] == [caught.value.message]
            with pytest.raises(ScanFailed):
                session.read(connector.streams()[0][0], "first")
    path.write_bytes(path.read_bytes() + end.encode())
    scan(connector)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (entry("ann")[:-1] + "# numEntries: 1\n", 1),
        (entry("ann")[:-1] + "# somebody\n", 1),
        (entry("ann")[:-1] + " \n", 1),
        (entry("ann") + "dn: cn=bob\n-\n", 5),
        ("version: 1\n" + entry("ann")[:-1], 2),
        ("version: 1\n", 1),
    ],
)
def test_only_an_empty_line_ends_an_entry(tmp_path: Path, text: str, line: int):
    with pytest.raises(ScanFailed, match=rf"people\.ldif, line {line}: the last entry begins here"):
        scanned(tmp_path, text)


def test_of_a_file_that_is_cut_between_entries_the_entries_are_told(tmp_path: Path):
    text = entry("ann") + "# bob, example.org\n"
    assert [e.anchor for e in scanned(tmp_path, text) if isinstance(e, Seen)] == ["ann"]


@pytest.mark.parametrize("now", [b"", b"dn: cn=x\n"])
def test_a_file_that_changes_while_it_is_read_fails_the_scan(tmp_path: Path, now: bytes):
    path = write(tmp_path, "".join(entry(f"p{number}") for number in range(3000)))
    connector = connect(tmp_path)
    with connector.open() as session:
        stream = session.scan(connector.streams()[0], None)
        next(stream)
        path.write_bytes(now)
        with pytest.raises(ScanFailed, match="changed while it was read"):
            list(stream)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + entry("ann"),
        entry("ann").replace("\n", "\r\n"),
        "\n\n# nothing\n#  folded\n  comment\n\n" + entry("ann") + "\n\n",
        "version: 1\n" + entry("ann"),
        entry("ann", "changetype: add"),
        entry("ann") + "# search result\n# numResponses: 2\n# numEntries: 1\n",
        entry("ann").replace("cn=ann,dc", "cn=ann,\n dc"),
        entry("ann").replace(": ", ":"),
    ],
)
def test_the_same_is_told_however_it_is_written(tmp_path: Path, text: str):
    plain = {"dn": "cn=ann,dc=example,dc=org", "objectClass": ("person",), "entryUUID": "ann"}
    assert scanned(tmp_path, text) == [Seen("user", "ann", plain), Complete()]


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    connector = connect(tmp_path)
    with pytest.raises(SiloUnreachable, match=r"people\.ldif: No such file or directory"):
        scan(connector)
    with connector.open() as session:
        (mistake,) = session.check()
    assert "No such file" in mistake.message


def test_check_shows_the_first_entry_that_is_wrong(tmp_path: Path):
    write(tmp_path, entry("ann") + entry("bob", "-") + entry("eve", "-"))
    with connect(tmp_path).open() as session:
        (mistake,) = session.check()
    assert mistake.message == "people.ldif, line 5: line 8: this is no 'name: value'"


def test_there_are_no_deltas_and_no_writes(tmp_path: Path):
    write(tmp_path, PEOPLE)
    connector = connect(tmp_path)
    with pytest.raises(CursorLost):
        scan(connector, "x")
    kind = connector.streams()[0][0]
    change = Change(
        key="k", operation=Operation.DELETE, type=kind, anchor="u-1", before={}, after=None
    )
    with connector.open() as session:
        (outcome,) = session.apply([change])
        assert session.schema().types == {"user": None}
    assert outcome == Refused("an LDIF file is only read; change the directory itself")
    assert not lookup("ldif").can_write


def test_the_scope_is_file_base_classes_and_attributes(tmp_path: Path):
    def scope(**user: Any) -> str:
        connector = connect(tmp_path, **user)
        with connector.open() as session:
            return session.scope(connector.streams()[0])

    others = [{"base": "dc=x"}, {"object_class": []}, {"attributes": ["cn"]}, {"anchor": "dn"}]
    assert scope() == scope()
    assert len({scope(), *(scope(**each) for each in others)}) == 5


def test_wrong_options_are_refused():
    with pytest.raises(ValidationError):
        LdifOptions.model_validate({"types": {"user": {"pth": "x"}}})
