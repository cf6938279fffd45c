"""References that an older program stored, brought into the form in which they are compared now."""

from __future__ import annotations

import json

from hypersync.store.engine import WRITE
from hypersync.store.history import redone
from hypersync.store.schema import downgrade, upgrade
from hypersync.store.tables import metadata
from tests.postgresql import both_databases

OLD, NOW = r"cn=doe\2c john,dc=x", r"cn=doe\, john,dc=x"
CHANGE = metadata.tables["object_change"]
REFERENCE, OBJECT = metadata.tables["reference"], metadata.tables["object"]


@both_databases
def test_stored_references_take_the_form_in_which_they_are_compared(world):
    world.people(range(1))
    world.group("all", OLD, NOW, "cn=plain,dc=x", r"cn=other\2b,dc=x")
    world.account(0, dn=r"cn=Doe\2C John,dc=x")
    world.run()
    engine = world.app.store.engine
    downgrade(engine, "0004")
    with engine.connect() as connection:
        connection = connection.execution_options(**{WRITE: True})
        with connection.begin():
            group = connection.execute(REFERENCE.select()).first()
            assert group is not None
            connection.execute(REFERENCE.delete())
            for target in (OLD, NOW, "cn=plain,dc=x", r"cn=other\2b,dc=x"):
                values = {**group._asdict(), "target": target}
                connection.execute(REFERENCE.insert().values(values))
            changed = OBJECT.update().where(OBJECT.c.reference == NOW).values(reference=OLD)
            assert connection.execute(changed).rowcount == 1
    upgrade(engine)
    with engine.connect() as connection:
        targets = sorted(row.target for row in connection.execute(REFERENCE.select()))
        named = {row.reference for row in connection.execute(OBJECT.select())}
    assert targets == [r"cn=doe\, john,dc=x", r"cn=other\+,dc=x", "cn=plain,dc=x"]
    assert NOW in named
    assert OLD not in named


@both_databases
def test_the_past_of_a_group_knows_members_by_the_names_of_that_day(world):
    """What an older program wrote down of a change is in the form of that day for good."""
    world.people(range(1))
    world.group("all", "cn=plain,dc=x", "cn=a<b,dc=x")
    world.run()
    start = world.clock.now()
    world.later(minutes=1)
    world.group("all", "cn=plain,dc=x", OLD)
    world.run()
    store = world.app.store
    with store.engine.connect() as connection:
        connection = connection.execution_options(**{WRITE: True})
        with connection.begin():
            for row in connection.execute(CHANGE.select()).all():
                values = {"before": _old(row.before), "after": _old(row.after)}
                change = CHANGE.update().where(CHANGE.c.id == row.id)
                connection.execute(change.values(values))
    with store.snapshot() as unit:
        group = unit.objects.get("dir", "group", "all")
        then, now = unit.objects.at(group.id, start), unit.objects.whole(group)
        history = unit.objects.history(group.id)
    assert now.attributes["member"] == (NOW, "cn=plain,dc=x")
    assert then.attributes["member"] == (r"cn=a\<b,dc=x", "cn=plain,dc=x")
    assert OLD in history[0].after["+member"]
    (change,) = [each for each in history if each.at > start]
    assert redone(then.attributes, change)["member"] == now.attributes["member"]


def _old(value):
    """Return attributes of a change as an older program wrote them."""
    if value is None:
        return None
    text = json.dumps(value).replace("doe\\\\,", "doe\\\\2c").replace("a\\\\<b", "a<b")
    return json.loads(text)


@both_databases
def test_stored_references_become_the_names_that_are_written(world):
    world.people(range(3))
    world.group("all", "cn=a<b,dc=x", "cn=e\u0301,dc=x", "cn=plain,dc=x")
    world.group("odd", "cn=a = b,dc=x")
    world.account(0, dn="cn=A = B,dc=x")
    world.account(1, dn="cn=Zoe\u0308,dc=x")
    world.run()
    engine = world.app.store.engine
    old = {
        r"cn=a\<b,dc=x": "cn=a<b,dc=x",
        "cn=\u00e9,dc=x": "cn=e\u0301,dc=x",
        "cn=a = b,dc=x": "cn=a=b,dc=x",
        "cn=zo\u00eb,dc=x": "cn=zoe\u0308,dc=x",
    }
    downgrade(engine, "0006")
    with engine.connect() as connection:
        connection = connection.execution_options(**{WRITE: True})
        with connection.begin():
            for now, before in old.items():
                for table, column in ((REFERENCE, "target"), (OBJECT, "reference")):
                    change = table.update().where(table.c[column] == now)
                    connection.execute(change.values({column: before}))
    upgrade(engine)
    assert _stored(engine) == {
        r"cn=a\<b,dc=x",
        "cn=\u00e9,dc=x",
        "cn=plain,dc=x",
        "cn=a=b,dc=x",  # what it was is read again
        "cn=a = b,dc=x",
        "cn=zo\u00eb,dc=x",
    }
    world.scan("dir", full=True)
    assert "cn=a=b,dc=x" not in _stored(engine)


def _stored(engine):
    with engine.connect() as connection:
        targets = {row.target for row in connection.execute(REFERENCE.select())}
        return targets | {row.reference for row in connection.execute(OBJECT.select())} - {None}


@both_databases
def test_letters_that_are_equal_no_longer_and_anchors_get_their_own_references(world):
    world.people(range(4))
    world.group("both", "cn=Strauß,dc=x", "cn=Strauss,dc=x")
    world.group("coded", "QUJDRA==", "cn=plain,dc=x")
    world.group("plain", "cn=plain,dc=x")
    world.account(0, dn="cn=Strauß,dc=x")
    world.account(1, dn="cn=Strauss,dc=x")
    world.account(2, dn=r"cn=Gro\C3\9F,dc=x")
    world.account(3, dn="cn=Jürgen,dc=x")
    world.run()
    engine = world.app.store.engine
    before = _stored(engine), _hashes(engine)
    downgrade(engine, "0007")
    with engine.connect() as connection:
        connection = connection.execution_options(**{WRITE: True})
        with connection.begin():
            sharp = REFERENCE.c.target == "cn=strauß,dc=x"
            assert connection.execute(REFERENCE.delete().where(sharp)).rowcount == 1
            for now, then in (
                ("QUJDRA==", "qujdra=="),
                ("cn=strauß,dc=x", "cn=strauss,dc=x"),
                ("cn=groß,dc=x", "cn=gross,dc=x"),
            ):
                for table, column in ((REFERENCE, "target"), (OBJECT, "reference")):
                    change = table.update().where(table.c[column] == now)
                    connection.execute(change.values({column: then}))
    upgrade(engine)
    hashes = _hashes(engine)
    assert {name for name, hash_ in hashes.items() if hash_ == b""} == {"both", "coded"}
    assert {name: hashes[name] or hash_ for name, hash_ in before[1].items()} == before[1]
    world.scan("dir", full=True)
    assert (_stored(engine), _hashes(engine)) == before
    assert {"cn=strauß,dc=x", "cn=strauss,dc=x", "cn=groß,dc=x", "QUJDRA=="} <= before[0]


def _hashes(engine):
    with engine.connect() as connection:
        return {row.anchor: row.hash for row in connection.execute(OBJECT.select())}
