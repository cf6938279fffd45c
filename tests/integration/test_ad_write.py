"""What is written to Active Directory, tried against Samba as a domain controller."""

import base64
import logging
from dataclasses import replace

import pytest

from hypersync.connectors.ad.connector import AdConnector
from hypersync.connectors.ad.values import sid_text
from hypersync.model.objects import (
    Attributes,
    Change,
    Conflict,
    Member,
    Operation,
    Outcome,
    Refused,
    Succeeded,
)
from tests.ad_silos import Corner, connect
from tests.samba import PLAIN, USERS, Samba, person

FIRST, SECOND = "First-Passw0rd!", "Second-Passw0rd!"
TYPES = ("user", "group", "contact", "computer", "ou")
NAMED = [
    "accountExpires",
    "departmentNumber",
    "description",
    "manager",
    "otherTelephone",
    "pwdLastSet",
    "sAMAccountName",
    "telephoneNumber",
    "title",
    "userAccountControl",
]


class Silo:
    """A corner of the domain as a silo that is written, and what is done to it."""

    def __init__(self, corner: Corner, **options: object) -> None:
        self.corner = corner
        self.server = corner.server
        bases = {"group": corner.groups, "ou": corner.base}
        types = {name: {"base": bases.get(name, corner.people)} for name in TYPES}
        types["user"]["attributes"] = NAMED  # type: ignore[assignment] # of options
        given = {
            "url": self.server.tls_url,
            "tls": {"ca_file": str(self.server.certificate)},
            "write": True,
            **options,
        }
        self.connector: AdConnector = connect(self.server, types, **given)

    def change(
        self,
        operation: Operation,
        anchor: str | None,
        before: Attributes | None,
        after: Attributes | None,
        *,
        kind: str = "user",
    ) -> Change:
        types = {each.name: each for stream in self.connector.streams() for each in stream}
        return Change(
            key="key",
            operation=operation,
            type=types[kind],
            anchor=anchor,
            before=before,
            after=after,
        )

    def apply(self, *changes: Change) -> list[Outcome]:
        with self.connector.open() as session:
            return list(session.apply(changes))

    def create(self, name: str, *, kind: str = "user", **after: object) -> Outcome:
        place = self.corner.group(name) if kind == "group" else self.corner.person(name)
        values = {"dn": place, **after}
        (outcome,) = self.apply(self.change(Operation.CREATE, None, None, values, kind=kind))  # type: ignore[arg-type] # values of ours
        return outcome

    def update(self, name: str, before: Attributes, after: Attributes) -> Outcome:
        anchor = self.corner.guid(name)
        (outcome,) = self.apply(self.change(Operation.UPDATE, anchor, before, after))
        return outcome

    def switch(self, name: str, *, on: bool) -> Outcome:
        operation = Operation.ENABLE if on else Operation.DISABLE
        before, after = {"accountEnabled": not on}, {"accountEnabled": on}
        (outcome,) = self.apply(self.change(operation, self.corner.guid(name), before, after))
        return outcome

    def move(self, name: str, target: str) -> Outcome:
        before = {"dn": self.corner.person(name)}
        change = self.change(Operation.MOVE, self.corner.guid(name), before, {"dn": target})
        return self.apply(change)[0]

    def known_member(self, name: str) -> Member:
        types = {each.name: each for stream in self.connector.streams() for each in stream}
        return Member(types["user"], self.corner.guid(name))

    def member(
        self, operation: Operation, group: str, member: str, *, known: Member | None = None
    ) -> Outcome:
        held = {"member": member}
        before, after = (None, held) if operation is Operation.ADD_MEMBER else (held, None)
        anchor = self.server.guid(group)
        change = self.change(operation, anchor, before, after, kind="group")
        return self.apply(replace(change, member=known))[0]

    def delete(self, anchor: str, *, kind: str = "user") -> Outcome:
        return self.apply(self.change(Operation.DELETE, anchor, {}, None, kind=kind))[0]

    def control(self, name: str) -> list[str]:
        return self.server.values(self.corner.person(name), "userAccountControl")


@pytest.fixture
def corner(domain_controller: Samba) -> Corner:
    return Corner.new(domain_controller)


