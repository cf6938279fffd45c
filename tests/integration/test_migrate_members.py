"""Members under the names of an older program: they stay members, and their groups are read again.

Deltas tell nothing of a group that did not change in its silo.
"""

from __future__ import annotations

import pytest

from hypersync.store.engine import WRITE
from hypersync.store.schema import downgrade, upgrade
from hypersync.store.tables import metadata
from tests.postgresql import both_databases

REFERENCE, OBJECT = metadata.tables["reference"], metadata.tables["object"]
STREAM, SCAN = metadata.tables["stream"], metadata.tables["scan"]
SHARP, FOLDED = "cn=strauß,dc=x", "cn=strauss,dc=x"


def staff_of(world, *names):
    """Have a group ``staff`` of these members, who all have accounts."""
    world.people(range(3))
    world.group("staff", "cn=plain,dc=x", *names)
    for number, name in enumerate(names):
        world.account(number, dn=name)
    world.run()


def as_before(world, revision, now, then):
    """Take the store back to a revision, where ``now`` was written as ``then``."""
    engine = world.app.store.engine
    downgrade(engine, revision)
    write(
        world,
        REFERENCE.delete().where(REFERENCE.c.target == then),
        REFERENCE.update().where(REFERENCE.c.target == now).values(target=then),
        OBJECT.update().where(OBJECT.c.reference == now).values(reference=then),
    )


def write(world, *statements):
    with world.app.store.engine.connect() as connection:
        connection = connection.execution_options(**{WRITE: True})
        with connection.begin():
            for each in statements:
                connection.execute(each)


def members(world):
    with world.app.store.snapshot() as unit:
        return sorted(unit.objects.references(unit.objects.get("dir", "group", "staff").id))


def kinds(world, silo="dir"):
    """Scan a silo; return whether in full or not."""
    world.later(minutes=30)
    with world.app.store.engine.connect() as connection:
        before = {row.id for row in connection.execute(SCAN.select())}
    world.scan(silo)
    with world.app.store.engine.connect() as connection:
        rows = connection.execute(SCAN.select().where(SCAN.c.silo == silo))
        return {row.kind for row in rows if row.id not in before}


@both_databases
def test_who_has_a_sharp_s_stays_a_member(world):
    staff_of(world, "cn=Strauß,dc=x")
    as_before(world, "0007", SHARP, FOLDED)
    assert members(world) == ["cn=plain,dc=x", FOLDED]
    upgrade(world.app.store.engine)
    assert members(world) == ["cn=plain,dc=x", SHARP]


@both_databases
def test_the_next_scan_of_a_silo_with_such_members_is_a_full_one(world):
    staff_of(world, "cn=Strauß,dc=x", "cn=Strauss,dc=x")
    as_before(world, "0007", SHARP, FOLDED)
    upgrade(world.app.store.engine)
    assert members(world) == ["cn=plain,dc=x", FOLDED]  # which stood for either, and is not touched
    assert kinds(world) == {"full"}
    assert members(world) == ["cn=plain,dc=x", FOLDED, SHARP]
    assert kinds(world) == {"delta"}


@both_databases
def test_a_silo_without_such_members_keeps_its_cursor(world):
    staff_of(world, "cn=Strauß,dc=x")
    as_before(world, "0007", SHARP, FOLDED)
    before = kinds(world, "hr")
    upgrade(world.app.store.engine)
    assert kinds(world, "hr") == before == {"delta"}


@both_databases
def test_what_two_objects_were_called_is_not_given_to_one(world):
    """A final sigma and another had one form before, and both have another now."""
    final, other, folded = "cn=οδος,dc=x", "cn=οδοσ,dc=x", "cn=οδοσ,dc=x"
    staff_of(world, final, other)
    as_before(world, "0007", final, folded)
    upgrade(world.app.store.engine)
    assert members(world) == ["cn=plain,dc=x", folded]
    kinds(world)
    assert members(world) == sorted(["cn=plain,dc=x", final, other])


@both_databases
def test_a_group_that_has_both_forms_has_the_new_one_once(world):
    staff_of(world, "cn=Strauß,dc=x")
    as_before(world, "0007", SHARP, FOLDED)
    with world.app.store.engine.connect() as connection:
        old = connection.execute(REFERENCE.select().where(REFERENCE.c.target == FOLDED)).one()
    write(world, REFERENCE.insert().values({**old._asdict(), "target": SHARP}))
    upgrade(world.app.store.engine)
    assert members(world) == ["cn=plain,dc=x", SHARP]


@both_databases
def test_members_survive_going_back_and_forth(world):
    staff_of(world, "cn=Strauß,dc=x")
    as_before(world, "0007", SHARP, FOLDED)
    engine = world.app.store.engine
    for _ in range(2):
        upgrade(engine)
        assert members(world) == ["cn=plain,dc=x", SHARP]
        downgrade(engine, "0007")
    upgrade(engine)
    kinds(world)
    assert members(world) == ["cn=plain,dc=x", SHARP]
    downgrade(engine, "0007")
    upgrade(engine)
    assert kinds(world) == {"delta"}


@both_databases
@pytest.mark.parametrize(
    ("revision", "now", "then"),
    [("0006", "cn=a = b,dc=x", "cn=a=b,dc=x"), ("0007", SHARP, FOLDED)],
    ids=["names", "letters"],
)
@pytest.mark.parametrize("state", ["approved", "applying"])
def test_a_scan_that_is_not_applied_yet_does_not_bring_the_cursor_back(
    world, revision, now, then, state
):
    staff_of(world, now)
    as_before(world, revision, now, then)
    with world.app.store.engine.connect() as connection:
        last = connection.execute(
            SCAN.select().where(SCAN.c.silo == "dir").order_by(SCAN.c.started_at.desc())
        ).first()
        cursors = {row.cursor for row in connection.execute(STREAM.select())}
    assert last is not None
    write(world, SCAN.update().where(SCAN.c.id == last.id).values(state=state))
    assert last.cursor in cursors - {None}
    upgrade(world.app.store.engine)
    assert kinds(world) == {"full"}
    assert members(world) == sorted(["cn=plain,dc=x", now])


@both_databases
def test_the_next_scan_of_a_silo_with_equals_signs_in_names_is_a_full_one(world):
    staff_of(world, "cn=A = B,dc=x")
    as_before(world, "0006", "cn=a = b,dc=x", "cn=a=b,dc=x")
    upgrade(world.app.store.engine)
    assert kinds(world) == {"full"}
    assert members(world) == ["cn=a = b,dc=x", "cn=plain,dc=x"]
    assert kinds(world) == {"delta"}
