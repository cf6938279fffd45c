"""The circuits of silos: failures in a row, and since when and how long the engine pauses one."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

REQUEST = sa.table(
    "request",
    sa.column("id"),
    sa.column("kind"),
    sa.column("detail"),
    sa.column("state"),
    sa.column("counts"),
    sa.column("notifying", sa.Boolean()),
    sa.column("step_due"),
    sa.column("closed_at", sa.DateTime(timezone=True)),
)
DELIVERY = sa.table("delivery", sa.column("request"), sa.column("state"), sa.column("next_at"))


def upgrade():
    op.create_table(
        "circuit",
        sa.Column("silo", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("silo", name=op.f("pk_circuit")),
    )


def downgrade():
    """Forget the circuits, and end what people were told of them: nobody else ever would."""
    connection = op.get_bind()
    is_open = (REQUEST.c.kind == "incident") & REQUEST.c.state.in_(["open", "acknowledged"])
    for row in connection.execute(sa.select(REQUEST.c.id, REQUEST.c.detail).where(is_open)).all():
        detail = json.loads(row.detail) if isinstance(row.detail, str) else row.detail
        if str((detail or {}).get("cause", "")).startswith("circuit:"):
            values = {"state": "void", "counts": "{}", "notifying": False, "step_due": None}
            ended = sa.update(REQUEST).where(REQUEST.c.id == row.id)
            connection.execute(ended.values(closed_at=sa.func.now(), **values))
            unsent = DELIVERY.c.state.in_(["waiting", "sending"])
            cancelled = sa.update(DELIVERY).where(DELIVERY.c.request == row.id, unsent)
            connection.execute(cancelled.values(state="cancelled", next_at=None))
    op.drop_table("circuit")
