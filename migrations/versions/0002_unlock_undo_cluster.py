"""Unlock keys, undo, clusters, who changed rules, why a run was started, what waits for what."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "unlock_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("silo", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_by", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.Column("expiry_noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unlock_key")),
    )
    op.create_table(
        "rule_publication",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("after", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("brought_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_publication")),
    )
    op.create_index("uq_rule_publication", "rule_publication", ["rule", "after"], unique=True)
    op.create_table(
        "rule_preview",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("after", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("brought_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_preview")),
    )
    op.create_index("ix_rule_preview_rule", "rule_preview", ["rule"], unique=False)
    op.create_table(
        "awaited_reference",
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("identity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("slot", "key", "identity", name=op.f("pk_awaited_reference")),
    )
    op.create_index("ix_awaited_reference_key", "awaited_reference", ["key"], unique=False)
    op.create_table(
        "undo_hold",
        sa.Column("undo", sa.Text(), nullable=False),
        sa.Column("identity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("object", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("undo", "identity", name=op.f("pk_undo_hold")),
    )
    op.create_index("ix_undo_hold_identity", "undo_hold", ["identity"], unique=False)
    op.create_index("ix_undo_hold_until", "undo_hold", ["until"], unique=False)
    op.add_column(
        "identity", sa.Column("ambiguous_since", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("action", sa.Column("waits", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("undoes", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("plan", sa.Text(), nullable=True))
    op.create_index(
        "uq_run_plan",
        "run",
        ["plan"],
        unique=True,
        sqlite_where=sa.text("plan IS NOT NULL AND mode = 'commit'"),
        postgresql_where=sa.text("plan IS NOT NULL AND mode = 'commit'"),
    )
    op.add_column("run", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("action", sa.Column("cluster", sa.Text(), nullable=True))
    op.add_column("request", sa.Column("clusters", sa.Text(), nullable=True))
    op.add_column("action", sa.Column("undoes", sa.Text(), nullable=True))
    op.create_index(
        "ix_action_undoes",
        "action",
        ["undoes"],
        unique=False,
        sqlite_where=sa.text("undoes IS NOT NULL"),
        postgresql_where=sa.text("undoes IS NOT NULL"),
    )


def downgrade():
    op.drop_index("ix_action_undoes", table_name="action")
    op.drop_column("action", "undoes")
    op.drop_column("action", "waits")
    op.drop_column("identity", "ambiguous_since")
    op.drop_index("ix_undo_hold_until", table_name="undo_hold")
    op.drop_index("ix_undo_hold_identity", table_name="undo_hold")
    op.drop_table("undo_hold")
    op.drop_index("ix_awaited_reference_key", table_name="awaited_reference")
    op.drop_table("awaited_reference")
    op.drop_index("ix_rule_preview_rule", table_name="rule_preview")
    op.drop_table("rule_preview")
    op.drop_index("uq_rule_publication", table_name="rule_publication")
    op.drop_table("rule_publication")
    op.drop_column("action", "cluster")
    op.drop_column("request", "clusters")
    op.drop_column("run", "reason")
    op.drop_index("uq_run_plan", table_name="run")
    op.drop_column("run", "plan")
    op.drop_column("run", "undoes")
    op.drop_table("unlock_key")
