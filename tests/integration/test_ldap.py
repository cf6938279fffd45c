import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from hypersync.connectors.contract import Bench, ConnectorContract, Fragile, seen, succeeded
from hypersync.connectors.directory.ldap3_link import open_link
from hypersync.connectors.directory.options import remedies
from hypersync.connectors.directory.wire import Code, Wire
from hypersync.connectors.ldap.connector import LdapConnector, LdapSession
from hypersync.connectors.ldap.options import LdapOptions
from hypersync.connectors.settings import SiloSettings, object_types
from hypersync.errors import CursorLost, ScanFailed, SiloRefused, SiloUnreachable
from hypersync.model.mistake import Level
from hypersync.model.objects import (
    Anchors,
    Change,
    Complete,
    Conflict,
    Invalid,
    Member,
    Operation,
    Outcome,
    Refused,
    RetryAfter,
    ScanEvent,
    Seen,
    Succeeded,
    Unknown,
)
from tests.integration.test_ad_write_races import MeddledLink
from tests.slapd import (
    GROUPS,
    LEAVERS,
    PASSWORD,
    PEOPLE,
    SERVICE,
    SUFFIX,
    Slapd,
    entry,
    group,
    person,
    running,
)
from tests.wires import LastWordsWire, LdapWire

STAFF = "".join(
    person(name, title="Clerk", departmentNumber="Sales", employeeType="active")
    for name in ("ann", "bob", "zoë")
) + group("staff", [f"cn=ann,{PEOPLE}"])
ENABLED = {"attribute": "employeeType", "when_on": "active", "when_off": "disabled"}
TYPES = {
    "user": {
        "base": PEOPLE,
        "filter": "(objectClass=inetOrgPerson)",
        "object_class": ["inetOrgPerson"],
        "enabled": ENABLED,
    },
    "group": {
        "base": GROUPS,
        "filter": "(objectClass=groupOfNames)",
        "object_class": ["groupOfNames"],
        "members": "member",
    },
}
BIND = {"user": SERVICE, "password": PASSWORD}


def connect(
    url: str | list[str],
    *,
    write: bool = True,
    timeout: int = 20,
    types: object = None,
    **options: object,
) -> LdapConnector:
    found = LdapOptions.model_validate(
        {"url": url, "bind": BIND, "types": types or TYPES, **options}
    )
    settings = SiloSettings(
        silo="ldap1",
        options=found,
        types=object_types("ldap1", found, {}),
        write=write,
        timeout=timedelta(seconds=timeout),
    )
    return LdapConnector(settings)


def scan(connector: LdapConnector, number: int = 0, cursor: str | None = None) -> list[ScanEvent]:
    with connector.open() as session:
        stream = session.scan(connector.streams()[number], cursor)
        return [event for batch in stream for event in batch]


def cursor_of(events: list[ScanEvent]) -> str:
    end = events[-1]
    assert isinstance(end, Complete)
    assert end.cursor is not None
    return end.cursor


