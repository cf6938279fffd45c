"""Deltas of a directory that several servers write, that is reorganized, or that was set back."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import pytest

from hypersync.connectors.ldap.scan import MOST_LATE
from hypersync.errors import CursorLost
from hypersync.model.objects import ScanEvent, Seen
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


def titles(events: list[ScanEvent]) -> dict[str, object]:
    return {str(e.attributes["cn"]): e.attributes["title"] for e in events if isinstance(e, Seen)}


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
