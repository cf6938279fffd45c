"""References by the letters that servers hold equal, and none in small letters that is no name.

An earlier form had ss for ß, and anchors like Base64 in small letters. Objects take theirs from
their names. Groups that refer to one under the old form, which others may have too, or to what is
no name, are read again by the next full scan.
"""

import json

import sqlalchemy as sa
from alembic import op

from hypersync.model.joins import normal_reference

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

REFERENCE = sa.table("reference", sa.column("object"), sa.column("target"))
OBJECT = sa.table(
    "object",
    sa.column("id"),
    sa.column("reference"),
    sa.column("attributes"),
    sa.column("hash", sa.LargeBinary()),
)
MANY = {"yield_per": 10_000}


def upgrade():
    connection = op.get_bind()
    _members(connection, _names(connection))


def _names(connection):
    """Write the references of objects anew; return the forms that stand for others too."""
    named = sa.select(OBJECT.c.id, OBJECT.c.reference, OBJECT.c.attributes)
    rows = connection.execute(named.where(OBJECT.c.reference.is_not(None)), execution_options=MANY)
    changed, old = [], set()
    for number, reference, attributes in rows:
        is_plain = attributes.isascii() and "\\" not in attributes
        if is_plain and _is_name(reference):
            continue
        name = json.loads(attributes).get("dn")
        new = normal_reference(name if isinstance(name, str) else reference)
        old.update({reference, new.casefold()} - {new})
        if new != reference:
            changed.append((number, new))
    for number, new in changed:
        one = OBJECT.c.id == number
        connection.execute(sa.update(OBJECT).where(one).values(reference=new))
    return old


def _members(connection, old):
    rows = connection.execute(sa.select(REFERENCE), execution_options=MANY)
    groups = {
        group for group, target in rows if target in old or ("=" in target and not _is_name(target))
    }
    for number in groups:
        connection.execute(sa.update(OBJECT).where(OBJECT.c.id == number).values(hash=b""))


def _is_name(reference):
    """Tell whether it is compared as a name, without regard to case."""
    return normal_reference(reference.upper()) != reference.upper()


def downgrade():
    """Leave them: the older program writes its own form when it meets an object again."""
