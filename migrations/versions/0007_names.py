"""References in the form of names as they are compared when they are written: one form for both.

An earlier form had no spaces around the equals signs in a value. What has such signs is taken from
the object's name, and groups that have such members are read again by the next scan: it is a full
one, as their silos lose their cursors, since deltas tell nothing of a group that did not change.
"""

import json

import sqlalchemy as sa
from alembic import op

from hypersync.model.joins import normal_reference
from hypersync.model.names import naming_values, split

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

REFERENCE = sa.table("reference", sa.column("object"), sa.column("attribute"), sa.column("target"))
OBJECT = sa.table(
    "object",
    sa.column("id"),
    sa.column("silo_type"),
    sa.column("reference"),
    sa.column("attributes"),
    sa.column("hash", sa.LargeBinary()),
)
SILO_TYPE = sa.table("silo_type", sa.column("id"), sa.column("silo"))
STREAM = sa.table("stream", sa.column("silo"), sa.column("cursor"))
SCAN = sa.table("scan", sa.column("silo"), sa.column("state"), sa.column("cursor"))
UNFINISHED = ("running", "applying", "suspended", "approved")
MANY = {"yield_per": 10_000}


def upgrade():
    connection = op.get_bind()
    _members(connection)
    _names(connection)


def _members(connection):
    table, target = REFERENCE, REFERENCE.c.target
    rows = connection.execute(sa.select(table), execution_options=MANY)
    odd = [
        row for row in rows if _is_lossy(row.target) or normal_reference(row.target) != row.target
    ]
    for row in odd:
        new = normal_reference(row.target)
        if new != row.target:
            of_object = (table.c.object == row.object) & (table.c.attribute == row.attribute)
            there = connection.execute(sa.select(table).where(of_object & (target == new))).first()
            connection.execute(sa.delete(table).where(of_object & (target == row.target)))
            if there is None:
                values = {"object": row.object, "attribute": row.attribute, "target": new}
                connection.execute(sa.insert(table).values(values))
    silos = set()
    for number in {row.object for row in odd if _is_lossy(row.target)}:
        one = OBJECT.c.id == number
        connection.execute(sa.update(OBJECT).where(one).values(hash=b""))
        of_silo = sa.select(SILO_TYPE.c.silo).where(SILO_TYPE.c.id == OBJECT.c.silo_type, one)
        silos.update(connection.execute(of_silo).scalars())
    _lose_cursors(connection, silos)


def _lose_cursors(connection, silos):
    """Let the next scans be full ones, whatever is made of scans that are not applied yet."""
    for silo in silos:
        connection.execute(sa.update(STREAM).where(STREAM.c.silo == silo).values(cursor=None))
        waiting = (SCAN.c.silo == silo) & SCAN.c.state.in_(UNFINISHED)
        connection.execute(sa.update(SCAN).where(waiting).values(cursor=None))


def _names(connection):
    number, reference = OBJECT.c.id, OBJECT.c.reference
    named = sa.select(number, reference).where(reference.is_not(None))
    rows = connection.execute(named, execution_options=MANY)
    odd = [row for row in rows if _is_lossy(row[1]) or normal_reference(row[1]) != row[1]]
    for row in odd:
        one = OBJECT.c.id == row.id
        attributes = connection.execute(sa.select(OBJECT.c.attributes).where(one)).scalar_one()
        name = json.loads(attributes).get("dn")
        new = normal_reference(name if isinstance(name, str) else row.reference)
        if new != row.reference:
            connection.execute(sa.update(OBJECT).where(one).values(reference=new))


def _is_lossy(reference):
    """Tell whether a value has an equals sign, around which there may have been spaces."""
    try:
        while reference and reference.count("=") > reference.count(",") + 1:
            if any("=" in value for _, value in naming_values(reference)):
                return True
            reference = split(reference)[1]
    except ValueError:
        return False
    return False


def downgrade():
    """Leave them: the older program writes its own form when it meets an object again."""
