"""References that an older program stored, brought into the form in which they are compared now."""

from __future__ import annotations

from hypersync.store.engine import WRITE
from hypersync.store.schema import downgrade, upgrade
from hypersync.store.tables import metadata
from tests.postgresql import both_databases

OLD, NOW = r"cn=doe\2c john,dc=x", r"cn=doe\, john,dc=x"
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