@pytest.fixture
def silo(corner: Corner) -> Silo:
    return Silo(corner)


def succeeded(outcome: Outcome) -> Attributes:
    assert isinstance(outcome, Succeeded), outcome
    assert outcome.object is not None
    return outcome.object.attributes


def refused(outcome: Outcome) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


# --- creating ----------------------------------------------------------------------------------


def test_an_account_is_made_with_its_password_and_is_enabled(silo: Silo):
    account = silo.corner.account("ann")
    outcome = silo.create(
        "ann", sAMAccountName=account, userPrincipalName=f"{account}@hs.test", unicodePwd=FIRST
    )
    assert succeeded(outcome)["accountEnabled"] is True
    assert silo.control("ann") == ["512"]
    assert silo.server.has_password(f"{account}@hs.test", FIRST)


def test_password_is_another_name_of_the_password_of_a_new_account(silo: Silo):
    account = silo.corner.account("ann")
    name = f"{account}@hs.test"
    both = silo.create("ann", sAMAccountName=account, unicodePwd=FIRST, password=SECOND)
    assert "not both" in refused(both)
    made = silo.create("ann", sAMAccountName=account, userPrincipalName=name, password=FIRST)
    assert succeeded(made)["accountEnabled"] is True
    assert silo.server.has_password(name, FIRST)
    again = silo.create("ann", sAMAccountName=account, userPrincipalName=name, password=SECOND)
    assert succeeded(again) == succeeded(made)


def test_making_an_account_again_keeps_its_first_password(silo: Silo):
    account = silo.corner.account("ann")
    first = silo.create("ann", sAMAccountName=account, unicodePwd=FIRST)
    assert silo.create("ann", sAMAccountName=account, unicodePwd=SECOND) == first
    assert silo.server.has_password(silo.corner.person("ann"), FIRST)
    assert not silo.server.has_password(silo.corner.person("ann"), SECOND)


def test_an_account_without_a_password_is_made_disabled(silo: Silo):
    assert succeeded(silo.create("ann"))["accountEnabled"] is False
    assert silo.control("ann") == ["514"]


def test_an_account_that_is_to_be_enabled_needs_a_password(silo: Silo):
    assert "needs a password" in refused(silo.create("ann", accountEnabled=True))
    assert "needs a password" in refused(silo.create("ann", userAccountControl="512"))
    assert silo.server.search(silo.corner.people, "(cn=ann)") == ""


def test_an_account_may_be_made_disabled_with_a_password_that_must_be_changed(silo: Silo):
    outcome = silo.create("ann", accountEnabled="false", unicodePwd=FIRST, pwdLastSet="0")
    assert succeeded(outcome)["accountEnabled"] is False
    assert silo.control("ann") == ["514"]
    assert silo.server.values(silo.corner.person("ann"), "pwdLastSet") == ["0"]
    assert succeeded(silo.switch("ann", on=True))["accountEnabled"] is True


@pytest.mark.parametrize("password", ["x", "aaaaaaaaaaaaaaaa"])
def test_a_password_against_the_policy_makes_no_account(silo: Silo, password: str):
    reason = refused(silo.create("ann", unicodePwd=password))
    assert "password policy of the domain" in reason
    assert "0000052D" in reason
    assert silo.server.search(silo.corner.people, "(cn=ann)") == ""


def test_a_password_goes_over_tls_only(silo: Silo):
    in_clear = Silo(silo.corner, url=silo.server.url, tls={})
    reason = refused(in_clear.create("ann", unicodePwd=FIRST))
    assert "over TLS only" in reason
    assert silo.server.search(silo.corner.people, "(cn=ann)") == ""
    started = Silo(
        silo.corner,
        url=silo.server.url,
        tls={"start": "true", "ca_file": str(silo.server.certificate)},
    )
    succeeded(started.create("ann", unicodePwd=FIRST))
    assert silo.server.has_password(silo.corner.person("ann"), FIRST)


