import pytest

from hypersync.errors import EvaluationError
from hypersync.pipeline.join import NOWHERE, Assignment, Grouping, Joins, Member, Mover, join
from tests.scanning import join_rule


def graph(
    movers: list[Mover],
    objects: dict[int, tuple[int, str | None]],
    gone: frozenset[int] = frozenset(),
) -> Grouping:
    """Join movers; ``objects`` maps each stored object to its identity and that one's key."""
    members = [Member(each, identity, each not in gone) for each, (identity, _) in objects.items()]
    keys = dict(objects.values())
    owners = {key: identity for identity, key in keys.items() if key is not None}
    return join(movers, members, keys, owners, iter(range(100, 200)))


def test_a_new_object_joins_the_identity_that_has_its_key():
    found = graph([Mover(2, None, "a")], {1: (10, "a")})
    assert found == Grouping(placed={2: 10})


def test_new_objects_with_one_key_are_one_new_identity():
    found = graph([Mover(1, None, "a"), Mover(2, None, "a")], {})
    assert found.placed == {1: 100, 2: 100}
    assert found.created == {100: "a"}


def test_new_objects_without_a_key_stand_alone():
    found = graph([Mover(1, None, None), Mover(2, None, None)], {})
    assert found.placed == {1: 100, 2: 101}
    assert found.created == {100: None, 101: None}


def test_an_identity_that_moved_as_a_whole_takes_the_new_key():
    found = graph([Mover(1, 10, "b"), Mover(2, 10, "b")], {1: (10, "a"), 2: (10, "a")})
    assert found == Grouping(rekeyed={10: "b"})


def test_an_identity_that_moved_to_another_merges_into_the_older():
    found = graph([Mover(1, 10, "b")], {1: (10, "a"), 2: (20, "b")})
    assert found.merged == [(20, 10)]
    assert found.placed[2] == 10
    assert found.rekeyed == {10: "b", 20: None}


def test_a_younger_identity_merges_into_the_older_that_has_the_key():
    found = graph([Mover(2, 20, "a")], {1: (10, "a"), 2: (20, None)})
    assert found.merged == [(20, 10)]
    assert found.placed == {2: 10}


def test_a_part_that_moved_is_split_off():
    found = graph([Mover(2, 10, "b")], {1: (10, "a"), 2: (10, "a")})
    assert found.split == [(10, 100)]
    assert found.placed == {2: 100}
    assert found.created == {100: "b"}
    assert found.rekeyed == {}


def test_a_part_that_moved_joins_the_identity_that_has_the_key():
    found = graph([Mover(2, 10, "b")], {1: (10, "a"), 2: (10, "a"), 3: (20, "b")})
    assert found.split == [(10, 20)]
    assert found.placed == {2: 20}


def test_an_object_whose_key_went_missing_stands_alone():
    found = graph([Mover(2, 10, None)], {1: (10, "a"), 2: (10, "a")})
    assert found.created == {100: None}
    assert found.split == [(10, 100)]


def test_a_single_object_whose_key_went_missing_keeps_its_identity():
    assert graph([Mover(1, 10, None)], {1: (10, "a")}) == Grouping(rekeyed={10: None})


def test_when_all_move_apart_the_oldest_object_keeps_the_identity():
    found = graph([Mover(1, 10, "b"), Mover(2, 10, "c")], {1: (10, "a"), 2: (10, "a")})
    assert found.rekeyed == {10: "b"}
    assert found.split == [(10, 100)]
    assert found.created == {100: "c"}


def test_gone_objects_follow_and_do_not_decide():
    found = graph([Mover(1, 10, "b")], {1: (10, "a"), 2: (10, "a")}, gone=frozenset({2}))
    assert found == Grouping(rekeyed={10: "b"})


def test_gone_objects_follow_into_a_merge():
    found = graph(
        [Mover(2, 20, "a")], {1: (10, "a"), 2: (20, "b"), 3: (20, "b")}, gone=frozenset({3})
    )
    assert found.merged == [(20, 10)]
    assert found.placed == {2: 10, 3: 10}


def test_an_object_that_returns_with_its_old_key_moves_nothing():
    assert graph([Mover(1, 10, "a")], {1: (10, "a")}) == Grouping()


def test_two_identities_that_exchange_keys_end_as_one_each():
    found = graph([Mover(1, 10, "b"), Mover(2, 20, "a")], {1: (10, "a"), 2: (20, "b")})
    final = {1: 10, 2: 20} | found.placed
    assert final[1] != final[2]


def test_new_objects_join_what_others_leave_behind():
    found = graph([Mover(1, 10, "b"), Mover(9, None, "a")], {1: (10, "a")})
    assert found.rekeyed == {10: "b"}
    assert found.created == {100: "a"}
    assert found.placed == {9: 100}


def test_the_first_rule_that_holds_gives_slot_and_key():
    joins = Joins(
        [
            join_rule("ad", "user", "number", slot="admin", where="startswith(login, 'adm-')"),
            join_rule("ad", "user", "number", slot="ad", index=1),
        ]
    )
    ann = {"login": "ann", "number": " 12a "}
    admin = {"login": "adm-ann", "number": "12A"}
    assert joins.assign("ad", "user", ann) == Assignment("ad", "value:12a")
    assert joins.assign("ad", "user", admin) == Assignment("admin", "value:12a")


def test_a_type_without_rules_takes_no_slot():
    assert Joins([]).assign("ad", "user", {"number": "1"}) == NOWHERE


def test_values_that_never_join_stand_alone():
    joins = Joins([join_rule("hr", "person", "id", never_join=("0",))])
    assert joins.assign("hr", "person", {"id": "0"}) == Assignment("hr", None)
    assert joins.assign("hr", "person", {}) == Assignment("hr", None)


def test_exact_values_keep_their_case():
    joins = Joins([join_rule("hr", "person", "id", exact=True)])
    assert joins.assign("hr", "person", {"id": "Ab"}) == Assignment("hr", "value:Ab")


def test_join_none_stands_alone_in_its_slot():
    joins = Joins([join_rule("ad", "group", None, slot="ad_group")])
    assert joins.assign("ad", "group", {"cn": "x"}) == Assignment("ad_group", None)


def test_a_list_is_no_join_value():
    joins = Joins([join_rule("hr", "person", "id")])
    with pytest.raises(EvaluationError):
        joins.assign("hr", "person", {"id": ("1", "2")})


def test_the_revision_changes_with_what_decides_and_with_nothing_else():
    first = Joins([join_rule("hr", "person", "id")]).revision("hr", "person")
    assert Joins([join_rule("hr", "person", " id ")]).revision("hr", "person") == first
    assert Joins([join_rule("hr", "person", "mail")]).revision("hr", "person") != first
    assert Joins([join_rule("hr", "person", "id", slot="x")]).revision("hr", "person") != first
