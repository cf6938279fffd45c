"""What a run carried on of earlier ones; of older runs it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("run", sa.Column("carried_on", sa.Text()))


def downgrade():
    op.drop_column("run", "carried_on")