@pytest.mark.parametrize("name", ["userPassword", "unicodePwd"])
def test_what_is_no_way_to_set_a_password_is_refused(silo: Silo, name: str):
    silo.corner.add_people("ann")
    reason = refused(silo.update("ann", {}, {name: SECOND}))
    assert "unicodePwd" in reason
    assert SECOND not in reason
    assert silo.server.values(silo.corner.person("ann"), "userPassword") == []
    assert "everybody could read it" in refused(silo.create("bob", userPassword=SECOND))


def test_a_password_stays_out_of_everything_that_is_said(
    silo: Silo, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    account = silo.corner.account("ann")
    outcomes = [
        silo.create("ann", sAMAccountName=account, unicodePwd=FIRST),
        silo.create("bob", sAMAccountName=account, unicodePwd=FIRST),
        silo.create("eve", tilte="x", unicodePwd=FIRST),
        silo.update("ann", {}, {"unicodePwd": FIRST}),
    ]
    assert [type(each) for each in outcomes] == [Succeeded, Refused, Refused, Refused]
    assert FIRST not in f"{outcomes}{caplog.text}"


def test_groups_contacts_computers_and_units_are_made(silo: Silo):
    assert silo.create("staff", kind="group", sAMAccountName=silo.corner.account("staff"))
    contact = succeeded(silo.create("fritz", kind="contact", mail="fritz@example.org"))
    assert contact["mail"] == "fritz@example.org"
    number = silo.corner.account("pc")[:14].upper() + "$"
    computer = succeeded(silo.create("pc", kind="computer", sAMAccountName=number))
    assert computer["accountEnabled"] is False
    assert silo.control("pc") == ["4098"]
    unit = {"dn": f"OU=North,{silo.corner.base}"}
    outcome = silo.apply(silo.change(Operation.CREATE, None, None, unit, kind="ou"))[0]
    assert succeeded(outcome)["ou"] == "North"
    assert silo.server.guid(silo.corner.group("staff"))
    reason = refused(silo.create("hans", kind="contact", unicodePwd=FIRST))
    assert reason == "a contact has neither a password nor an enabled state"


def test_why_nothing_was_made_is_said(silo: Silo):
    account = silo.corner.account("ann")
    succeeded(silo.create("ann", sAMAccountName=account, userPrincipalName="ann@hs.test"))
    assert "in use by another object" in refused(silo.create("bob", sAMAccountName=account))
    assert "in use by another" in refused(silo.create("bob", userPrincipalName="ann@hs.test"))
    nowhere = {"dn": f"CN=bob,OU=Nowhere,{silo.corner.people}"}
    (outcome,) = silo.apply(silo.change(Operation.CREATE, None, None, nowhere))
    assert f"no entry OU=Nowhere,{silo.corner.people} to create it in" in refused(outcome)
    assert "has no attribute 'tilte'" in refused(silo.create("bob", tilte="Clerk"))
    assert "read-only" in refused(silo.create("bob", whenCreated="2020-01-01T00:00:00Z"))
    assert "its class does not have" in refused(silo.create("bob", uNCName="x"))


def test_the_second_library_writes_just_so(silo: Silo):
    other = Silo(silo.corner, wire="c")
    succeeded(other.create("ann", unicodePwd=FIRST))
    assert silo.server.has_password(silo.corner.person("ann"), FIRST)
    assert succeeded(other.update("ann", {"title": None}, {"title": "Clerk"}))["title"] == "Clerk"
    assert succeeded(other.switch("ann", on=False))["accountEnabled"] is False
    assert other.delete(silo.corner.guid("ann")) == Succeeded(None)


# --- enabling ----------------------------------------------------------------------------------


def test_disabling_and_enabling_change_one_bit_and_do_no_harm_twice(silo: Silo):
    silo.corner.add_people("ann", userAccountControl="66048")
    for on, control in ((False, "66050"), (False, "66050"), (True, "66048"), (True, "66048")):
        assert succeeded(silo.switch("ann", on=on))["accountEnabled"] is on
        assert silo.control("ann") == [control]


def test_an_account_anybody_could_sign_in_to_is_not_enabled(silo: Silo):
    silo.corner.server.modify(f"dn: {silo.corner.person('ann')}\nobjectClass: user\n")
    assert silo.control("ann") == ["546"]
    assert "PASSWD_NOTREQD" in refused(silo.switch("ann", on=True))
    assert silo.control("ann") == ["546"]


def test_what_has_no_enabled_state_is_not_switched(silo: Silo):
    silo.corner.add_group("staff")
    anchor = silo.server.guid(silo.corner.group("staff"))
    change = silo.change(Operation.DISABLE, anchor, {}, {"accountEnabled": False}, kind="group")
    assert "has no enabled state" in refused(silo.apply(change)[0])


# --- attributes --------------------------------------------------------------------------------


def test_attributes_are_set_and_cleared_and_an_empty_text_is_none(silo: Silo):
    silo.corner.add_people("ann", title="Clerk", description="old")
    before = {"title": "Clerk", "description": "old", "telephoneNumber": None}
    after = {"title": "", "description": None, "telephoneNumber": "+33 1"}
    ann = succeeded(silo.update("ann", before, after))
    assert {name: ann.get(name) for name in after} == {
        "title": None,
        "description": None,
        "telephoneNumber": "+33 1",
    }


def test_several_values_are_changed_one_by_one(silo: Silo):
    silo.corner.add_people("ann")
    succeeded(silo.update("ann", {}, {"otherTelephone": ("1", "", "2")}))
    silo.corner.change(silo.corner.person("ann"), "add: otherTelephone\notherTelephone: 9")
    assert isinstance(
        silo.update("ann", {"otherTelephone": ("1", "2")}, {"otherTelephone": ("2", "3")}), Conflict
    )
    before, after = ("1", "2", "9"), ("2", "3", "9")
    ann = succeeded(silo.update("ann", {"otherTelephone": before}, {"otherTelephone": after}))
    assert ann["otherTelephone"] == after


def test_times_are_written_as_they_are_read_and_none_is_never(silo: Silo):
    silo.corner.add_people("ann")
    end = "2031-05-01T00:00:00Z"
    ann = succeeded(silo.update("ann", {"accountExpires": None}, {"accountExpires": end}))
    assert ann["accountExpires"] == end
    assert silo.server.values(silo.corner.person("ann"), "accountExpires") == ["135798336000000000"]
    ann = succeeded(silo.update("ann", {"accountExpires": end}, {"accountExpires": None}))
    assert "accountExpires" not in ann
    assert silo.server.values(silo.corner.person("ann"), "accountExpires") == ["0"]
    assert "no time" in refused(silo.update("ann", {}, {"accountExpires": "soon"}))


def test_names_of_objects_are_equal_however_they_are_spelled(silo: Silo):
    silo.corner.add_people("bob", "eve")
    silo.corner.add_people("ann", manager=silo.corner.person("bob"))
    spelled = silo.corner.person("bob").lower().replace(",ou=", ", ou=")
    ann = succeeded(silo.update("ann", {}, {"manager": spelled}))
    assert ann["manager"] == silo.corner.person("bob")
    after = {"manager": silo.corner.person("eve")}
    assert succeeded(silo.update("ann", {"manager": spelled}, after))["manager"] == after["manager"]
    nobody = {"manager": silo.corner.person("nobody")}
    assert "an object that is not there" in refused(silo.update("ann", after, nobody))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("memberOf", f"CN=Domain Admins,{USERS}", "read-only"),
        ("whenCreated", "2020-01-01T00:00:00Z", "read-only"),
        ("cn", "eve", "part of the name"),
        ("title", "x" * 200, "does not fit its attribute"),
        ("uNCName", "x", "its class does not have one of the attributes"),
        ("tilte", "x", "the schema of the domain has no attribute 'tilte'"),
        ("dn", f"CN=eve,{USERS}", "the dn changes by a move or a rename only"),
    ],
)
def test_what_cannot_be_written_is_refused_in_words(silo: Silo, name: str, value: str, why: str):
    silo.corner.add_people("ann")
    assert why in refused(silo.update("ann", {}, {name: value}))


