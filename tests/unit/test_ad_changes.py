"""How a domain controller is asked what changed: the DirSync control, numbers, and cursors."""

import struct
from dataclasses import replace
from uuid import UUID

import pytest

from hypersync.connectors.ad.cursor import Mark, Way
from hypersync.connectors.ad.delta import Changes
from hypersync.connectors.ad.dirsync import (
    OID,
    DirSync,
    NoRight,
    Touched,
    answer_value,
    request_value,
)
from hypersync.connectors.ad.usn import Numbers, was_renamed
from hypersync.connectors.directory import ber
from hypersync.connectors.directory.answers import Answer, Control, Entry, Lost, Result
from hypersync.errors import CursorLost, ScanFailed
from tests.ad_scripted import Scripted, answer

CONTEXT = "DC=example,DC=org"
ANN = UUID("8f3c9a52-1111-4222-8333-444455556666").bytes_le


def turn(*entries: Entry, more: bool, cookie: bytes) -> Answer:
    value = ber.sequence(ber.integer(int(more)), ber.integer(0), ber.octets(cookie))
    return Answer(list(entries), Result(0), {OID: value})


def changed(**raw: bytes) -> Entry:
    return Entry("CN=ann", {"objectGUID": [ANN], **{name: [each] for name, each in raw.items()}})


def cookies(link: Scripted) -> list[bytes]:
    values = [control.value for each in link.asked for control in each.controls]
    return [ber.parts_of(value or b"")[2] for value in values]


# --- DirSync -----------------------------------------------------------------------------------


def test_the_flags_of_the_control_are_four_bytes():
    assert request_value(b"C").hex() == "300e0204800000000203100000040143"


def test_the_answer_says_whether_there_is_more():
    assert answer_value(ber.sequence(ber.integer(0), ber.integer(0), ber.octets(b"c"))) == (
        False,
        b"c",
    )
    more = ber.sequence(ber.integer(2048), ber.integer(9), ber.octets(b""))
    assert answer_value(more) == (True, b"")


def test_turns_go_on_while_there_is_more_even_without_entries():
    link = Scripted(
        turn(more=True, cookie=b"1"),
        turn(changed(title=b"Boss"), more=True, cookie=b"2"),
        turn(more=False, cookie=b"3"),
    )
    found = list(DirSync(link.wire, CONTEXT, ["title"]).changes(b"0"))
    assert found == [([], b"1", True), ([Touched(ANN)], b"2", True), ([], b"3", False)]
    assert cookies(link) == [b"0", b"1", b"2"]


def test_a_start_knows_all_there_is_and_asks_for_none_of_it():
    link = Scripted(turn(more=True, cookie=b"1"), turn(more=False, cookie=b"2"))
    assert DirSync(link.wire, CONTEXT, ["title"]).start() == b"2"
    assert {each.filter for each in link.asked} == {"(!(objectClass=*))"}


def test_renames_moves_and_deletions_are_asked_for_besides():
    link = Scripted(turn(more=False, cookie=b"1"))
    list(DirSync(link.wire, CONTEXT, ["title"]).changes(b"0"))
    (asked,) = link.asked
    assert {"title", "name", "parentGUID", "isDeleted"} == set(asked.attributes)
    assert asked.base == CONTEXT
    assert asked.controls[0].critical


@pytest.mark.parametrize(
    ("raw", "touched"),
    [
        ({"title": b"x"}, Touched(ANN)),
        ({"name": b"ann"}, Touched(ANN, was_moved=True)),
        ({"parentGUID": b"x"}, Touched(ANN, was_moved=True)),
        ({"isDeleted": b"TRUE"}, Touched(ANN, is_deleted=True, was_moved=True)),
    ],
)
def test_what_an_answer_says_of_an_object(raw: dict[str, bytes], touched: Touched):
    link = Scripted(turn(changed(**raw), more=False, cookie=b"1"))
    ((found, _, _),) = DirSync(link.wire, CONTEXT, ["title"]).changes(b"0")
    assert found == [touched]


def test_a_restored_object_comes_with_an_empty_sign_of_deletion():
    entry = Entry("CN=ann", {"objectGUID": [ANN], "isDeleted": []})
    link = Scripted(turn(entry, more=False, cookie=b"1"))
    ((found, _, _),) = DirSync(link.wire, CONTEXT, []).changes(b"0")
    assert found == [Touched(ANN, is_deleted=False, was_moved=True)]


