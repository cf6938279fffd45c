"""What takes an action back, and when it may be taken back."""

from __future__ import annotations

import pytest

from hypersync.model.actions import Action, ActionState, is_undo, undo_name, undone_rule
from hypersync.model.ids import ActionId, IdentityId, ObjectId, RunId
from hypersync.model.objects import EnabledSpec, ObjectType, Operation
from hypersync.pipeline.passwords import MARK
from hypersync.pipeline.undo.inverse import (
    Ability,
    Because,
    Found,
    Inverse,
    Kept,
    inverse,
    is_same,
    still_to_undo,
    undone_by,
    with_what_is_there,
)
from hypersync.pipeline.undo.irreversible import irreversible, is_irreversible

KIND = ObjectType(silo="ad", name="user", enabled=EnabledSpec("active", "yes", "no"))
ABLE = Ability(kind=KIND, anchor="uid", recreates=True)


def action(operation, before=None, after=None, **more):
    known = {
        "id": ActionId("a"),
        "run": RunId("r"),
        "rule": "rule",
        "identity": IdentityId(1),
        "object_id": ObjectId(1),
        "silo": "ad",
        "type": "user",
        "anchor": "u1",
        "slot": "account",
        "key": "rule|1|1",
        "state": ActionState.SUCCEEDED,
        "fingerprint": "f",
    }
    return Action(operation=operation, before=before, after=after, **(known | more))


def found(attributes=None, **more):
    return Found(
        **({"id": ObjectId(1), "identity": IdentityId(1), "slot": "account"} | more),
        attributes=attributes or {},
    )


INVERSES = [
    ("update", {"t": "a", "m": None}, {"t": "b", "m": "x"}, "update", {"t": "a", "m": None}),
    ("move", {"dn": "cn=a,o=x"}, {"dn": "cn=a,o=y"}, "move", {"dn": "cn=a,o=x"}),
    ("rename", {"dn": "cn=a,o=x"}, {"dn": "cn=b,o=x"}, "rename", {"dn": "cn=a,o=x"}),
    ("disable", {"active": "yes"}, {"active": "no"}, "enable", {"active": "yes"}),
    ("enable", {"active": "no"}, {"active": "yes"}, "disable", {"active": "no"}),
    ("disable", {"active": "odd"}, {"active": "no"}, "update", {"active": "odd"}),
    ("disable", {"active": None}, {"active": "no"}, "update", {"active": None}),
    ("add_member", None, {"member": "u1"}, "remove_member", None),
    ("remove_member", {"member": "u1"}, None, "add_member", {"member": "u1"}),
    ("create", None, {"uid": "u1", "t": "a"}, "delete", None),
    ("delete", {"t": "a"}, None, "create", {"t": "a", "uid": "u1"}),
]


@pytest.mark.parametrize(("done", "before", "after", "operation", "written"), INVERSES)
def test_inverse_writes_what_was_there_over_what_was_written(
    done, before, after, operation, written
):
    took = inverse(action(Operation(done), before, after), ABLE)
    assert isinstance(took, Inverse)
    assert took.operation is Operation(operation)
    assert took.before == after
    assert took.after == written


def test_update_that_stored_no_old_value_clears_it():
    took = inverse(action(Operation.UPDATE, {}, {"t": "b"}), ABLE)
    assert isinstance(took, Inverse)
    assert took.after == {"t": None}


def test_deleting_what_was_created_looks_at_given_names_but_not_at_passwords():
    made = action(Operation.CREATE, None, {"t": "a"}, once={"uid": "u1", "secret": MARK})
    took = inverse(made, ABLE)
    assert isinstance(took, Inverse)
    assert took.before == {"t": "a", "uid": "u1"}


def test_restored_object_says_what_it_comes_back_without():
    gone = action(Operation.DELETE, {"t": "a"}, None)
    whole = inverse(gone, ABLE)
    read = ObjectType(silo="ad", name="g", attributes=frozenset({"t"}), members="member")
    part = inverse(gone, Ability(kind=read, recreates=True))
    assert isinstance(whole, Inverse)
    assert isinstance(part, Inverse)
    assert whole.loses == "comes back without passwords"
    assert (
        part.loses == "comes back without attributes that are not read, its members and passwords"
    )


@pytest.mark.parametrize("before", [None, {}])
def test_deleted_object_of_which_nothing_is_stored_stays_gone(before):
    took = inverse(action(Operation.DELETE, before, None), ABLE)
    assert took == Kept(Because.IRREVERSIBLE, "what the object was like is not stored")


# --- what nothing takes back -------------------------------------------------------------------