# --- moving ------------------------------------------------------------------------------------


def test_objects_are_moved_and_renamed(silo: Silo):
    silo.corner.add_people("ann")
    anchor = silo.corner.guid("ann")
    target = f"CN=Ann Lee,{silo.corner.leavers}"
    assert succeeded(silo.move("ann", target))["dn"] == target
    assert silo.server.guid(target) == anchor


def test_why_nothing_was_moved_is_said(silo: Silo):
    silo.corner.add_people("ann", "bob")
    nowhere = f"OU=Nowhere,{silo.corner.people}"
    reason = refused(silo.move("ann", f"CN=ann,{nowhere}"))
    assert reason == f"there is no entry {nowhere} to move it to"
    taken = silo.move("ann", silo.corner.person("bob"))
    assert isinstance(taken, Conflict)
    assert taken.why == f"{silo.corner.person('bob')} is there already"


# --- memberships -------------------------------------------------------------------------------


def test_a_member_that_moved_away_is_neither_added_nor_removed(silo: Silo):
    silo.corner.add_people("ann", "bob")
    silo.corner.add_group("staff", ["ann"])
    silo.corner.move(silo.corner.person("ann"), "CN=ann", silo.corner.leavers)
    for operation in (Operation.ADD_MEMBER, Operation.REMOVE_MEMBER):
        outcome = silo.member(operation, silo.corner.group("staff"), silo.corner.person("ann"))
        assert isinstance(outcome, Conflict)
        assert "moved, renamed or deleted" in outcome.why
    members = silo.server.values(silo.corner.group("staff"), "member")
    assert members == [f"CN=ann,{silo.corner.leavers}"]