class LdapHands:
    """Somebody with ldapmodify."""

    def __init__(self, server: Slapd) -> None:
        self.server = server
        self.known: dict[str, str] = {}

    def dn(self, name: str) -> str:
        return f"cn={name},{GROUPS if name == 'staff' else PEOPLE}"

    def anchor(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = self.server.uuid(self.dn(name))
        return self.known[name]

    def set(self, name: str, attribute: str, value: str) -> None:
        self.server.modify(
            f"dn: {self.dn(name)}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        )

    def delete(self, name: str) -> None:
        self.anchor(name)
        self.server.modify(f"dn: {self.dn(name)}\nchangetype: delete\n")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    with running(tmp_path / "slapd", STAFF) as started:
        yield started


def bench_of(
    server: Slapd, connector: LdapConnector | None = None, *, wire: str = "ldap3", **more: object
) -> Bench:
    connector = connector or connect(server.url, wire=wire)
    (user,), (group_type,) = connector.streams()
    wrong = {"user": SERVICE, "password": "wrong"}

    @contextmanager
    def fragile() -> Iterator[Fragile]:
        with LdapWire(server.port) as proxy:
            yield Fragile(connector=connect(proxy.url, page_size=1, wire=wire), cut=proxy.cut)

    return Bench(
        connector=connector,
        read_only_connector=connect(server.url, write=False, wire=wire),
        hands=LdapHands(server),
        user=user,
        group=group_type,
        new_user={
            "dn": f"cn=new,{PEOPLE}",
            "sn": "new",
            "title": "Trainee",
            "employeeType": "active",
        },
        moved=f"cn=ann,{LEAVERS}",
        has_deltas=True,
        read_only_attribute="createTimestamp",
        references={name: f"cn={name},{PEOPLE}" for name in ("ann", "bob", "zoë")},
        wrong_password=connect(server.url, bind=wrong, wire=wire),
        fragile=fragile,
        lacks={"duplicate_anchors": "the server gives every entry its own entryUUID (RFC 4530)"},
        **more,
    )


@pytest.fixture
def bench(server: Slapd) -> Bench:
    return bench_of(server)


class TestLdap(ConnectorContract):
    @pytest.fixture
    def bench(self, server: Slapd) -> Bench:
        return bench_of(server, connect(server.url, page_size=2))


# --- scans -------------------------------------------------------------------------------------


def test_ten_thousand_people_come_in_pages(company_slapd: Slapd):
    connector = connect(company_slapd.url, page_size=300)
    events = scan(connector)
    assert len({e.anchor for e in events if isinstance(e, Seen)}) == 10_000
    assert isinstance(events[-1], Complete)


def test_a_server_that_dies_in_the_middle_fails_the_scan(tmp_path: Path):
    with running(tmp_path / "slapd", "".join(person(f"p{n}") for n in range(50))) as server:
        connector = connect(server.url, page_size=10)
        with connector.open() as session:
            stream = session.scan(connector.streams()[0], None)
            assert len(next(stream)) == 10
            server.kill()
            with pytest.raises(ScanFailed, match="went away in the middle"):
                list(stream)


@pytest.mark.parametrize("limit", ["size.hard=20", "size.hard=20 size.prtotal=20"])
def test_a_size_limit_on_a_later_page_fails_the_scan(tmp_path: Path, limit: str):
    extra = f'limits dn.exact="{SERVICE}" size.soft=20 {limit}'
    people = "".join(person(f"p{n}") for n in range(50))
    with running(tmp_path / "slapd", people, extra=extra) as server:
        connector = connect(server.url, page_size=15)
        with connector.open() as session:
            stream = session.scan(connector.streams()[0], None)
            with pytest.raises(ScanFailed, match="size limit was reached"):
                list(stream)


def test_a_search_that_finds_nobody_is_complete_and_starts_no_deltas(tmp_path: Path):
    with running(tmp_path / "slapd", "") as server:
        assert scan(connect(server.url)) == [Complete(None)]


def test_a_base_that_is_not_there_fails_the_scan_and_is_found_by_check(server: Slapd):
    types = {"user": {"base": f"ou=peple,{SUFFIX}"}}
    connector = connect(server.url, types=types)
    with pytest.raises(ScanFailed, match="there is no such entry"):
        scan(connector)
    with connector.open() as session:
        (mistake,) = session.check()
    assert mistake.message == f"there is no entry 'ou=peple,{SUFFIX}'"


def test_a_filter_that_is_none_fails_the_scan_and_is_found_by_check(server: Slapd):
    connector = connect(server.url, types={"user": {"base": PEOPLE, "filter": "(&(cn=x)"}})
    with pytest.raises(ScanFailed, match="this is not LDAP: invalid filter"):
        scan(connector)
    with connector.open() as session:
        (mistake,) = session.check()
    assert "invalid filter" in mistake.message


def test_attributes_that_the_server_does_not_know_are_found_by_check(server: Slapd):
    connector = connect(server.url, types={"user": {"base": PEOPLE, "attributes": ["tilte"]}})
    with connector.open() as session:
        (mistake,) = session.check()
    assert mistake.message == "the server knows no attribute 'tilte'"


def test_operational_attributes_come_only_when_asked_for_and_passwords_neither(tmp_path: Path):
    with running(tmp_path / "slapd", person("ann", userPassword="x")) as server:
        root = {"user": f"cn=root,{SUFFIX}", "password": PASSWORD}
        (ann, _) = scan(connect(server.url, bind=root))
        assert isinstance(ann, Seen)
        assert ann.attributes == {
            "dn": f"cn=ann,{PEOPLE}",
            "cn": "ann",
            "sn": "ann",
            "objectClass": ("inetOrgPerson",),
        }
        types = {"user": {**TYPES["user"], "attributes": ["createTimestamp", "userpassword", "dn"]}}
        (ann, _) = scan(connect(server.url, bind=root, types=types))
        assert isinstance(ann, Seen)
        assert set(ann.attributes) == {"dn", "createTimestamp", "userpassword"}
        assert ann.attributes["userpassword"] == (b"x",)


def test_scope_one_does_not_look_further_down(server: Slapd):
    types = {"user": {**TYPES["user"], "base": SUFFIX, "scope": "one"}}
    assert scan(connect(server.url, types=types)) == [Complete(None)]


def test_an_object_outside_base_and_filter_is_still_found_by_its_anchor(
    server: Slapd, bench: Bench
):
    anchor = bench.hands.anchor("ann")
    server.modify(
        f"dn: cn=ann,{PEOPLE}\nchangetype: modrdn\nnewrdn: cn=ann\ndeleteoldrdn: 1\n"
        f"newsuperior: {LEAVERS}\n"
    )
    assert anchor not in seen(bench.scan(bench.user), bench.user)
    assert bench.read("ann")["dn"] == f"cn=ann,{LEAVERS}"


# --- deltas ------------------------------------------------------------------------------------


def test_a_delta_reports_what_came_and_what_left_the_scope(server: Slapd, bench: Bench):
    cursor = cursor_of(bench.scan(bench.user))
    ann = bench.hands.anchor("ann")
    server.modify(person("eve"))
    server.modify(
        f"dn: cn=ann,{PEOPLE}\nchangetype: modrdn\nnewrdn: cn=ann\ndeleteoldrdn: 1\n"
        f"newsuperior: {LEAVERS}\n"
    )
    events = bench.scan(bench.user, cursor)
    assert server.uuid(f"cn=eve,{PEOPLE}") in seen(events, bench.user)
    (anchors,) = [e for e in events if isinstance(e, Anchors)]
    assert ann not in anchors.anchors
    assert len(anchors.anchors) == 3


def test_a_change_in_the_same_moment_as_the_last_is_not_lost(server: Slapd):
    connector = connect(server.url, overlap="0s")
    cursor = cursor_of(scan(connector))
    server.modify(person("eve"))
    cursor = cursor_of(scan(connector, cursor=cursor))
    (eve, *_) = scan(connector, cursor=cursor)
    assert isinstance(eve, Seen)
    assert eve.attributes["cn"] == "eve"


def test_a_delta_after_which_nothing_happened_keeps_its_place(server: Slapd):
    connector = connect(server.url, overlap="0s")
    cursor = cursor_of(scan(connector))
    assert cursor_of(scan(connector, cursor=cursor)) == cursor


@pytest.mark.parametrize("cursor", ["", "x", "[]", '{"since": "x"}', "{}"])
def test_a_cursor_that_is_none_is_lost(server: Slapd, cursor: str):
    with pytest.raises(CursorLost):
        scan(connect(server.url), cursor=cursor)


def test_a_cursor_of_another_scope_is_lost(server: Slapd):
    cursor = cursor_of(scan(connect(server.url)))
    types = {"user": {**TYPES["user"], "filter": "(cn=*)"}}
    with pytest.raises(CursorLost):
        scan(connect(server.url, types=types), cursor=cursor)


# --- signing in --------------------------------------------------------------------------------


def test_a_wrong_password_is_refused_with_a_sentence(server: Slapd):
    connector = connect(server.url, bind={"user": SERVICE, "password": "wrong"})
    with pytest.raises(SiloRefused, match="wrong user or password") as caught, connector.open():
        pass
    assert SERVICE in caught.value.message
    assert "wrong'" not in caught.value.message


def test_a_server_that_is_not_there_is_unreachable(server: Slapd):
    server.stop()
    with pytest.raises(SiloUnreachable, match="cannot be reached"), connect(server.url).open():
        pass


def test_a_server_that_never_answers_is_unreachable_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ldap://127.0.0.1:{silent.getsockname()[1]}"
        connector = connect(url, timeout=1)
        with pytest.raises(SiloUnreachable, match="cannot be reached"), connector.open():
            pass


def test_a_password_in_clear_is_a_warning(server: Slapd):
    away = connect(server.url.replace("127.0.0.1", "ldap.example.org"))
    assert isinstance(away.settings.options, LdapOptions)
    with connect(server.url).open() as here:
        session = LdapSession(away.settings, away.settings.options, here.wire)
        (mistake,) = session.check()
    assert mistake.level is Level.WARNING
    assert mistake.message.startswith("without TLS the password and all values go to ldap://ldap.")


@pytest.mark.parametrize("bind", [None, {"kerberos": "true"}])
def test_values_in_clear_are_a_warning_whoever_signs_in(bind: object):
    url = "ldap://ldap.example.org"
    found = LdapOptions.model_validate({"url": url, "bind": bind, "types": TYPES})
    (said,) = remedies(found)
    assert said == f"without TLS all values go to {url} over the network in clear"
    for safe in ({"url": "ldaps://ldap.example.org"}, {"url": url, "tls": {"start": "true"}}):
        assert not remedies(LdapOptions.model_validate({"bind": bind, "types": TYPES, **safe}))


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://x"},
        {"url": "ldap://"},
        {"url": "ldaps://x", "tls": {"start": "true"}},
        {"url": "ldap://x", "page_size": "0"},
        {"url": "ldap://x", "types": {"a": {}}},
        {"url": "ldap://x", "pasword": "x"},
    ],
)
def test_wrong_options_are_refused(options: dict[str, object]):
    with pytest.raises(ValidationError):
        LdapOptions.model_validate({"types": TYPES, **options})


