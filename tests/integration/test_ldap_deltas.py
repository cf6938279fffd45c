"""Deltas of a directory that several servers write, that is reorganized, or that was set back."""

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import pytest

from hypersync.connectors.ldap.scan import MOST_LATE
from hypersync.errors import CursorLost
from hypersync.model.objects import Complete, Invalid, ScanEvent, Seen
from tests.integration.test_ldap import TYPES, connect, cursor_of, scan
from tests.slapd import PEOPLE, SUFFIX, TREE, Slapd, entry, running

SALES = f"ou=sales,{PEOPLE}"


def csn(time: str, writer: int) -> str:
    return f"20200101{time}.000000Z#000000#{writer:03x}#000000"


def one(name: str, stamp: str, title: str = "Clerk") -> str:
    attributes = {
        "objectClass": "inetOrgPerson",
        "cn": name,
        "sn": name,
        "title": title,
        "entryUUID": str(uuid5(NAMESPACE_DNS, name)),
        "entryCSN": stamp,
    }
    return entry(f"cn={name},{SALES}", attributes)


def tree(*people: str, context: str = "") -> str:
    """Return a directory whose containers are old."""
    stamp = f"entryCSN: {csn('000000', 1)}\n"
    parts = TREE + entry(SALES, {"objectClass": "organizationalUnit", "ou": "sales"})
    containers = parts.rstrip("\n").replace("\n\n", f"\n{stamp}\n") + f"\n{stamp}\n"
    return containers.replace("dc: example\n", f"dc: example\n{context}", 1) + "".join(people)


def replaced(server: Slapd, ldif: str) -> None:
    """Let the server go on with other entries."""
    server.stop()
    shutil.rmtree(server.folder / "data")
    (server.folder / "data").mkdir()
    server.load(ldif)
    server.start()


def allowing(server: Slapd, rule: str) -> None:
    """Let the server go on with a rule of access before all others."""
    server.stop()
    file = server.folder / "slapd.conf"
    text = file.read_text().replace("access to * by", f"access to {rule}\naccess to * by", 1)
    file.write_text(text)
    server.start()


def titles(events: list[ScanEvent]) -> dict[str, object]:
    return {str(e.attributes["cn"]): e.attributes["title"] for e in events if isinstance(e, Seen)}


def places(events: list[ScanEvent]) -> dict[str, str]:
    """Return what stands above whom."""
    seen = {each.anchor: each.attributes["dn"] for each in events if isinstance(each, Seen)}
    return {anchor: str(dn).partition(",")[2] for anchor, dn in seen.items()}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", "") as started:
        yield started


def test_a_change_of_another_writer_that_arrives_late_is_reported(server: Slapd):
    connector = connect(server.url)
    bob = one("bob", csn("100500", 2))
    replaced(server, tree(one("ann", csn("100000", 1)), bob))
    cursor = cursor_of(scan(connector))
    replaced(server, tree(one("ann", csn("100400", 1), "Boss"), bob))
    events = scan(connector, cursor=cursor)
    assert titles(events)["ann"] == "Boss"
    assert "ann" not in titles(scan(connector, cursor=cursor_of(events)))


def test_a_writer_whose_clock_is_ahead_hides_nothing_of_the_others(server: Slapd):
    connector = connect(server.url)
    bob = one("bob", csn("235900", 2))
    replaced(server, tree(one("ann", csn("100000", 1)), bob))
    cursor = cursor_of(scan(connector))
    for minute in ("02", "03"):
        replaced(server, tree(one("ann", csn(f"10{minute}00", 1), minute), bob))
        events = scan(connector, cursor=cursor)
        assert titles(events)["ann"] == minute
        cursor = cursor_of(events)


def test_a_writer_that_was_not_known_is_heard(server: Slapd):
    connector = connect(server.url)
    known = [one("ann", csn("100000", 1)), one("bob", csn("100500", 2))]
    replaced(server, tree(*known))
    cursor = cursor_of(scan(connector))
    replaced(server, tree(*known, one("eve", csn("090000", 3))))
    assert "eve" in titles(scan(connector, cursor=cursor))