def test_a_member_is_told_by_its_guid_whoever_has_its_name(silo: Silo):
    silo.corner.add_people("ann", "bob")
    silo.corner.add_group("staff", ["ann"])
    ann, bob = (silo.known_member(name) for name in ("ann", "bob"))
    staff = silo.corner.group("staff")
    for name in ("ann", "bob"):
        silo.corner.move(silo.corner.person(name), f"CN={name}", silo.corner.leavers)
        account = silo.corner.account(f"x{name}")
        silo.server.modify(
            person(
                name,
                below=silo.corner.people,
                sAMAccountName=account,
                userPrincipalName=f"{account}@hs.test",
            )
        )
    outcome = silo.member(Operation.ADD_MEMBER, staff, silo.corner.person("bob"), known=bob)
    assert isinstance(outcome, Conflict)
    assert "was renamed or moved" in outcome.why
    assert silo.server.values(staff, "member") == [f"CN=ann,{silo.corner.leavers}"]
    remove = silo.member(Operation.REMOVE_MEMBER, staff, silo.corner.person("ann"), known=ann)
    assert "member" not in succeeded(remove)
    assert silo.server.values(staff, "member") == []


def test_a_member_with_its_guid_is_added_and_removed_again_and_again(silo: Silo):
    silo.corner.add_people("ann")
    silo.corner.add_group("staff")
    ann, staff = silo.corner.person("ann"), silo.corner.group("staff")
    known = silo.known_member("ann")
    for _ in range(2):
        added = silo.member(Operation.ADD_MEMBER, staff, ann, known=known)
        assert succeeded(added)["member"] == (ann,)
    for _ in range(2):
        removed = silo.member(Operation.REMOVE_MEMBER, staff, ann, known=known)
        assert "member" not in succeeded(removed)


def test_the_primary_group_is_left_in_peace(silo: Silo):
    silo.corner.add_people("ann")
    everybody, ann = f"CN=Domain Users,{USERS}", silo.corner.person("ann")
    reason = refused(silo.member(Operation.REMOVE_MEMBER, everybody, ann))
    assert reason == (
        f"{everybody} is the primary group of {ann}; give it another primary group first"
    )
    assert "primary_members: true" in refused(silo.member(Operation.ADD_MEMBER, everybody, ann))


def test_a_member_is_told_by_its_name_however_it_is_spelled(silo: Silo):
    silo.corner.add_people("ann")
    silo.corner.add_group("staff", ["ann"])
    spelled = silo.corner.person("ann").upper()
    staff = silo.corner.group("staff")
    assert succeeded(silo.member(Operation.ADD_MEMBER, staff, spelled))["member"] == (
        silo.corner.person("ann"),
    )
    assert "member" not in succeeded(silo.member(Operation.REMOVE_MEMBER, staff, spelled))