# --- writing -----------------------------------------------------------------------------------


def rename(bench: Bench, dn: str, operation: Operation = Operation.RENAME) -> Outcome:
    return bench.apply(bench.change(operation, "ann", {"dn": bench.read("ann")["dn"]}, {"dn": dn}))


def test_rename_changes_the_relative_name(bench: Bench):
    ann = succeeded(rename(bench, f"cn=Ann Lee,{PEOPLE}"))
    assert (ann["dn"], ann["cn"]) == (f"cn=Ann Lee,{PEOPLE}", "Ann Lee")


def test_a_name_that_differs_in_case_and_spaces_only_is_the_same(bench: Bench):
    assert succeeded(rename(bench, "CN=ANN, ou=People,dc=example,dc=org"))["dn"] == (
        f"cn=ann,{PEOPLE}"
    )


def test_a_move_from_somewhere_else_is_a_conflict(bench: Bench):
    before = {"dn": f"cn=ann,{GROUPS}"}
    change = bench.change(Operation.MOVE, "ann", before, {"dn": f"cn=ann,{LEAVERS}"})
    assert isinstance(bench.apply(change), Conflict)


def test_a_move_onto_another_object_is_a_conflict(bench: Bench):
    assert isinstance(rename(bench, f"cn=bob,{PEOPLE}"), Conflict)


