import pytest

from hypersync.connectors.changes import chosen, is_same, member_values, sorted_values
from hypersync.connectors.settings import batches, fingerprint
from hypersync.model.objects import Change, ObjectType, Operation

GROUP = ObjectType(silo="s", name="group", members="member")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (None, "", True),
        ((), None, True),
        ("", (), True),
        (None, "a", False),
        ("a", None, False),
        (0, None, False),
        (False, None, False),
        ("a", "A", False),
        (("a", "b"), ("b", "a"), True),
        (("a",), ("a", "b"), False),
        (("a",), "a", False),
        (b"a", "a", False),
    ],
)
def test_values_are_the_same_when_they_mean_the_same(one, other, expected: bool):
    assert is_same(one, other) is expected


def test_values_of_several_kinds_have_one_order():
    assert sorted_values(["b", "a", "b"]) == ("a", "b")
    assert sorted_values([b"x", "a", 2]) == sorted_values([2, b"x", "a"])


def test_members_are_none_one_or_several():
    change = Change(
        key="k", operation=Operation.ADD_MEMBER, type=GROUP, anchor="g", before=None, after=None
    )
    assert member_values(change, {}) == ()
    assert member_values(change, {"member": "a"}) == ("a",)
    assert member_values(change, {"member": ("a", "b")}) == ("a", "b")


def test_only_the_attributes_of_the_type_are_chosen():
    some = ObjectType(silo="s", name="user", attributes=frozenset({"a", "c"}))
    assert chosen(some, {"a": "1", "b": "2"}) == {"a": "1"}
    assert chosen(GROUP, {"a": "1"}) == {"a": "1"}


def test_fingerprints_differ_when_anything_does():
    assert fingerprint("a", ["b"]) == fingerprint("a", ["b"])
    assert fingerprint("a", ["b"]) != fingerprint("a", "b")


def test_batches_are_full_but_for_the_last():
    assert list(batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batches([], 2)) == []
