"""Bringing deleted objects of Active Directory back, tried against Samba."""

from collections.abc import Mapping

import pytest

from hypersync.model.objects import Attributes, Conflict, Operation, Outcome, Refused, Succeeded
from tests.ad_silos import Corner
from tests.integration.test_ad_write import Silo, refused, succeeded
from tests.samba import Samba, entry


@pytest.fixture
def silo(domain_controller: Samba) -> Silo:
    return Silo(Corner.new(domain_controller))


def read(silo: Silo, anchor: str, kind: str = "user") -> Attributes:
    types = {each.name: each for stream in silo.connector.streams() for each in stream}
    with silo.connector.open() as session:
        found = session.read(types[kind], anchor)
    assert found is not None
    return found.attributes


def restore(silo: Silo, anchor: str, after: Attributes, kind: str = "user") -> Outcome:
    (outcome,) = silo.apply(silo.change(Operation.CREATE, anchor, None, after, kind=kind))
    return outcome


def deleted(silo: Silo, anchor: str, kind: str = "user") -> Mapping[str, object]:
    """Delete an object as a rule does; return what it was like."""
    was = read(silo, anchor, kind)
    assert silo.delete(anchor, kind=kind) == Succeeded(None)
    assert silo.delete(anchor, kind=kind) == Succeeded(None)
    return was


def test_an_account_comes_back_as_itself_and_disabled_because_its_password_is_lost(silo: Silo):
    silo.corner.add_people("bob")
    manager = silo.corner.person("bob")
    silo.corner.add_people("ann", title="Clerk", department="IT", manager=manager)
    anchor = silo.corner.guid("ann")
    (sid,) = silo.server.values(silo.corner.person("ann"), "objectSid")
    was = deleted(silo, anchor)
    outcome = restore(silo, anchor, was)
    left_out = {"accountEnabled": False, "userAccountControl": "514", "pwdLastSet": None}
    expected = {**was, **left_out}
    assert succeeded(outcome) == {name: value for name, value in expected.items() if value} | {
        "accountEnabled": False
    }
    assert silo.corner.guid("ann") == anchor
    assert silo.server.values(silo.corner.person("ann"), "objectSid") == [sid]
    assert silo.control("ann") == ["514"]
    assert restore(silo, anchor, was) == outcome


def test_groups_contacts_and_units_come_back(silo: Silo):
    silo.corner.add_people("ann")
    silo.corner.add_group("staff", ["ann"], description="all of us")
    group = silo.server.guid(silo.corner.group("staff"))
    was = {**deleted(silo, group, "group"), "member": (silo.corner.person("ann"),)}
    staff = succeeded(restore(silo, group, was, "group"))
    assert (staff["description"], staff["member"]) == ("all of us", was["member"])
    unit = f"OU=North,{silo.corner.base}"
    silo.server.modify(
        entry(unit, {"objectClass": "organizationalUnit", "description": "cold"})
        + entry(f"CN=fritz,{unit}", {"objectClass": "contact", "mail": "fritz@example.org"})
    )
    contact, north = silo.server.guid(f"CN=fritz,{unit}"), silo.server.guid(unit)
    fritz, cold = deleted(silo, contact, "contact"), deleted(silo, north, "ou")
    assert f"no entry {unit} to restore it to" in refused(restore(silo, contact, fritz, "contact"))
    assert succeeded(restore(silo, north, cold, "ou"))["description"] == "cold"
    assert succeeded(restore(silo, contact, fritz, "contact"))["mail"] == "fritz@example.org"


def test_a_reference_to_what_is_gone_is_left_out(silo: Silo):
    silo.corner.add_people("bob")
    silo.corner.add_people("ann", title="Clerk", manager=silo.corner.person("bob"))
    anchor = silo.corner.guid("ann")
    was = deleted(silo, anchor)
    silo.corner.delete(silo.corner.person("bob"))
    ann = succeeded(restore(silo, anchor, was))
    assert "manager" not in ann
    assert ann["title"] == "Clerk"


def test_what_is_in_the_way_is_said(silo: Silo):
    silo.corner.add_people("ann", title="Clerk")
    anchor = silo.corner.guid("ann")
    was = deleted(silo, anchor)
    silo.corner.add_people("ann")
    taken = restore(silo, anchor, was)
    assert isinstance(taken, Conflict | Refused)
    silo.corner.delete(silo.corner.person("ann"))
    succeeded(restore(silo, anchor, was))
    silo.corner.set("ann", "title", "Boss")
    again = restore(silo, anchor, was)
    assert isinstance(again, Conflict)
    assert again.why == "it is there again, with other values: title"
    assert silo.server.values(silo.corner.person("ann"), "title") == ["Boss"]


def test_what_nobody_deleted_is_not_restored(silo: Silo):
    gone = "00000000-0000-4000-8000-000000000000"
    reason = refused(restore(silo, gone, {"dn": silo.corner.person("ann")}))
    assert "not among the deleted objects" in reason
    assert "needs its place" in refused(restore(silo, gone, {"title": "Clerk"}))
    assert isinstance(restore(silo, "nonsense", {"dn": silo.corner.person("ann")}), Refused)
