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
