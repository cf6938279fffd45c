"""References whose escapes stand as they are compared now: one form, however they were written."""

import sqlalchemy as sa
from alembic import op

from hypersync.model.joins import normal_reference

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

REFERENCE = sa.table("reference", sa.column("object"), sa.column("attribute"), sa.column("target"))
OBJECT = sa.table("object", sa.column("id"), sa.column("reference"))


def upgrade():
    connection = op.get_bind()
    table, target = REFERENCE, REFERENCE.c.target
    for row in connection.execute(sa.select(table).where(_is_escaped(target))).all():
        new = normal_reference(row.target)
        if new == row.target:
            continue
        of_object = (table.c.object == row.object) & (table.c.attribute == row.attribute)
        is_there = connection.execute(sa.select(table).where(of_object & (target == new))).first()
        connection.execute(sa.delete(table).where(of_object & (target == row.target)))
        if is_there is None:
            values = {"object": row.object, "attribute": row.attribute, "target": new}
            connection.execute(sa.insert(table).values(values))
    named = sa.select(OBJECT).where(_is_escaped(OBJECT.c.reference))
    for row in connection.execute(named).all():
        change = sa.update(OBJECT).where(OBJECT.c.id == row.id)
        connection.execute(change.values(reference=normal_reference(row.reference)))


def downgrade():
    """Leave them: the older program writes its own form when it meets an object again."""


def _is_escaped(column):
    return sa.func.replace(column, "\\", "") != column