@pytest.mark.parametrize(
    ("dn", "reason"),
    [
        (f"cn=ann,ou=nowhere,{SUFFIX}", f"there is no entry ou=nowhere,{SUFFIX} to move it to"),
        ("ann", "'ann' is no part of a DN"),
    ],
)
def test_a_move_to_nowhere_is_refused(bench: Bench, dn: str, reason: str):
    assert rename(bench, dn, Operation.MOVE) == Refused(reason)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({"cn": "eve"}, "part of the name; rename the object"),
        ({"sn": None}, "the schema does not allow it"),
        ({"tilte": "x"}, "attribute type undefined"),
        ({"createTimestamp": "20200101000000Z"}, "'createTimestamp' is read-only"),
        ({"dn": f"cn=eve,{PEOPLE}"}, "the dn changes by a move"),
        ({"jpegPhoto": "x" * 10, "employeeNumber": ("1", "2")}, "multiple values"),
    ],
)
def test_what_the_directory_does_not_allow_is_refused_with_a_sentence(
    bench: Bench, after: dict, reason: str
):
    outcome = bench.apply(bench.update("ann", {}, after))
    assert isinstance(outcome, Refused)
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({"sn": "x"}, "a new user needs its place: set 'dn'"),
        (
            {"sn": "x", "dn": "nonsense"},
            "nonsense is in no part of the tree that this server has; correct it in the rule",
        ),
        (
            {"sn": "x", "dn": f"cn=x,ou=nowhere,{SUFFIX}"},
            f"there is no entry ou=nowhere,{SUFFIX} to create it in",
        ),
    ],
)
def test_a_create_without_a_place_is_refused(bench: Bench, after: dict, reason: str):
    assert bench.apply(bench.change(Operation.CREATE, None, None, after)) == Refused(reason)