def test_events_and_deletes_in_silos_that_do_not_bring_back_are_irreversible():
    reversible = {each for each in Operation if not is_irreversible(each, recreates=False)}
    assert set(Operation) - reversible == {Operation.EVENT, Operation.DELETE}
    assert is_irreversible(Operation.DELETE, recreates=True) == ""
    assert is_irreversible(Operation.EVENT, recreates=True) != ""


@pytest.mark.parametrize("operation", [Operation.EVENT, Operation.DELETE])
def test_irreversible_action_has_no_inverse(operation):
    took = inverse(action(operation, {"t": "a"}, None), Ability(kind=KIND))
    assert isinstance(took, Kept)
    assert took.because is Because.IRREVERSIBLE


def test_irreversible_actions_are_counted_by_operation():
    counts = {
        ("ad", "user", Operation.DELETE): 3,
        ("app", "user", Operation.DELETE): 4,
        ("app", "group", Operation.DELETE): 2,
        ("app", "user", Operation.UPDATE): 32,
        ("", "", Operation.EVENT): 1,
    }
    made = irreversible(counts, {("app", "user")})
    assert (made.count, made.of) == (6, 42)
    assert str(made) == "6 of 42 cannot be undone (5 delete, 1 event)"
    users = {("app", "user", Operation.DELETE): 4}
    assert str(irreversible(users, {("app", "user")})) == ""
    assert str(irreversible({}, ())) == ""


# --- whether it may be taken back now ----------------------------------------------------------

UPDATE = Inverse(operation=Operation.UPDATE, before={"t": "b"}, after={"t": "a"})


def test_unchanged_object_is_written_with_its_values_as_they_are_stored():
    took = with_what_is_there(
        Inverse(operation=Operation.UPDATE, before={"n": 5}, after={"n": None}),
        found({"n": "5", "other": "x"}),
        ABLE,
    )
    assert isinstance(took, Inverse)
    assert took.before == {"n": "5"}


def test_what_somebody_changed_since_stays():
    took = with_what_is_there(UPDATE, found({"t": "c"}), ABLE)
    assert took == Kept(Because.CHANGED, "changed since: t")


def test_what_somebody_cleared_since_stays():
    assert with_what_is_there(UPDATE, found({}), ABLE) == Kept(Because.CHANGED, "changed since: t")


@pytest.mark.parametrize(
    ("absence", "because"),
    [
        ("gone", Because.CHANGED),
        ("soft", Because.CHANGED),
        ("absent", Because.CHANGED),
        ("invalid", Because.UNKNOWN),
        ("out_of_scope", Because.UNKNOWN),
    ],
)
def test_object_that_is_not_there_is_not_written(absence, because):
    took = with_what_is_there(UPDATE, found({"t": "b"}, absence=absence), ABLE)
    assert isinstance(took, Kept)
    assert took.because is because


def test_object_that_is_not_in_the_store_is_not_written():
    took = with_what_is_there(UPDATE, None, ABLE)
    assert isinstance(took, Kept)
    assert took.because is Because.UNKNOWN


def test_attribute_that_is_no_longer_read_is_not_written():
    kind = ObjectType(silo="ad", name="user", attributes=frozenset({"other"}))
    took = with_what_is_there(UPDATE, found({}), Ability(kind=kind))
    assert took == Kept(Because.UNKNOWN, "no longer read: t")


RESTORE = Inverse(operation=Operation.CREATE, before=None, after={"t": "a"})


def test_object_is_only_restored_while_it_is_gone():
    assert with_what_is_there(RESTORE, found(absence="gone"), ABLE) == RESTORE
    there = with_what_is_there(RESTORE, found(), ABLE)
    unclear = with_what_is_there(RESTORE, found(absence="out_of_scope"), ABLE)
    assert isinstance(there, Kept)
    assert isinstance(unclear, Kept)
    assert (there.because, unclear.because) == (Because.CHANGED, Because.UNKNOWN)


DELETE = Inverse(operation=Operation.DELETE, before={"t": "a"}, after=None)


def test_created_object_is_deleted_with_everything_it_has_by_then():
    took = with_what_is_there(DELETE, found({"t": "a", "mail": "x"}), ABLE)
    assert isinstance(took, Inverse)
    assert took.before == {"t": "a", "mail": "x"}


def test_created_object_that_was_changed_since_is_not_deleted():
    took = with_what_is_there(DELETE, found({"t": "b"}), ABLE)
    assert took == Kept(Because.CHANGED, "changed since: t")


def test_created_group_that_has_members_by_now_is_not_deleted():
    kind = ObjectType(silo="ad", name="group", members="member")
    took = with_what_is_there(DELETE, found({"t": "a"}, members=2), Ability(kind=kind))
    assert took == Kept(Because.CHANGED, "changed since: it has 2 members")