def test_what_a_page_says_twice_of_an_object_is_put_together(monkeypatch: pytest.MonkeyPatch):
    taken: list[Touched] = []
    monkeypatch.setattr(Changes, "_some", lambda _, some, **__: taken.extend(some.values()) or ())
    page = [Touched(ANN, was_moved=True), Touched(ANN, is_deleted=True), Touched(ANN)]
    assert list(Changes.__new__(Changes).events(page)) == []
    assert taken == [Touched(ANN, is_deleted=True, was_moved=True)]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(code=50, said="00002105"), NoRight),
        (answer(code=12), CursorLost),
        (answer(code=53, said="00000057: bad cookie"), CursorLost),
        (answer(code=51), ScanFailed),
        (answer(code=4), ScanFailed),
        (answer(code=0), ScanFailed),
        (turn(more=True, cookie=b"0"), ScanFailed),
        (Lost("reset"), ScanFailed),
    ],
)
def test_an_answer_that_is_no_good_ends_the_delta(reply: Answer, error: type[Exception]):
    with pytest.raises(error):
        list(DirSync(Scripted(reply).wire, CONTEXT, []).changes(b"0"))


def test_a_start_that_is_refused_is_no_lost_cursor():
    with pytest.raises(ScanFailed, match="did not end well"):
        DirSync(Scripted(answer(code=53)).wire, CONTEXT, []).start()


# --- uSNChanged --------------------------------------------------------------------------------


def metadata(*attributes: tuple[int, int]) -> bytes:
    """Return a replPropertyMetaData that knows these attributes and their local numbers."""
    parts = [struct.pack("<IIQ16sQQ", each, 1, 0, b"", 1, local) for each, local in attributes]
    return struct.pack("<QQ", 1, len(parts)) + b"".join(parts)


@pytest.mark.parametrize(
    ("known", "was"),
    [
        (metadata((3, 500), (0x90001, 100)), False),
        (metadata((3, 50), (0x90001, 101)), True),
        (metadata((3, 500)), True),
        (None, True),
        (b"\x02" + metadata((0x90001, 1))[1:], True),
        (metadata((3, 1), (0x90001, 1))[:-1], True),
        (b"", True),
    ],
)
def test_a_rename_is_told_by_the_number_of_the_name_and_assumed_when_it_is_not(
    known: bytes | None, was: bool
):
    assert was_renamed(known, 100) is was


def test_changes_above_a_number_are_asked_for_with_the_deleted_ones():
    link = Scripted(
        answer(changed(replPropertyMetaData=metadata((0x90001, 9))), changed(isDeleted=b"TRUE"))
    )
    (found,) = Numbers(link.wire, CONTEXT, 500).changes(100)
    assert found == [Touched(ANN), Touched(ANN, is_deleted=True, was_moved=True)]
    (asked,) = link.asked
    assert asked.filter == "(uSNChanged>=101)"
    assert Control("1.2.840.113556.1.4.417") in asked.controls


def test_deleted_objects_are_believed_in_when_one_is_shown():
    assert Numbers(Scripted(answer(changed())).wire, CONTEXT, 500).sees_deleted()
    assert not Numbers(Scripted(answer()).wire, CONTEXT, 500).sees_deleted()


def test_changes_that_break_off_fail():
    paged = ber.sequence(ber.integer(0), ber.octets(b"more"))
    first_page = answer(changed(), oid_1_2_840_113556_1_4_319=paged)
    with pytest.raises(ScanFailed, match="did not end well"):
        list(Numbers(Scripted(first_page, answer(code=51)).wire, CONTEXT, 500).changes(1))


# --- cursors -----------------------------------------------------------------------------------

MARK = Mark(
    way=Way.DIRSYNC,
    url="ldap://dc1",
    invocation="x",
    usn=7,
    time="20260302093000.0Z",
    scope="s",
    cookie=b"\x00\xff",
    witness=("8f3c9a52-1111-4222-8333-444455556666", 6),
    owes_groups=True,
)


@pytest.mark.parametrize(
    "mark", [MARK, replace(MARK, way=Way.USN, cookie=b"", witness=None, owes_groups=False)]
)
def test_a_cursor_keeps_what_it_is_given(mark: Mark):
    assert Mark.read(mark.text) == mark


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "[]",
        "{}",
        MARK.text.replace('"form":1', '"form":2'),
        MARK.text.replace("dirsync", "guess"),
        MARK.text.replace('"usn":7', '"usn":"many"'),
        MARK.text.replace('"AP8="', '"A"'),
        MARK.text.replace('"witness":[', '"witness":[["x"],'),
    ],
)
def test_a_cursor_that_says_nothing_is_lost(cursor: str):
    assert cursor != MARK.text
    with pytest.raises(CursorLost):
        Mark.read(cursor)