def test_rights_that_are_missing_are_refused(server: Slapd, bench: Bench):
    server.modify(person("reader", userPassword=PASSWORD))
    reader = {"user": f"cn=reader,{PEOPLE}", "password": PASSWORD}
    bench = bench_of(server, connect(server.url, bind=reader))
    outcome = bench.apply(bench.update("ann", {"title": "Clerk"}, {"title": "Boss"}))
    assert isinstance(outcome, Refused)
    assert "has not the right" in outcome.reason


def test_values_without_a_matching_rule_are_replaced(bench: Bench):
    for photo in (b"\xff\xd8 one", b"\xff\xd8 two"):
        ann = succeeded(bench.apply(bench.update("ann", {}, {"jpegPhoto": photo})))
        assert ann["jpegPhoto"] == photo


def test_a_password_is_written_and_not_reported(server: Slapd, bench: Bench):
    outcome = bench.apply(bench.update("ann", {"userPassword": None}, {"userPassword": "n3w"}))
    assert "userPassword" not in succeeded(outcome)
    as_ann = connect(server.url, bind={"user": f"cn=ann,{PEOPLE}", "password": "n3w"})
    with as_ann.open() as session:
        assert session.read(bench.user, bench.hands.anchor("ann")) is not None


@pytest.mark.parametrize("name", ["userPassword", "USERPASSWORD", "userPassword;lang-en"])
def test_a_password_is_not_written_over_the_network_in_clear(
    server: Slapd, bench: Bench, name: str
):
    away = connect(server.url.replace("127.0.0.1", "ldap.example.org"))
    assert isinstance(away.settings.options, LdapOptions)
    create = bench.change(Operation.CREATE, None, None, {**bench.new_user, name: "n3w"})
    with connect(server.url).open() as here:
        here.wire.url = away.settings.options.url[0]
        session = LdapSession(away.settings, away.settings.options, here.wire)
        outcomes = session.apply([bench.update("ann", {name: None}, {name: "n3w"}), create])
    for outcome in outcomes:
        assert isinstance(outcome, Refused)
        assert "would go over the network in clear; use ldaps://" in outcome.reason
        assert "n3w" not in outcome.reason
    assert bench.hands.anchor("ann")
    as_ann = connect(server.url, bind={"user": f"cn=ann,{PEOPLE}", "password": "n3w"})
    with pytest.raises(SiloRefused), as_ann.open():
        pass