def test_created_object_is_compared_by_what_can_be_read_of_it():
    kind = ObjectType(silo="ad", name="user", attributes=frozenset({"t"}))
    made = Inverse(operation=Operation.DELETE, before={"t": "a", "secret": "s"}, after=None)
    assert isinstance(with_what_is_there(made, found({"t": "a"}), Ability(kind=kind)), Inverse)


@pytest.mark.parametrize(
    ("operation", "is_member", "because"),
    [
        (Operation.ADD_MEMBER, False, None),
        (Operation.ADD_MEMBER, True, Because.CHANGED),
        (Operation.ADD_MEMBER, None, Because.UNKNOWN),
        (Operation.REMOVE_MEMBER, True, None),
        (Operation.REMOVE_MEMBER, False, Because.CHANGED),
        (Operation.REMOVE_MEMBER, None, Because.UNKNOWN),
    ],
)
def test_membership_is_taken_back_only_where_it_still_is_as_left(operation, is_member, because):
    wanted = Inverse(operation=operation, before=None, after={"member": "u1"})
    took = with_what_is_there(wanted, found(is_member=is_member), ABLE)
    assert (took.because if isinstance(took, Kept) else None) is because


def test_member_who_is_gone_can_leave_a_group_and_not_come_back():
    gone = found(is_member=True, is_member_there=False)
    leave = Inverse(operation=Operation.REMOVE_MEMBER, before={"member": "u1"}, after=None)
    assert with_what_is_there(leave, gone, ABLE) == leave
    gone = found(is_member=False, is_member_there=False)
    come = Inverse(operation=Operation.ADD_MEMBER, before=None, after={"member": "u1"})
    assert isinstance(with_what_is_there(come, gone, ABLE), Kept)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("dn", "CN=Ann, O=x", "cn=ann,o=X"),
        ("t", None, ""),
        ("t", (), None),
        ("t", ("b", "a"), ("a", "b")),
        ("t", True, "true"),
        ("t", 5, "5"),
        ("t", b"\x01", b"\x01"),
    ],
)
def test_values_that_a_silo_spells_in_its_own_way_are_the_same(name, one, other):
    assert is_same(name, one, other)
    assert is_same(name, other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("CN=a", "cn=a"), ("a", "b"), ("a", None), (("a",), ("a", "b")), (1, 2)]
)
def test_other_values_are_not_the_same(one, other):
    assert not is_same("t", one, other)


# --- what was undone already -------------------------------------------------------------------


def undoer(of, name, state=ActionState.SUCCEEDED):
    return action(
        Operation.UPDATE,
        id=ActionId(name),
        run=RunId(f"run-{name}"),
        undoes=ActionId(of),
        state=state,
    )


def test_action_is_undone_by_the_run_that_took_it_back():
    assert undone_by(ActionId("a"), {ActionId("a"): [undoer("a", "b")]}) == "run-b"
    assert undone_by(ActionId("a"), {}) is None


def test_action_done_again_can_be_undone_again():
    undoers = {ActionId("a"): [undoer("a", "b")], ActionId("b"): [undoer("b", "c")]}
    assert undone_by(ActionId("a"), undoers) is None
    again = undoers | {ActionId("c"): [undoer("c", "d")]}
    assert undone_by(ActionId("a"), again) == "run-b"


@pytest.mark.parametrize("state", [ActionState.CONFLICT, ActionState.REJECTED, ActionState.STALE])
def test_undo_that_came_to_nothing_is_none(state):
    undoers = {ActionId("a"): [undoer("a", "b", state)]}
    assert still_to_undo(action(Operation.UPDATE), undoers) is None


@pytest.mark.parametrize("state", [ActionState.SUSPENDED, ActionState.QUEUED, ActionState.UNKNOWN])
def test_open_undo_is_not_asked_for_twice(state):
    kept = still_to_undo(action(Operation.UPDATE), {ActionId("a"): [undoer("a", "b", state)]})
    assert kept is not None
    assert kept.because is Because.WAITING


@pytest.mark.parametrize("state", [ActionState.QUEUED, ActionState.EXECUTING, ActionState.UNKNOWN])
def test_action_that_has_not_ended_is_not_undone(state):
    kept = still_to_undo(action(Operation.UPDATE, state=state), {})
    assert kept is not None
    assert kept.because is Because.UNFINISHED


def test_names_of_undos_lead_back_to_the_rule():
    twice = undo_name(undo_name("rule"))
    assert is_undo(twice)
    assert not is_undo("rule")
    assert undone_rule(twice) == undone_rule("rule") == "rule"