def test_a_writer_that_was_not_on_the_first_page_is_not_measured_by_another(server: Slapd):
    """What it changes on a page that was read is older than what is read of it afterwards."""
    connector = connect(server.url, page_size=1)
    ann, eve = one("ann", csn("130000", 1)), one("eve", csn("120005", 2))
    replaced(server, tree(ann, one("bob", csn("100000", 2)), eve))
    cursor = cursor_of(scan(connector))
    replaced(server, tree(ann, one("bob", csn("120003", 2), "Boss"), eve))
    assert titles(scan(connector, cursor=cursor))["bob"] == "Boss"


def test_late_changes_that_are_too_many_are_read_in_full(server: Slapd):
    connector = connect(server.url)
    known = [one("ann", csn("100000", 1)), one("bob", csn("100500", 2))]
    replaced(server, tree(*known))
    cursor = cursor_of(scan(connector))
    late = [one(f"p{number}", csn("100400", 1)) for number in range(MOST_LATE + 1)]
    replaced(server, tree(*known, *late))
    with pytest.raises(CursorLost, match=f"{len(late)} changes of other servers arrived late"):
        scan(connector, cursor=cursor)


def test_what_stands_below_a_renamed_entry_is_reported_with_its_new_name(server: Slapd):
    connector = connect(server.url)
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("110000", 1))))
    cursor = cursor_of(scan(connector))
    server.modify(f"dn: {SALES}\nchangetype: modrdn\nnewrdn: ou=Trade\ndeleteoldrdn: 1\n")
    events = scan(connector, cursor=cursor)
    names = sorted(e.attributes["dn"] for e in events if isinstance(e, Seen))
    assert names == [f"cn=ann,ou=Trade,{PEOPLE}", f"cn=bob,ou=Trade,{PEOPLE}"]


HIDDEN = pytest.mark.parametrize(
    "hidden",
    ["attrs=hasSubordinates", 'dn.exact="{}" attrs=entryCSN', 'dn.exact="{}"'],
)


@HIDDEN
def test_a_container_that_the_account_may_not_look_at_is_renamed(server: Slapd, hidden: str):
    connector = connect(server.url)
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("110000", 1))))
    trade = f"ou=Trade,{PEOPLE}"
    for each in (SALES, trade):
        allowing(server, f"{hidden.format(each)} by * none")
    cursor = cursor_of(scan(connector))
    server.modify(f"dn: {SALES}\nchangetype: modrdn\nnewrdn: ou=Trade\ndeleteoldrdn: 1\n")
    events = scan(connector, cursor=cursor)
    names = sorted(e.attributes["dn"] for e in events if isinstance(e, Seen))
    assert names == [f"cn=ann,{trade}", f"cn=bob,{trade}"]
    assert not titles(scan(connector, cursor=cursor_of(events))).keys() - {"bob"}


@HIDDEN
def test_a_container_is_renamed_unseen_while_a_full_scan_reads_what_it_holds(
    server: Slapd, hidden: str
):
    replaced(server, tree(*[one(f"p{each}", csn(f"1{each}0000", 1)) for each in range(9)]))
    trade = f"ou=Trade,{PEOPLE}"
    for each in (SALES, trade):
        allowing(server, f"{hidden.format(each)} by * none")
    connector = connect(server.url, page_size=2)
    events: list[ScanEvent] = []
    with connector.open() as session:
        for batch in session.scan(connector.streams()[0], None):
            if not events:
                server.modify(
                    f"dn: {SALES}\nchangetype: modrdn\nnewrdn: ou=Trade\ndeleteoldrdn: 1\n"
                )
            events += batch
    assert sorted(places(events).values()) == [trade] * 7 + [SALES] * 2
    events = scan(connector, cursor=cursor_of(events))
    assert set(places(events).values()) == {trade}
    assert len(places(events)) == 9
    assert len(places(scan(connector, cursor=cursor_of(events)))) < 9


def test_containers_beyond_number_are_read_with_the_whole_type(
    server: Slapd, monkeypatch: pytest.MonkeyPatch
):
    connector = connect(server.url)
    carl = one("carl", csn("090000", 1)).replace(f",{SALES}", f",{PEOPLE}")
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("110000", 1)), carl))
    cursor = cursor_of(scan(connector))
    server.modify(f"dn: {SALES}\nchangetype: modrdn\nnewrdn: ou=Trade\ndeleteoldrdn: 1\n")
    assert titles(scan(connector, cursor=cursor)).keys() == {"ann", "bob"}
    monkeypatch.setattr("hypersync.connectors.ldap.renamed.MOST_BASES", 0)
    assert titles(scan(connector, cursor=cursor)).keys() == {"ann", "bob", "carl"}