def test_a_create_with_a_password_succeeds_again(bench: Bench):
    after = {**bench.new_user, "userPassword": "initial"}
    change = bench.change(Operation.CREATE, None, None, after)
    assert succeeded(bench.apply(change)) == succeeded(bench.apply(change))


def test_a_change_of_case_only_is_written(bench: Bench):
    ann = succeeded(bench.apply(bench.update("ann", {"title": "Clerk"}, {"title": "CLERK"})))
    assert ann["title"] == "CLERK"


def test_several_values_change_one_by_one(bench: Bench):
    for before, after in (((), ("a", "b")), (("a", "b"), ("b", "c")), (("b", "c"), ())):
        outcome = bench.apply(
            bench.update("ann", {"seeAlso": _dns(before)}, {"seeAlso": _dns(after)})
        )
        assert succeeded(outcome).get("seeAlso", ()) == _dns(after)


def _dns(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"cn={name}" for name in names)


def test_a_value_that_appears_between_reading_and_writing_is_a_conflict_for_the_server(
    server: Slapd, bench: Bench
):
    with bench.connector.open() as session:
        dn = f"cn=ann,{PEOPLE}"
        assert session.wire.modify(dn, {"title": [("add", [b"Boss"])]}, absent=["title"]).is_(
            Code.ASSERTION_FAILED
        )
        old = [("delete", [b"Trainee"]), ("add", [b"Boss"])]
        assert session.wire.modify(dn, {"title": old}).is_(Code.NO_SUCH_ATTRIBUTE)
    assert bench.read("ann")["title"] == "Clerk"


def test_the_last_member_stays_unless_there_is_a_placeholder(server: Slapd, bench: Bench):
    outcome = bench.apply(bench.member(Operation.REMOVE_MEMBER, "ann"))
    assert isinstance(outcome, Refused)
    assert "needs a member" in outcome.reason
    types = {**TYPES, "group": {**TYPES["group"], "placeholder": SERVICE}}
    bench = bench_of(server, connect(server.url, types=types))
    for _ in range(2):
        staff = succeeded(bench.apply(bench.member(Operation.REMOVE_MEMBER, "ann")))
        assert "member" not in staff
    assert f"member: {SERVICE}" in server.search(GROUPS, "(cn=staff)", "member")
    new = bench.change(Operation.CREATE, None, None, {"dn": f"cn=empty,{GROUPS}"}, of_group=True)
    assert "member" not in succeeded(bench.apply(new))
    assert bench.apply(new) == bench.apply(new)


def test_a_member_written_in_another_way_is_the_same_member(bench: Bench):
    same = {"member": f"CN=Ann, {PEOPLE.upper()}"}
    added = bench.change(Operation.ADD_MEMBER, "staff", None, same, of_group=True)
    assert succeeded(bench.apply(added))["member"] == (f"cn=ann,{PEOPLE}",)


def change_of(bench: Bench, operation: Operation) -> Change:
    if operation is Operation.MOVE:
        return bench.change(
            operation, "ann", {"dn": f"cn=ann,{PEOPLE}"}, {"dn": f"cn=ann,{GROUPS}"}
        )
    after = {"description": "x"} if operation is Operation.UPDATE else None
    before = {"description": None} if after else {"title": "Clerk"}
    return bench.change(operation, "ann", before, after)


@pytest.mark.parametrize("operation", [Operation.UPDATE, Operation.MOVE, Operation.DELETE])
def test_a_stranger_who_takes_the_name_before_the_write_is_left_alone(
    server: Slapd, bench: Bench, operation: Operation
):
    change = change_of(bench, operation)
    with meddled(bench.connector, lambda: replace_somebody(server, "ann")) as session:
        (outcome,) = session.apply([change])
    assert isinstance(outcome, Conflict)
    assert "title: Stranger" in server.search(PEOPLE, "(cn=ann)", "title")
    assert "description: x" not in server.search(PEOPLE, "(cn=ann)", "description")