# --- deleting ----------------------------------------------------------------------------------


def test_what_has_others_below_it_is_not_deleted(silo: Silo):
    silo.corner.add_people("ann")
    anchor = silo.server.guid(silo.corner.people)
    reason = refused(silo.delete(anchor, kind="ou"))
    assert "it has objects below it" in reason
    assert silo.corner.guid("ann")


# --- rights ------------------------------------------------------------------------------------


def test_an_account_without_rights_is_told_so(silo: Silo):
    silo.corner.add_people("ann", title="Clerk")
    silo.corner.add_group("staff")
    ann, anchor = silo.corner.person("ann"), silo.corner.guid("ann")
    staff = silo.server.guid(silo.corner.group("staff"))
    plain = Silo(silo.corner, user=PLAIN)
    elsewhere = {"dn": f"CN=ann,{silo.corner.leavers}"}
    outcomes = plain.apply(
        plain.change(Operation.CREATE, None, None, {"dn": silo.corner.person("new")}),
        plain.change(Operation.UPDATE, anchor, {"title": "Clerk"}, {"title": "Boss"}),
        plain.change(Operation.DISABLE, anchor, {}, {"accountEnabled": False}),
        plain.change(Operation.MOVE, anchor, {"dn": ann}, elsewhere),
        plain.change(Operation.ADD_MEMBER, staff, None, {"member": ann}, kind="group"),
        plain.change(Operation.DELETE, anchor, {}, None),
    )
    for outcome in outcomes:
        assert "has not the right" in refused(outcome)
    assert silo.server.values(ann, "title") == ["Clerk"]


USER_CLASS = "bf967aba-0de6-11d0-a285-00aa003049e2"
GROUP_CLASS = "bf967a9c-0de6-11d0-a285-00aa003049e2"
RESET_PASSWORD = "00299570-246d-11d0-a768-00aa006e0529"  # noqa: S105 - the name of a right
MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2"


def test_an_account_with_the_rights_of_the_how_to_does_its_work_and_no_more(silo: Silo):
    """docs/how-to/active-directory.md lists these rights."""
    name = silo.corner.account("writer")
    silo.server.modify(
        person(name, below=USERS) + person(f"{name}2", below=USERS, description="elsewhere")
    )
    sid = sid_text(base64.b64decode(silo.server.values(f"CN={name},{USERS}", "objectSid")[0]))
    rights = (
        f"(OA;CI;CCDC;{USER_CLASS};;{sid})"
        f"(OA;CIIO;RPWP;;{USER_CLASS};{sid})"
        f"(OA;CIIO;CR;{RESET_PASSWORD};{USER_CLASS};{sid})"
        f"(OA;CIIO;RPWP;{MEMBER};{GROUP_CLASS};{sid})"
    )
    silo.server.tool("dsacl", "set", f"--objectdn={silo.corner.base}", f"--sddl={rights}")
    silo.corner.add_group("staff")
    own = Silo(silo.corner, user=f"{name}@hs.test")
    ann, staff = silo.corner.person("ann"), silo.corner.group("staff")
    succeeded(own.create("ann", sAMAccountName=silo.corner.account("ann"), unicodePwd=FIRST))
    assert silo.server.has_password(ann, FIRST)
    succeeded(own.update("ann", {"title": None}, {"title": "Clerk"}))
    assert succeeded(own.switch("ann", on=False))["accountEnabled"] is False
    assert succeeded(own.member(Operation.ADD_MEMBER, staff, ann))["member"] == (ann,)
    assert "has not the right" in refused(own.create("team", kind="group"))
    anchor = silo.corner.guid("ann")
    succeeded(own.move("ann", f"CN=ann,{silo.corner.leavers}"))
    assert own.delete(anchor) == Succeeded(None)
    other = silo.server.guid(f"CN={name}2,{USERS}")
    change = own.change(Operation.UPDATE, other, {"description": "elsewhere"}, {"description": "x"})
    assert "has not the right" in refused(own.apply(change)[0])
