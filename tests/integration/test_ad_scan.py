"""Scans of 2 000 users and 200 groups of Active Directory, one with 1 800 members."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.directory.wire import Wire
from hypersync.errors import ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.mistake import Level
from hypersync.model.objects import Anchors, Batch, Checkpoint, Complete, Invalid, ScanEvent, Seen
from tests.ad_scripted import LikeWindows
from tests.ad_silos import BIG, company, connect, cursor_of, load, scan, seen
from tests.samba import DISABLED, DOMAIN, PLAIN, Samba, started

PEOPLE, GROUPS, LARGE = 2_000, 200, 1_800
TYPES = {
    "user": {"base": BIG, "attributes": ["sAMAccountName", "title", "employeeNumber"]},
    "group": {"base": BIG, "attributes": ["cn"]},
}


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory, provisioned: Path) -> Iterator[Samba]:
    with started(tmp_path_factory.mktemp("samba") / "big", provisioned) as server:
        server.stop()
        load(server, company(PEOPLE, GROUPS, large=LARGE))
        server.start()
        yield server


class WindowsConnector(AdConnector):
    """Connects to Samba and is answered as by Windows."""

    rules: dict[str, int] = {}  # noqa: RUF012 - each test makes a class of its own

    def connect(self, urls: tuple[str, ...]) -> Wire:
        wire = super().connect(urls)
        return Wire(LikeWindows(wire._link, **self.rules), wire.url)


def windows(server: Samba, **rules: int) -> AdConnector:
    kind = type("ThisWindows", (WindowsConnector,), {"rules": rules})
    return connect(server, TYPES, kind=kind)


def large_group(events: list[ScanEvent]) -> object:
    return next(o["member"] for o in seen(events, "group").values() if o["cn"] == "g000")


EVERYBODY = tuple(f"CN=p{number:04},{BIG}" for number in range(LARGE))


def test_two_thousand_users_and_two_hundred_groups_are_read(big: Samba):
    events = scan(connect(big, TYPES))
    assert len(seen(events)) == PEOPLE
    assert len(seen(events, "group")) == GROUPS
    assert large_group(events) == EVERYBODY
    assert not [e for e in events if isinstance(e, Invalid)]
    assert [e for e in events if isinstance(e, Complete)] == [events[-1]]
    kinds = [e.type for e in events if isinstance(e, Seen)]
    assert kinds == ["user"] * PEOPLE + ["group"] * GROUPS


def test_members_that_come_in_ranges_are_all_read(big: Samba):
    connector = windows(big, most_values=500)
    events = scan(connector)
    assert large_group(events) == EVERYBODY
    (group,) = [a for a, o in seen(events, "group").items() if o["cn"] == "g000"]
    with connector.open() as session:
        found = session.read(connector.streams()[0][1], group)
        assert found is not None
        assert found.attributes["member"] == EVERYBODY


def test_a_hundred_changes_are_a_delta_of_a_hundred(big: Samba):
    connector = connect(big, TYPES)
    cursor = cursor_of(scan(connector))
    big.modify(
        "".join(
            f"dn: CN=p{number:04},{BIG}\nchangetype: modify\nreplace: title\ntitle: Boss\n\n"
            for number in range(100)
        )
    )
    events = scan(connector, cursor)
    assert len(seen(events)) == 100
    assert {o["title"] for o in seen(events).values()} == {"Boss"}
    assert len(events) == 101


def test_a_delta_that_breaks_off_goes_on_from_its_last_checkpoint(big: Samba):
    connector = windows(big, turn=40)
    cursor = cursor_of(scan(connector))
    big.modify(
        "".join(
            f"dn: CN=p{number:04},{BIG}\nchangetype: modify\nreplace: title\ntitle: Chief\n\n"
            for number in range(200, 300)
        )
    )
    dying = windows(big, turn=40, dies_after=11)
    first = partly(dying, cursor)
    assert 0 < len(seen(first)) < 100
    reached = [e.cursor for e in first if isinstance(e, Checkpoint)]
    rest = scan(connector, reached[-1])
    assert len(seen(first)) + len(seen(rest)) >= 100
    assert len({*seen(first), *seen(rest)}) == 100
    assert scan(connector, cursor_of(rest))[:-1] == []


def partly(connector: AdConnector, cursor: str | None = None) -> list[ScanEvent]:
    """Return what a scan said before it failed."""
    events: list[ScanEvent] = []
    with connector.open() as session:
        stream = session.scan(connector.streams()[0], cursor)
        with pytest.raises(ScanFailed, match="went away"):
            _gather(stream, events)
    return events


def _gather(stream: Iterator[Batch], events: list[ScanEvent]) -> None:
    for batch in stream:
        events += batch


def test_a_controller_that_is_switched_off_in_the_middle_fails_the_scan_and_is_read_again(
    big: Samba,
):
    connector = connect(big, TYPES, page_size=300)
    with connector.open() as session:
        stream = session.scan(connector.streams()[0], None)
        assert len(next(stream)) == 300
        big.kill()
        with pytest.raises(ScanFailed, match="went away in the middle"):
            list(stream)
    with pytest.raises(SiloUnreachable), connector.open():
        pass
    big.start()
    assert len(scan(connector)) == PEOPLE + GROUPS + 1


# --- accounts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "password", "sentence"),
    [
        ("hypersync@hs.test", "wrong", "wrong user or password"),
        ("nobody@hs.test", "wrong", "wrong user or password"),
        (DISABLED, "Test-Passw0rd", "the account is disabled"),
    ],
)
def test_who_may_not_sign_in_is_told_why(big: Samba, user: str, password: str, sentence: str):
    connector = connect(big, TYPES, user=user, password=password)
    with pytest.raises(SiloRefused, match=sentence) as caught, connector.open():
        pass
    assert user in caught.value.message
    assert "Test-Passw0rd" not in caught.value.message


def test_an_account_without_the_right_to_dirsync_gets_deltas_by_number(big: Samba):
    connector = connect(big, TYPES, user=PLAIN)
    cursor = cursor_of(scan(connector))
    assert '"way":"usn"' in cursor
    big.modify(f"dn: CN=p0500,{BIG}\nchangetype: modify\nreplace: title\ntitle: Head\n")
    events = scan(connector, cursor)
    assert [o["title"] for o in seen(events).values()] == ["Head"]


def test_an_account_that_is_shown_no_deleted_objects_tells_all_anchors(big: Samba):
    connector = connect(big, TYPES, user=PLAIN)
    cursor = cursor_of(scan(connector))
    guid = big.guid(f"CN=p1999,{BIG}")
    big.modify(f"dn: CN=p1999,{BIG}\nchangetype: delete\n")
    told = [event for event in scan(connector, cursor) if isinstance(event, Anchors)]
    anchors = {event.type: event.anchors for event in told}
    assert len(told) == len(anchors) == 2
    assert len(anchors["user"]) == PEOPLE - 1
    assert guid not in anchors["user"]
    assert len(anchors["group"]) == GROUPS


def test_check_names_the_right_that_is_missing(big: Samba):
    with connect(big, TYPES, user=PLAIN).open() as session:
        rights = [each for each in session.check() if "right" in each.message]
    (mistake,) = rights
    assert mistake.level is Level.WARNING
    assert mistake.message == (
        f"the account has not the right 'Replicating Directory Changes' on {DOMAIN}"
    )
    with connect(big, TYPES, user=PLAIN, delta="dirsync").open() as session:
        levels = {each.level for each in session.check() if "right" in each.message}
    assert levels == {Level.ERROR}
    with pytest.raises(ScanFailed, match="grant it, or write 'delta: auto'"):
        scan(connect(big, TYPES, user=PLAIN, delta="dirsync"))


@pytest.mark.parametrize(
    ("of_type", "message", "level"),
    [
        ({"base": f"OU=Peple,{DOMAIN}"}, f"there is no entry 'OU=Peple,{DOMAIN}'", Level.ERROR),
        ({"filter": "(&(cn=x)"}, "invalid filter", Level.ERROR),
        ({"attributes": ["tilte"]}, "the schema has no attribute 'tilte'", Level.ERROR),
        ({"attributes": ["memberOf"]}, "'memberOf' is computed when it is read", Level.WARNING),
    ],
)
def test_what_is_wrong_about_a_type_is_found_by_check(
    big: Samba, of_type: dict[str, object], message: str, level: Level
):
    with connect(big, {"user": {**TYPES["user"], **of_type}}).open() as session:
        found = [each for each in session.check() if "in clear" not in each.message]
    (mistake,) = found
    assert message in mistake.message
    assert mistake.level is level


@pytest.mark.parametrize(
    ("of_type", "message"),
    [
        ({"base": f"OU=Peple,{DOMAIN}"}, "there is no such entry"),
        ({"filter": "(&(cn=x)"}, "invalid filter"),
    ],
)
def test_what_check_finds_fails_a_scan(big: Samba, of_type: dict[str, object], message: str):
    with pytest.raises(ScanFailed, match=message):
        scan(connect(big, {"user": {**TYPES["user"], **of_type}}))


def test_the_schema_says_which_attributes_hold_one_value(big: Samba):
    with connect(big, TYPES).open() as session:
        user = session.schema().types["user"]
    assert user is not None
    assert not user["title"].multi_valued
    assert not user["description"].multi_valued
    assert user["otherTelephone"].multi_valued
    assert user["objectGUID"].read_only
    assert user["memberOf"].read_only
    assert not user["accountEnabled"].read_only


def test_a_size_limit_of_the_server_is_no_matter_for_pages(big: Samba):
    events = scan(windows(big, most_entries=10))
    assert len(seen(events)) >= PEOPLE - 1