def test_what_changes_before_a_delete_is_not_deleted(bench: Bench):
    change = change_of(bench, Operation.DELETE)
    director = partial(bench.hands.set, "ann", "title", "Director")
    with meddled(bench.connector, director) as session:
        assert isinstance(session.apply([change])[0], Conflict)
    assert bench.read("ann")["title"] == "Director"


def member(bench: Bench, operation: Operation, name: str) -> Change:
    """Return a membership change that tells the member's anchor too, as the engine does."""
    anchor = bench.hands.anchor(name)
    return replace(bench.member(operation, name), member=Member(bench.user, anchor))


def replace_somebody(server: Slapd, name: str) -> None:
    """Move somebody away and give the old name to a stranger."""
    server.modify(
        f"dn: cn={name},{PEOPLE}\nchangetype: modrdn\nnewrdn: cn={name}\ndeleteoldrdn: 1\n"
        f"newsuperior: {LEAVERS}\n"
    )
    server.modify(person(name, title="Stranger"))


def members_of(bench: Bench) -> object:
    return bench.read("staff", bench.group).get("member")


def test_a_stranger_who_took_the_name_of_a_member_is_not_added(server: Slapd, bench: Bench):
    change = member(bench, Operation.ADD_MEMBER, "bob")
    replace_somebody(server, "bob")
    outcome = bench.apply(change)
    assert isinstance(outcome, Conflict)
    assert outcome.why == f"cn=bob,{PEOPLE} was renamed or moved; it is cn=bob,{LEAVERS} now"
    assert members_of(bench) == (f"cn=ann,{PEOPLE}",)


def test_a_stranger_who_took_the_name_of_a_member_is_not_removed(server: Slapd, bench: Bench):
    succeeded(bench.apply(bench.member(Operation.ADD_MEMBER, "bob")))
    change = member(bench, Operation.REMOVE_MEMBER, "bob")
    replace_somebody(server, "bob")
    outcome = bench.apply(change)
    assert isinstance(outcome, Conflict)
    assert "the old name of" in outcome.why
    assert members_of(bench) == (f"cn=ann,{PEOPLE}", f"cn=bob,{PEOPLE}")


def test_a_member_that_moved_is_removed_by_its_new_name(server: Slapd, bench: Bench):
    change = member(bench, Operation.REMOVE_MEMBER, "bob")
    replace_somebody(server, "bob")
    listed = f"member: cn=bob,{LEAVERS}\n"
    server.modify(f"dn: cn=staff,{GROUPS}\nchangetype: modify\nadd: member\n{listed}")
    assert succeeded(bench.apply(change))["member"] == (f"cn=ann,{PEOPLE}",)


def test_a_member_that_is_gone_is_not_added_and_is_removed(server: Slapd, bench: Bench):
    add, remove = (
        member(bench, each, "bob") for each in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER)
    )
    assert succeeded(bench.apply(add))["member"] == (f"cn=ann,{PEOPLE}", f"cn=bob,{PEOPLE}")
    bench.hands.delete("bob")
    assert succeeded(bench.apply(remove))["member"] == (f"cn=ann,{PEOPLE}",)
    outcome = bench.apply(add)
    assert isinstance(outcome, Conflict)
    assert "was deleted" in outcome.why
    server.modify(person("bob", title="Stranger"))
    assert isinstance(bench.apply(remove), Conflict)
    assert members_of(bench) == (f"cn=ann,{PEOPLE}",)


def test_a_placeholder_beside_members_is_not_reported(server: Slapd):
    types = {**TYPES, "group": {**TYPES["group"], "placeholder": SERVICE}}
    bench = bench_of(server, connect(server.url, types=types))
    server.modify(f"dn: cn=staff,{GROUPS}\nchangetype: modify\nadd: member\nmember: {SERVICE}\n")
    assert bench.read("staff", bench.group)["member"] == (f"cn=ann,{PEOPLE}",)


