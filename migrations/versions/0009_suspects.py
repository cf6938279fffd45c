"""Which actions are suspects: the connection broke on them. Before, their errors began so."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BEGAN = "tried by itself next, because its answer was lost: "
ACTION = sa.table("action", sa.column("error"), sa.column("is_suspect", sa.Boolean()))


def upgrade():
    no = sa.false()
    op.add_column(
        "action", sa.Column("is_suspect", sa.Boolean(), nullable=False, server_default=no)
    )
    suspects = ACTION.c.error.startswith(BEGAN, autoescape=True)
    op.execute(ACTION.update().where(suspects).values(is_suspect=True))


def downgrade():
    op.drop_column("action", "is_suspect")
