"""Deltas of Active Directory after each kind of change, by DirSync and by uSNChanged."""

import base64

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.errors import ScanFailed
from hypersync.model.objects import (
    Anchors,
    Changed,
    Complete,
    Deleted,
    DeletionKind,
    ScanEvent,
    Seen,
)
from tests.ad_silos import USER, Corner, connect, cursor_of, gone, scan, seen
from tests.samba import PLAIN, USERS, Samba

SOFT, OUT = DeletionKind.SOFT, DeletionKind.OUT_OF_SCOPE


@pytest.fixture(scope="module")
def used_controller(domain_controller: Samba) -> Samba:
    """A domain in which something was deleted once, as in any that is used."""
    corner = Corner.new(domain_controller)
    corner.delete(corner.leavers)
    return domain_controller


@pytest.fixture
def corner(used_controller: Samba) -> Corner:
    return Corner.new(used_controller)


@pytest.fixture(params=["dirsync", "usn"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def silo(corner: Corner, way: str) -> AdConnector:
    """Ann and bob, who are the staff, and zoë; nobody has changed since the cursor."""
    corner.add_people("ann", "bob", "zoë", title="Clerk")
    corner.add_group("staff", ["ann", "bob"])
    return connect(corner.server, corner.types, delta=way)


def test_a_delta_after_which_nothing_happened_says_nothing(silo: AdConnector):
    events = scan(silo)
    assert len(seen(events)) == 3
    assert [type(e) for e in scan(silo, cursor_of(events))] == [Complete]


def test_what_changes_during_a_full_scan_is_in_the_next_delta(corner: Corner, way: str):
    corner.add_people("ann", "bob", "zoë", title="Clerk")
    silo = connect(corner.server, corner.types, delta=way, page_size=1)
    with silo.open() as session:
        stream = session.scan(silo.streams()[0], None)
        (first,) = next(stream)
        assert isinstance(first, Seen)
        # it is read already, so what is read further on does not tell of this
        corner.change(str(first.attributes["dn"]), "replace: title\ntitle: Boss")
        rest = [event for batch in stream for event in batch]
    assert {o["title"] for o in seen(rest).values()} == {"Clerk"}
    assert seen(scan(silo, cursor_of(rest)))[first.anchor]["title"] == "Boss"


def test_what_changes_during_a_delta_is_in_the_next_one(silo: AdConnector, corner: Corner):
    cursor, ann = cursor_of(scan(silo)), corner.guid("ann")
    corner.set("ann", "title", "Boss")
    with silo.open() as session:
        stream = session.scan(silo.streams()[0], cursor)
        assert seen(next(stream))[ann]["title"] == "Boss"
        corner.set("ann", "title", "Head")
        rest = [event for batch in stream for event in batch]
    assert seen(rest) == {}
    assert seen(scan(silo, cursor_of(rest)))[ann]["title"] == "Head"


def test_what_is_new_and_what_changed_is_seen_whole(silo: AdConnector, corner: Corner):
    cursor = cursor_of(scan(silo))
    corner.add_people("eve")
    corner.set("ann", "title", "Boss")
    corner.change(corner.person("bob"), "delete: title")
    events = scan(silo, cursor)
    found = seen(events)
    assert found.keys() == {corner.guid(name) for name in ("eve", "ann", "bob")}
    assert found[corner.guid("ann")] == {
        "dn": corner.person("ann"),
        "sAMAccountName": corner.account("ann"),
        "title": "Boss",
        "accountEnabled": True,
    }
    assert "title" not in found[corner.guid("bob")]
    assert gone(events) == {}
    assert [type(e) for e in scan(silo, cursor_of(events))] == [Complete]


def test_a_disabled_account_is_seen_as_such_and_nothing_else_changed(
    silo: AdConnector, corner: Corner
):
    events = scan(silo)
    before = seen(events)[corner.guid("ann")]
    corner.server.tool("user", "disable", corner.account("ann"))
    after = seen(scan(silo, cursor_of(events)))[corner.guid("ann")]
    assert after == {**before, "accountEnabled": False}


def test_a_renamed_object_takes_its_new_name_into_its_groups(silo: AdConnector, corner: Corner):
    cursor, ann = cursor_of(scan(silo)), corner.guid("ann")
    corner.move(corner.person("ann"), "CN=Ann Lee", corner.people)
    events = scan(silo, cursor)
    assert seen(events)[ann]["dn"] == corner.person("Ann Lee")
    staff = seen(events, "group")[corner.server.guid(corner.group("staff"))]
    assert staff["member"] == (corner.person("Ann Lee"), corner.person("bob"))


def test_a_renamed_manager_has_another_name_where_somebody_refers_to_it(
    silo: AdConnector, corner: Corner
):
    corner.set("bob", "manager", corner.person("zoë"))
    cursor = cursor_of(scan(silo))
    corner.move(corner.person("zoë"), "CN=zora", corner.people)
    assert seen(scan(silo, cursor))[corner.guid("bob")]["manager"] == corner.person("zora")


def test_what_leaves_the_base_is_out_of_scope_and_not_deleted(silo: AdConnector, corner: Corner):
    cursor, ann = cursor_of(scan(silo)), corner.guid("ann")
    corner.move(corner.person("ann"), "CN=ann", corner.leavers)
    events = scan(silo, cursor)
    assert gone(events) == {ann: OUT}
    assert ann not in seen(events)
    corner.move(f"CN=ann,{corner.leavers}", "CN=ann", corner.people)
    assert ann in seen(scan(silo, cursor_of(events)))


def test_what_leaves_the_filter_is_out_of_scope_and_not_deleted(corner: Corner, way: str):
    corner.add_people("ann", "bob", department="IT")
    clerks = {"user": {**corner.types["user"], "filter": "(&(objectClass=user)(department=IT))"}}
    silo = connect(corner.server, clerks, delta=way)
    cursor = cursor_of(scan(silo))
    corner.set("ann", "department", "Sales")
    events = scan(silo, cursor)
    assert gone(events) == {corner.guid("ann"): OUT}
    corner.set("ann", "department", "IT")
    assert corner.guid("ann") in seen(scan(silo, cursor_of(events)))


def test_what_a_filter_looks_at_is_noticed_although_nobody_reads_it(corner: Corner, way: str):
    corner.add_people("ann", "bob", employeeType="active")
    for active in ("(employeeType=active)", "(!(employeeType=gone))"):
        filter_ = f"(&(objectClass=user) {active})"
        types = {"user": {"base": corner.people, "filter": filter_, "attributes": ["cn"]}}
        silo = connect(corner.server, types, delta=way)
        cursor = cursor_of(scan(silo))
        corner.set("ann", "employeeType", "gone")
        events = scan(silo, cursor)
        assert gone(events) == {corner.guid("ann"): OUT}
        corner.set("ann", "employeeType", "active")
        assert corner.guid("ann") in seen(scan(silo, cursor_of(events)))


def test_scope_one_lets_go_of_what_moves_further_down(corner: Corner, way: str):
    corner.add_people("ann")
    corner.server.modify(f"dn: OU=deep,{corner.people}\nobjectClass: organizationalUnit\n")
    types = {"user": {**corner.types["user"], "scope": "one"}}
    silo = connect(corner.server, types, delta=way)
    cursor, ann = cursor_of(scan(silo)), corner.guid("ann")
    corner.move(corner.person("ann"), "CN=ann", f"OU=deep,{corner.people}")
    assert gone(scan(silo, cursor)) == {ann: OUT}


def test_a_renamed_container_gives_everything_below_it_another_name(
    silo: AdConnector, corner: Corner
):
    unit = f"OU=North,{corner.people}"
    deep = f"OU=Harbour,{unit}"
    for each in (unit, deep):
        corner.server.modify(f"dn: {each}\nobjectClass: organizationalUnit\n")
    corner.add_people("eve", below=unit)
    corner.add_people("fay", below=deep)
    eve, fay = corner.server.guid(f"CN=eve,{unit}"), corner.server.guid(f"CN=fay,{deep}")
    corner.change(corner.group("staff"), f"add: member\nmember: CN=fay,{deep}")
    cursor = cursor_of(scan(silo))
    corner.move(unit, "OU=South", corner.people)
    events = scan(silo, cursor)
    south = f"OU=South,{corner.people}"
    assert {a: o["dn"] for a, o in seen(events).items()} == {
        eve: f"CN=eve,{south}",
        fay: f"CN=fay,OU=Harbour,{south}",
    }
    (staff,) = seen(events, "group").values()
    assert f"CN=fay,OU=Harbour,{south}" in staff["member"]  # type: ignore[operator] # a tuple


def test_a_container_that_leaves_the_base_takes_everything_below_it_along(
    silo: AdConnector, corner: Corner
):
    unit = f"OU=North,{corner.people}"
    corner.server.modify(f"dn: {unit}\nobjectClass: organizationalUnit\n")
    corner.add_people("eve", below=unit)
    eve = corner.server.guid(f"CN=eve,{unit}")
    cursor = cursor_of(scan(silo))
    corner.move(unit, "OU=North", corner.leavers)
    assert gone(scan(silo, cursor)) == {eve: OUT}


def test_a_base_that_was_renamed_fails_the_delta(silo: AdConnector, corner: Corner):
    cursor = cursor_of(scan(silo))
    corner.move(corner.people, "OU=Folk", corner.base)
    with pytest.raises(ScanFailed, match="there is no entry"):
        scan(silo, cursor)


def test_a_deleted_object_is_deleted_and_leaves_its_groups(silo: AdConnector, corner: Corner):
    cursor, ann = cursor_of(scan(silo)), corner.guid("ann")
    corner.delete(corner.person("ann"))
    events = scan(silo, cursor)
    assert gone(events) == {ann: SOFT}
    (staff,) = seen(events, "group").values()
    assert staff["member"] == (corner.person("bob"),)


@pytest.mark.parametrize("is_contact", [True, False])
def test_a_deleted_member_of_no_type_leaves_its_groups_too(
    corner: Corner, way: str, is_contact: bool
):
    corner.add_people("ann", "bob")
    ann = corner.person("ann")
    if is_contact:
        ann = f"CN=Acme,{corner.people}"
        corner.server.modify(f"dn: {ann}\nobjectClass: contact\n")
    corner.add_group("staff", ["bob"])
    corner.change(corner.group("staff"), f"add: member\nmember: {ann}")
    kept = corner.types if is_contact else {"group": corner.types["group"]}
    silo = connect(corner.server, kept, delta=way)
    events = scan(silo)
    (staff,) = seen(events, "group").values()
    assert len(staff["member"]) == 2
    corner.delete(ann)
    (staff,) = seen(scan(silo, cursor_of(events)), "group").values()
    assert staff["member"] == (corner.person("bob"),)


def test_a_deleted_member_leaves_its_groups_where_no_deleted_object_is_shown(corner: Corner):
    corner.add_people("ann", "bob")
    corner.add_group("staff", ["ann", "bob"])
    silo = connect(corner.server, corner.types, delta="usn", user=PLAIN)
    cursor = cursor_of(scan(silo))
    corner.delete(corner.person("ann"))
    events = scan(silo, cursor)
    assert any(isinstance(each, Anchors) for each in events)
    (staff,) = seen(events, "group").values()
    assert staff["member"] == (corner.person("bob"),)


def test_a_deleted_manager_is_nobodys_manager(silo: AdConnector, corner: Corner):
    corner.set("bob", "manager", corner.person("ann"))
    corner.set("zoë", "manager", corner.person("bob"))
    corner.add_group("north", ["bob"], managedBy=corner.person("ann"))
    events = scan(silo)
    known = replayed({}, events)
    bob, north = ("user", corner.guid("bob")), ("group", corner.server.guid(corner.group("north")))
    assert known[bob]["manager"] == known[north]["managedBy"] == corner.person("ann")
    corner.delete(corner.person("ann"))
    changed = scan(silo, cursor_of(events))
    known = replayed(known, changed)
    assert "manager" not in known[bob]
    assert "managedBy" not in known[north]
    assert known == replayed({}, scan(silo))
    told = {each.anchor for each in changed if isinstance(each, Seen | Changed)}
    assert corner.guid("zoë") not in told  # who has a manager lost none, and is not read


def test_a_reference_with_several_values_loses_the_deleted_one(corner: Corner, way: str):
    corner.add_people("ann", "bob", "zoë")
    both = f"{corner.person('ann')}\nseeAlso: {corner.person('bob')}"
    corner.change(corner.person("zoë"), f"add: seeAlso\nseeAlso: {both}")
    types = {"user": {"base": corner.people, "attributes": ["cn", "seeAlso"]}}
    silo = connect(corner.server, types, delta=way)
    events = scan(silo)
    known = replayed({}, events)
    corner.delete(corner.person("ann"))
    assert replayed(known, scan(silo, cursor_of(events))) == replayed({}, scan(silo))


def test_a_restored_object_is_the_same_object(silo: AdConnector, corner: Corner):
    cursor, zoe = cursor_of(scan(silo)), corner.guid("zoë")
    corner.delete(corner.person("zoë"))
    events = scan(silo, cursor)
    assert gone(events) == {zoe: SOFT}
    corner.restore(zoe, corner.person("zora"))
    found = seen(scan(silo, cursor_of(events)))
    assert found[zoe]["dn"] == corner.person("zora")


def test_created_again_under_the_same_name_it_is_another_object(silo: AdConnector, corner: Corner):
    cursor, ann = cursor_of(scan(silo)), corner.guid("ann")
    corner.delete(corner.person("ann"))
    corner.add_people("ann")
    events = scan(silo, cursor)
    assert gone(events) == {ann: SOFT}
    assert seen(events).keys() == {corner.guid("ann")}
    assert corner.guid("ann") != ann


def test_members_that_come_and_go_are_seen(silo: AdConnector, corner: Corner):
    cursor = cursor_of(scan(silo))
    corner.change(
        corner.group("staff"),
        f"add: member\nmember:: {base64_of(corner.person('zoë'))}\n-\n"
        f"delete: member\nmember: {corner.person('ann')}",
    )
    (staff,) = seen(scan(silo, cursor), "group").values()
    assert staff["member"] == (corner.person("bob"), corner.person("zoë"))


def test_a_primary_group_shows_its_members_where_it_is_told_to(corner: Corner, way: str):
    corner.add_people("ann", "bob")
    corner.add_group("staff", ["ann"])
    types = {**corner.types, "group": {**corner.types["group"], "primary_members": "true"}}
    silo = connect(corner.server, types, delta=way)
    events = scan(silo)
    assert members_of(events) == (corner.person("ann"),)
    # it becomes ann's primary group, and the server takes her out of its members
    sid = corner.server.tool("group", "show", corner.account("staff"), "--attributes=objectSid")
    number = sid.strip().rpartition("-")[2]
    corner.set("ann", "primaryGroupID", number)
    assert corner.server.values(corner.group("staff"), "member") == []
    events = scan(silo, cursor_of(events))
    assert members_of(events) == (corner.person("ann"),)
    corner.move(corner.person("ann"), "CN=Ann Lee", corner.people)
    events = scan(silo, cursor_of(events))
    assert members_of(events) == (corner.person("Ann Lee"),)
    assert members_of(scan(silo)) == (corner.person("Ann Lee"),)
    plain = connect(corner.server, corner.types, delta=way)
    assert members_of(scan(plain)) is None


def members_of(events) -> object:
    (staff,) = seen(events, "group").values()
    return staff.get("member")


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_organizational_units_contacts_and_computers_are_types_like_any_other(
    corner: Corner, way: str
):
    types = {name: {"base": corner.base} for name in ("ou", "contact", "computer", "user")}
    silo = connect(corner.server, types, delta=way)
    cursor = cursor_of(scan(silo))
    corner.add_people("ann")
    corner.server.modify(
        f"dn: CN=Acme,{corner.people}\nobjectClass: contact\nmail: info@acme.example\n\n"
        f"dn: CN=pc1,{corner.people}\nobjectClass: computer\n"
        f"sAMAccountName: {corner.name}$\nuserAccountControl: 4096\n\n"
    )
    corner.move(corner.leavers, "OU=Gone", corner.base)
    events = scan(silo, cursor)
    assert [o["dn"] for o in seen(events, "ou").values()] == [f"OU=Gone,{corner.base}"]
    assert [o["mail"] for o in seen(events, "contact").values()] == ["info@acme.example"]
    assert [o["dn"] for o in seen(events).values()] == [corner.person("ann")]
    (computer,) = seen(events, "computer").values()
    assert computer["accountEnabled"] is True
    assert all("accountEnabled" not in o for o in seen(events, "contact").values())


def test_after_all_changes_at_once_a_delta_knows_what_a_full_scan_does(
    silo: AdConnector, corner: Corner
):
    unit = f"OU=North,{corner.people}"
    corner.server.modify(f"dn: {unit}\nobjectClass: organizationalUnit\n")
    corner.add_people("eve", "fay", below=unit)
    corner.add_people("gil", "hal", "ida", "jon", manager=corner.person("bob"))
    corner.add_group("north", ["gil", "hal", "ida"], managedBy=corner.person("ida"))
    corner.change(corner.group("north"), f"add: member\nmember: CN=eve,{unit}")
    events = scan(silo)
    known = replayed({}, events)
    cursor = cursor_of(events)
    corner.move(corner.person("ida"), "CN=ines", corner.people)
    corner.move(unit, "OU=South", corner.people)
    corner.move(corner.person("hal"), "CN=hal", corner.leavers)
    corner.delete(corner.person("gil"))
    corner.add_people("gil", title="New")
    corner.set("zoë", "title", "Boss")
    corner.move(corner.person("bob"), "CN=Bob Lee", f"OU=South,{corner.people}")
    corner.delete(corner.group("staff"))
    corner.add_group("later", ["ann"])
    changed = replayed(known, scan(silo, cursor))
    assert changed == replayed({}, scan(silo))
    assert changed != known


def replayed(known: dict, events: list[ScanEvent]) -> dict:
    """Return what is known of each object after a scan."""
    known = dict(known)
    for event in events:
        if isinstance(event, Seen):
            known[event.type, event.anchor] = event.attributes
        elif isinstance(event, Changed):
            assert (event.set, event.added, event.removed) == ({}, {}, {})
            held = known[event.type, event.anchor]
            known[event.type, event.anchor] = {n: held[n] for n in held if n not in event.cleared}
        elif isinstance(event, Deleted):
            known.pop((event.type, event.anchor), None)
        else:
            assert isinstance(event, Complete), event
    return known


# --- what only one of the ways does ------------------------------------------------------------


def test_dirsync_does_not_tell_of_attributes_that_are_not_read(corner: Corner):
    corner.add_people("ann")
    silo = connect(corner.server, corner.types, delta="dirsync")
    cursor = cursor_of(scan(silo))
    corner.set("ann", "info", "x")
    assert [type(e) for e in scan(silo, cursor)] == [Complete]


def test_dirsync_of_all_attributes_tells_of_every_change(corner: Corner):
    corner.add_people("ann")
    types = {"user": {"base": corner.people}}
    silo = connect(corner.server, types, delta="dirsync")
    events = scan(silo)
    (ann,) = seen(events).values()
    assert ann["accountEnabled"] is True
    assert "lastLogon" not in ann
    assert "objectGUID" not in ann
    corner.set("ann", "info", "x")
    (ann,) = seen(scan(silo, cursor_of(events))).values()
    assert ann["info"] == "x"


def test_a_type_in_users_of_the_domain_is_found_too(corner: Corner):
    silo = connect(corner.server, {"user": {"base": USERS, "attributes": USER}})
    assert "Administrator" in {o["sAMAccountName"] for o in seen(scan(silo)).values()}