def test_a_delete_of_something_with_others_below_is_refused(server: Slapd, bench: Bench):
    server.modify(entry(f"cn=phone,cn=ann,{PEOPLE}", {"objectClass": "device", "cn": "phone"}))
    outcome = bench.apply(bench.change(Operation.DELETE, "ann", {}, None))
    assert isinstance(outcome, Refused)
    assert "has others below it" in outcome.reason


def test_a_move_that_writes_more_than_the_name_is_refused(bench: Bench):
    after = {"dn": f"cn=ann,{LEAVERS}", "title": "Boss"}
    assert bench.apply(bench.change(Operation.MOVE, "ann", {}, after)) == Refused(
        "a move or a rename writes the dn, and nothing else"
    )


def test_a_change_of_no_object_is_refused(bench: Bench):
    change = bench.change(Operation.UPDATE, None, {}, {"title": "x"})
    assert bench.apply(change) == Refused("the change names no object")


def test_a_create_that_the_schema_does_not_allow_is_refused(bench: Bench):
    after = {"dn": f"cn=x,{PEOPLE}", "objectClass": ("device",), "title": "x"}
    outcome = bench.apply(bench.change(Operation.CREATE, None, None, after))
    assert isinstance(outcome, Refused)
    assert "the schema does not allow it" in outcome.reason


def test_a_create_without_classes_is_refused(server: Slapd):
    connector = connect(server.url, types={"user": {"base": PEOPLE}, "group": TYPES["group"]})
    bench = bench_of(server, connector)
    after = {"dn": f"cn=x,{PEOPLE}", "sn": "x"}
    assert bench.apply(bench.change(Operation.CREATE, None, None, after)) == Refused(
        "the type 'user' needs its 'object_class' for new objects"
    )


def test_objects_without_or_with_a_shared_anchor_are_not_taken_for_others(tmp_path: Path):
    people = person("ann", uid="1") + person("bob", uid="1") + person("eve")
    types = {"user": {**TYPES["user"], "anchor": "uid"}}
    with running(tmp_path / "slapd", people) as server:
        connector = connect(server.url, types=types)
        invalid = [e for e in scan(connector) if isinstance(e, Invalid)]
        assert [(e.anchor, e.where, e.why) for e in invalid] == [
            ("1", f"cn=bob,{PEOPLE}", "another object has the 'uid' too"),
            (None, f"cn=eve,{PEOPLE}", "it has no 'uid'"),
        ]
        with connector.open() as session, pytest.raises(SiloRefused, match="2 entries have"):
            session.read(connector.streams()[0][0], "1")


def test_a_server_that_dies_before_a_write_means_later(server: Slapd, bench: Bench):
    change = bench.update("ann", {"title": "Clerk"}, {"title": "Boss"})
    with bench.connector.open() as session:
        session.schema()
        server.kill()
        outcomes = session.apply([change, change])
    assert [type(each) for each in outcomes] == [RetryAfter, RetryAfter]


def test_a_connection_that_breaks_during_a_write_leaves_it_unknown(server: Slapd, bench: Bench):
    changes = [
        bench.update("ann", {"title": "Clerk"}, {"title": "Boss"}),
        bench.update("bob", {"title": "Clerk"}, {"title": "Boss"}),
    ]
    proxy = LastWordsWire(server.port, [b"Boss"])
    with proxy, connect(f"ldap://127.0.0.1:{proxy.port}").open() as session:
        outcomes = session.apply(changes)
    assert [type(each) for each in outcomes] == [Unknown, RetryAfter]
    with bench.connector.open() as session:
        assert [type(each) for each in session.apply(changes)] == [Succeeded, Succeeded]


@contextmanager
def meddled(connector: LdapConnector, meddle: Callable[[], None]) -> Iterator[LdapSession]:
    """Open a session in which somebody else is quicker than the first write."""
    options = connector.settings.options
    assert isinstance(options, LdapOptions)
    address = options.address(connector.settings.root, connector.settings.timeout)
    (url,) = address.urls
    wire = Wire(MeddledLink(open_link(url, address), meddle), url)
    try:
        yield LdapSession(connector.settings, options, wire)
    finally:
        wire.close()
