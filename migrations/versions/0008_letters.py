"""References by the letters that servers hold equal, and none in small letters that is no name.

An earlier form had ss for ß, and anchors like Base64 in small letters. Objects take theirs from
their names. Groups that refer to one under the old form follow, where that stood for one alone.
They, and those that refer to what is no name, are read again by the next scan: it is a full one,
as their silos lose their cursors, since deltas tell nothing of a group that did not change.
"""

import json

import sqlalchemy as sa
from alembic import op

from hypersync.model.joins import normal_reference

revision = "0008"
down_revision = "0007"
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
OF_SILO = OBJECT.join(SILO_TYPE, SILO_TYPE.c.id == OBJECT.c.silo_type)
MANY = {"yield_per": 10_000}


def upgrade():
    connection = op.get_bind()
    old, moved = _names(connection)
    silos = _members(connection, old, _alone(connection, moved))
    _lose_cursors(connection, silos)


def _names(connection):
    """Write the references of objects anew.

    Returns the forms that stand or stood for objects, by silo and form; and those that were stored,
    with the new ones in their place.
    """
    named = sa.select(OBJECT.c.id, SILO_TYPE.c.silo, OBJECT.c.reference, OBJECT.c.attributes)
    named = named.select_from(OF_SILO).where(OBJECT.c.reference.is_not(None))
    changed, old, moved = [], set(), {}
    for number, silo, reference, attributes in connection.execute(named, execution_options=MANY):
        is_plain = attributes.isascii() and "\\" not in attributes
        if is_plain and _is_name(reference):
            continue
        name = json.loads(attributes).get("dn")
        new = normal_reference(name if isinstance(name, str) else reference)
        old.update((silo, each) for each in {reference, new.casefold()} - {new})
        if new != reference:
            changed.append((number, new))
            moved.setdefault((silo, reference), set()).add(new)
    for number, new in changed:
        one = OBJECT.c.id == number
        connection.execute(sa.update(OBJECT).where(one).values(reference=new))
    return old, moved


def _alone(connection, moved):
    """Return the new form by silo and old form, where the old one stood for nothing else."""
    alone = {each: min(new) for each, new in moved.items() if len(new) == 1}
    if alone:
        kept = sa.select(SILO_TYPE.c.silo, OBJECT.c.reference).select_from(OF_SILO)
        for row in connection.execute(kept, execution_options=MANY):
            alone.pop(tuple(row), None)
    return alone


def _members(connection, old, alone):
    """Mark the groups that have to be read again, write anew what is sure; return their silos."""
    groups = OF_SILO.join(REFERENCE, REFERENCE.c.object == OBJECT.c.id)
    rows = connection.execute(
        sa.select(SILO_TYPE.c.silo, REFERENCE).select_from(groups), execution_options=MANY
    )
    odd = [
        row
        for row in rows
        if (row.silo, row.target) in old or ("=" in row.target and not _is_name(row.target))
    ]
    for row in odd:
        new = alone.get((row.silo, row.target))
        if new is not None:
            _refer(connection, row, new)
    for number in {row.object for row in odd}:
        connection.execute(sa.update(OBJECT).where(OBJECT.c.id == number).values(hash=b""))
    return {row.silo for row in odd}


def _refer(connection, row, new):
    table, target = REFERENCE, REFERENCE.c.target
    of_object = (table.c.object == row.object) & (table.c.attribute == row.attribute)
    there = connection.execute(sa.select(table).where(of_object & (target == new))).first()
    connection.execute(sa.delete(table).where(of_object & (target == row.target)))
    if there is None:
        values = {"object": row.object, "attribute": row.attribute, "target": new}
        connection.execute(sa.insert(table).values(values))


def _lose_cursors(connection, silos):
    """Let the next scans be full ones, whatever is made of scans that are not applied yet."""
    for silo in silos:
        connection.execute(sa.update(STREAM).where(STREAM.c.silo == silo).values(cursor=None))
        waiting = (SCAN.c.silo == silo) & SCAN.c.state.in_(UNFINISHED)
        connection.execute(sa.update(SCAN).where(waiting).values(cursor=None))


def _is_name(reference):
    """Tell whether it is compared as a name, without regard to case."""
    return normal_reference(reference.upper()) != reference.upper()


def downgrade():
    """Leave them: the older program writes its own form when it meets an object again."""