def test_what_came_below_the_base_with_its_container_is_reported(server: Slapd):
    connector = connect(server.url, types={"user": {**TYPES["user"], "base": PEOPLE}})
    away = f"ou=away,{SUFFIX}"
    ann = one("ann", csn("100000", 1)).replace(SALES, away)
    there = tree(one("bob", csn("110000", 1)))
    replaced(server, there + entry(away, {"objectClass": "organizationalUnit", "ou": "away"}) + ann)
    cursor = cursor_of(scan(connector))
    server.modify(
        f"dn: {away}\nchangetype: modrdn\nnewrdn: ou=away\ndeleteoldrdn: 1\nnewsuperior: {PEOPLE}\n"
    )
    assert "ann" in titles(scan(connector, cursor=cursor))


def test_a_server_that_was_set_back_is_an_alarm(server: Slapd):
    connector = connect(server.url)
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("110000", 1), "Boss")))
    cursor = cursor_of(scan(connector))
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("090000", 1))))
    with pytest.raises(CursorLost, match=r"ALARM: .* was set back to an earlier state"):
        scan(connector, cursor=cursor)
    replaced(server, tree(one("ann", csn("100000", 1))))
    with pytest.raises(CursorLost, match="was deleted, or the server was set back"):
        scan(connector, cursor=cursor)


def test_a_context_that_was_set_back_is_an_alarm(server: Slapd):
    connector = connect(server.url)
    ann = one("ann", csn("100000", 1))
    replaced(server, tree(ann, context=f"contextCSN: {csn('110000', 1)}\n"))
    cursor = cursor_of(scan(connector))
    assert csn("110000", 1) in cursor
    assert cursor_of(scan(connector, cursor=cursor)) == cursor
    replaced(server, tree(ann, context=f"contextCSN: {csn('103000', 1)}\n"))
    with pytest.raises(CursorLost, match=r"ALARM: .*its newest change was 20200101110000"):
        scan(connector, cursor=cursor)


# --- what the account may not read -------------------------------------------------------------


def test_without_a_right_to_entrycsn_changes_are_told_by_modifytimestamp_if_overlap_is_said(
    server: Slapd,
):
    connector = connect(server.url, overlap="10s")
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("110000", 1))))
    allowing(server, "attrs=entryCSN by * none")
    cursor = cursor_of(scan(connector))
    assert "modifyTimestamp" in cursor
    assert titles(scan(connector, cursor=cursor)).keys() <= {"ann", "bob"}
    server.modify(f"dn: cn=bob,{SALES}\nchangetype: modify\nreplace: title\ntitle: Boss\n")
    events = scan(connector, cursor=cursor)
    assert titles(events)["bob"] == "Boss"
    server.modify(f"dn: {SALES}\nchangetype: modrdn\nnewrdn: ou=Trade\ndeleteoldrdn: 1\n")
    events = scan(connector, cursor=cursor_of(events))
    assert {e.attributes["dn"] for e in events if isinstance(e, Seen)} == {
        f"cn=ann,ou=Trade,{PEOPLE}",
        f"cn=bob,ou=Trade,{PEOPLE}",
    }


def test_without_a_right_to_entrycsn_a_change_that_arrives_late_is_not_lost(server: Slapd):
    """By modifyTimestamp it is older than what another writer did, and would never be seen."""
    connector = connect(server.url)
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("110000", 2))))
    allowing(server, "attrs=entryCSN by * none")
    events = scan(connector)
    assert len(titles(events)) == 2
    assert events[-1] == Complete(None)
    cursor = cursor_of(scan(connect(server.url, overlap="10s")))
    assert "modifyTimestamp" in cursor
    with pytest.raises(CursorLost, match="scan it in full"):
        scan(connector, cursor=cursor)


def test_check_warns_when_the_account_may_not_read_what_changed(server: Slapd):
    replaced(server, tree(one("ann", csn("100000", 1))))

    def warned(**options: object) -> bool:
        with connect(server.url, **options).open() as session:  # type: ignore[arg-type] # any
            return any("so every scan of 'user' is full" in str(each) for each in session.check())

    assert not warned()
    allowing(server, "attrs=entryCSN by * none")
    assert warned()
    assert not warned(overlap="1h")


