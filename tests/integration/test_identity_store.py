"""What the store answers about identities: by the indexes, and never more than was asked for."""

from datetime import timedelta

import pytest

from tests.postgresql import both_databases
from tests.worlds import World


@pytest.fixture
def world(tmp_path, database_url):
    made = World(tmp_path, database=database_url)
    for number in (1, 2, 12, 13):
        made.person(number, name="Ada" if number == 1 else f"Person {number}")
        made.account(number, dn=f"CN=Person {number}, OU=People,DC=example")
    made.group("sales", "CN=Person 1,OU=People,DC=example", "CN=Person 2,OU=People,DC=example")
    made.later(minutes=1)
    made.scan()
    yield made
    made.close()


@both_databases
def test_exact_anchors_come_before_those_that_only_begin_so(world):
    with world.app.store.snapshot() as unit:
        hits = unit.search.by_anchor("u1", 10)
    assert [hit.text for hit in hits.found] == ["u1", "u12", "u13"]
    assert [hit.identity for hit in hits.found] == [world.identity(n) for n in (1, 12, 13)]
    assert not hits.is_cut


@both_databases
def test_more_than_was_wanted_is_said_and_left_out(world):
    with world.app.store.snapshot() as unit:
        hits = unit.search.by_anchor("u1", 2)
        all_of_them = unit.search.by_anchor("u1", 3)
    assert [hit.text for hit in hits.found] == ["u1", "u12"]
    assert hits.is_cut
    assert not all_of_them.is_cut


@both_databases
def test_join_values_are_found_without_their_name_space(world):
    with world.app.store.snapshot() as unit:
        hits = unit.search.by_key("e13", 10)
        nobody = unit.search.by_key("value:e13", 10)
    assert [tuple(hit) for hit in hits.found] == [(world.identity(13), "e13")]
    assert not nobody.found


@both_databases
def test_distinguished_names_are_found_by_their_beginning(world):
    with world.app.store.snapshot() as unit:
        hits = unit.search.by_reference("cn=person 1", 10)
    assert {hit.identity for hit in hits.found} == {world.identity(n) for n in (1, 12, 13)}


@both_databases
def test_signs_of_a_pattern_are_letters_like_others(world):
    with world.app.store.snapshot() as unit:
        for text in ("%", "_", "u_", "u%", "u*"):
            assert not unit.search.by_anchor(text, 10).found


@both_databases
def test_the_objects_are_read_a_piece_at_a_time(world):
    with world.app.store.snapshot() as unit:
        first = unit.search.objects(0, 4)
        rest = unit.search.objects(first.last, 100)
        after = unit.search.objects(rest.objects[-1].id, 100)
    assert (len(first.objects), first.read) == (4, 4)
    assert (len(rest.objects), rest.read, rest.last) == (5, 5, None)
    assert {each.anchor for each in (*first.objects, *rest.objects)} >= {"e1", "u13", "sales"}
    assert after == ((), 0, None)


@both_databases
def test_objects_that_certainly_have_not_all_words_are_read_and_left_out(world):
    world.person(99, name="Ada Stra\N{LATIN SMALL LETTER SHARP S}e")
    world.later(minutes=1)
    world.scan()
    with world.app.store.snapshot() as unit:
        piece = unit.search.objects(0, 100, ["person 1", "people"])
        beyond = unit.search.objects(0, 100, ["\N{LATIN SMALL LETTER E WITH DIAERESIS}"])
        odd = unit.search.objects(0, 100, ["%", "_"])
    assert {each.anchor for each in piece.objects} == {"u1", "u12", "u13", "e99"}
    assert piece.read == 10
    assert [each.anchor for each in beyond.objects] == ["e99"]
    assert [each.anchor for each in odd.objects] == ["e99"]


@both_databases
def test_what_an_object_is_tied_to_is_found_both_ways(world):
    with world.app.store.snapshot() as unit:
        group = unit.objects.get("dir", "group", "sales")
        member = "cn=person 2,ou=people,dc=example"
        ties = unit.portraits.tied("dir", [member], 10)
        named = unit.portraits.named("dir", [member, "u12"], 10)
        members = unit.portraits.members(group.id, 10)
        assert unit.portraits.members(group.id, 1) == members[:1]
        assert not unit.portraits.tied("hr", [member], 10)
        assert not unit.portraits.tied("dir", [], 10)
        assert not unit.portraits.named("dir", [], 10)
    assert [(tie.object.anchor, tie.attribute, tie.target) for tie in ties] == [
        ("sales", "member", member)
    ]
    assert {each.anchor for each in named} == {"u2", "u12"}
    assert [target for _, target in members] == ["cn=person 1,ou=people,dc=example", member]


@both_databases
def test_the_past_of_an_object_is_read_from_either_end(world):
    for title in ("a", "b", "c"):
        world.change(1, title=title)
        world.later(minutes=1)
        world.scan()
    with world.app.store.snapshot() as unit:
        found = unit.objects.get("hr", "person", "e1")
        past = unit.portraits.past(found.id, 2)
        older = unit.portraits.past(found.id, 5, before=past[-1].at)
        since = unit.portraits.since(found.id, world.clock.time - timedelta(minutes=1), 5)
    assert [change.after["title"] for change in past] == ["c", "b"]
    assert [change.after["title"] for change in older] == ["a"]
    assert [change.after["title"] for change in since] == ["c"]


@both_databases
def test_the_actions_about_an_identity_come_newest_first(world):
    world.leave(1)
    run = world.run()
    preview = world.run(commit=False)
    world.change(1, status="active")
    world.get(1)
    with world.app.store.snapshot() as unit:
        found = unit.actions.of_identity(world.identity(1), 10)
        assert not unit.actions.of_identity(world.identity(2), 10)
    assert [(action.run, action.rule) for action in found] == [(run.id, "disable-leaver")]
    assert preview.id != run.id


@both_databases
def test_the_populations_of_a_type_are_told_by_the_hour(world):
    for number, minutes in ((99, 1), (98, 1), (97, 90)):
        world.person(number)
        world.later(minutes=minutes)
        world.scan()
    with world.app.store.snapshot() as unit:
        kind = unit.scans.register("hr", ["person"])["person"].id
        known = unit.scans.populations(kind, world.clock.time - timedelta(1))
        late = unit.scans.populations(kind, world.clock.time - timedelta(minutes=10))
        scans = unit.scans.recent(1, "hr")
        assert unit.scans.some([scans[0].id, "unknown"]) == {scans[0].id: scans[0]}
    assert [tuple(each)[1:] for each in known] == [(4, 6, 3), (7, 7, 1)]
    assert known[1].at == world.clock.time
    assert late == known[1:]


@both_databases
def test_a_lease_has_a_holder_until_it_ends(world):
    now = world.clock.time
    with world.app.store.begin() as unit:
        unit.leases.take("leader", "daemon x", now)
    with world.app.store.snapshot() as unit:
        assert unit.leases.holder("leader", now) == "daemon x"
        assert unit.leases.holder("leader", now + timedelta(seconds=30)) is None
        assert unit.leases.holder("other", now) is None
