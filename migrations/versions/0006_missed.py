"""When a complete scan missed an object last: looks that are not apart in time are one look."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MISSED = sa.text("misses > 0")


def upgrade():
    op.add_column("object", sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_object_missed",
        "object",
        ["silo_type"],
        sqlite_where=MISSED,
        postgresql_where=MISSED,
    )


def downgrade():
    op.drop_index("ix_object_missed", table_name="object")
    op.drop_column("object", "missed_at")