def test_a_right_to_entrycsn_that_was_taken_away_hides_no_change(server: Slapd):
    connector = connect(server.url)
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("110000", 1))))
    cursor = cursor_of(scan(connector))
    allowing(server, "attrs=entryCSN by * none")
    server.modify(f"dn: cn=ann,{SALES}\nchangetype: modify\nreplace: title\ntitle: Boss\n")
    with pytest.raises(CursorLost, match="does not show its entryCSN"):
        scan(connector, cursor=cursor)
    assert gc.isenabled()  # which it is not while the list is read


@pytest.mark.parametrize("whose", ["", f'dn.exact="cn=bob,{SALES}" '])
def test_where_an_object_hides_when_it_changed_there_are_no_deltas(server: Slapd, whose: str):
    replaced(server, tree(one("ann", csn("100000", 1)), one("bob", csn("110000", 1))))
    allowing(server, f"{whose}attrs=entryCSN,modifyTimestamp by * none")
    events = scan(connect(server.url))
    assert len(titles(events)) == 2
    assert events[-1] == Complete(None)


def test_an_object_without_its_anchor_is_invalid_in_every_delta(server: Slapd):
    """Else who was known by that anchor would be absent once the change is not new any more."""
    connector = connect(server.url, types={"user": {**TYPES["user"], "anchor": "title"}})
    people = one("bob", csn("120000", 1)).replace("title: Clerk\n", "")
    replaced(
        server, tree(one("ann", csn("100000", 1)), people, one("eve", csn("130000", 1), "Eve"))
    )
    cursor = cursor_of(scan(connector))
    events = scan(connector, cursor=cursor)
    assert [e for e in events if isinstance(e, Invalid)] == [
        Invalid("user", None, f"cn=bob,{SALES}", "it has no 'title'")
    ]


# --- anchors that several entries have ---------------------------------------------------------


BY_UID = {"user": {**TYPES["user"], "anchor": "uid"}}


def with_uid(name: str, stamp: str, uid: str) -> str:
    return one(name, stamp).replace("title:", f"uid: {uid}\ntitle:")


def shared(events: list[ScanEvent]) -> list[tuple[str | None, str]]:
    return [(e.anchor, e.why) for e in events if isinstance(e, Invalid)]


def test_a_delta_says_that_two_have_one_anchor_and_reports_neither(server: Slapd):
    connector = connect(server.url, types=BY_UID)
    people = [with_uid("ann", csn("100000", 1), "1"), with_uid("bob", csn("110000", 1), "2")]
    replaced(server, tree(*people))
    cursor = cursor_of(scan(connector))
    replaced(server, tree(*people, with_uid("eve", csn("120000", 1), "1")))
    for _ in range(2):  # when it is new, and when it was there
        events = scan(connector, cursor=cursor)
        assert shared(events) == [("1", "another object has the 'uid' too")]
        assert titles(events).keys() <= {"bob"}
        cursor = cursor_of(events)


def test_more_changes_than_are_held_back_are_read_in_full(
    server: Slapd, monkeypatch: pytest.MonkeyPatch
):
    connector = connect(server.url, types=BY_UID)
    replaced(server, tree(with_uid("ann", csn("100000", 1), "1")))
    cursor = cursor_of(scan(connector))
    replaced(
        server, tree(with_uid("ann", csn("100001", 1), "1"), with_uid("bob", csn("110000", 1), "2"))
    )
    monkeypatch.setattr("hypersync.connectors.ldap.scan.MOST_HELD", 1)
    with pytest.raises(CursorLost, match="more than 1 objects changed"):
        scan(connector, cursor=cursor)


def test_an_anchor_that_only_one_has_again_is_reported_though_it_did_not_change(server: Slapd):
    connector = connect(server.url, types=BY_UID)
    people = [with_uid("ann", csn("100000", 1), "1"), with_uid("bob", csn("110000", 1), "2")]
    replaced(server, tree(*people, with_uid("eve", csn("103000", 1), "1")))
    events = scan(connector)
    assert shared(events) == [("1", "another object has the 'uid' too")]
    server.modify(f"dn: cn=eve,{SALES}\nchangetype: delete\n")
    events = scan(connector, cursor=cursor_of(events))
    assert "ann" in titles(events)
    assert shared(events) == []
    assert "ann" not in titles(scan(connector, cursor=cursor_of(events)))
