"""Actions, and what rules remember of earlier ones."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, false, text

from hypersync.model.actions import OPEN_STATES, ActionState, OnExpiry
from hypersync.model.objects import Operation
from hypersync.store.columns import EnumText, Json, UtcTime
from hypersync.store.tables.base import BigKey, metadata

_OPEN = text("state IN (" + ", ".join(f"'{s.value}'" for s in sorted(OPEN_STATES, key=str)) + ")")

action = Table(
    "action",
    metadata,
    Column("seq", BigKey, primary_key=True),
    Column("id", Text, nullable=False),
    Column("run", ForeignKey("run.id"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("kind", Text, nullable=False),  # of the rule
    Column("identity", BigKey, nullable=False),
    Column("object", BigKey),
    Column("silo", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("anchor", Text),
    Column("slot", Text, nullable=False),
    Column("operation", EnumText(Operation), nullable=False),
    Column("key", Text, nullable=False),
    Column("target", Text, nullable=False, default=""),  # throttle key: group and member, or empty
    Column("state", EnumText(ActionState), nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("once", Json),  # values computed once, secrets left out
    Column("title", Text, nullable=False, default=""),  # who it is, for people
    Column("fingerprint", Text, nullable=False),
    Column("reasons", Json),  # [{"guard", "name", "text"}]
    Column("vip", Text),
    Column("cluster", Text),  # of its request's clusters, when what is asked has some
    Column("undoes", Text),  # the action that this one takes back
    Column("request", Text),
    Column("on_expiry", EnumText(OnExpiry), nullable=False, default=OnExpiry.CLEAR),
    Column("replacements", Integer, nullable=False, default=0),
    Column("proposed_at", UtcTime, nullable=False),
    Column("suspended_at", UtcTime),
    Column("expires_at", UtcTime),
    Column("decided_by", Text),
    Column("decided_at", UtcTime),
    Column("approved_until", UtcTime),
    Column("released_by", Text),  # the run that queued it after an approval
    Column("queued_at", UtcTime),  # first let through or released; lookbacks count by it
    Column("let_through", Boolean, nullable=False, default=False),  # queued without a person
    Column("retry_at", UtcTime),
    Column("attempts", Integer, nullable=False, default=0),
    Column("worker", Text),  # the run that may start it or did; none may before a recheck
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("error", Text),
    # the connection broke on it
    Column("is_suspect", Boolean, nullable=False, default=False, server_default=false()),
    Column("waits", Text),  # why the last committing run left an open action as it was
    Index("uq_action_id", "id", unique=True),
    Index(
        "ix_action_undoes",
        "undoes",
        sqlite_where=text("undoes IS NOT NULL"),
        postgresql_where=text("undoes IS NOT NULL"),
    ),
    Index("uq_action_open_key", "key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_action_rule_queued_at", "rule", "queued_at", "identity"),
    Index("ix_action_run_rule", "run", "rule"),
    Index("ix_action_state", "state", "silo", "retry_at"),
    Index("ix_action_identity", "identity", "rule"),
    Index("ix_action_request", "request"),
    Index("ix_action_released_by", "released_by"),
    Index("ix_action_object", "object", "operation"),
    Index("ix_action_silo_queued_at", "silo", "operation", "queued_at"),
)

execution_mark = Table(
    "execution_mark",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("identity", BigKey, primary_key=True),
    Column("target", Text, primary_key=True),  # memberships: group and member; else empty
    Column("last_start", UtcTime),
    Column("held", Boolean, nullable=False, default=False),  # event rules: the condition held
    Index("ix_execution_mark_last_start", "rule", "last_start"),
)

hold = Table(
    "hold",
    metadata,
    Column("key", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("identity", BigKey, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", Text),
    Column("times", Integer, nullable=False, default=1),
    Index("ix_hold_identity", "identity"),
)

undo_hold = Table(  # changes that were taken back, or are to be: their rules do not redo them
    "undo_hold",
    metadata,
    Column("undo", Text, primary_key=True),  # the action that takes the change back
    Column("identity", BigKey, primary_key=True),
    Column("run", Text, nullable=False),
    Column("rule", Text, nullable=False),  # whose change it was
    Column("object", BigKey),
    Column("slot", Text, nullable=False),
    Column("target", Text, nullable=False, default=""),  # group and member, or empty
    Column("operation", EnumText(Operation), nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("until", UtcTime, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("ix_undo_hold_identity", "identity"),
    Index("ix_undo_hold_until", "until"),
)

quota = Table(
    "quota",
    metadata,
    Column("context", Text, primary_key=True),
    Column("window_start", UtcTime, nullable=False),
    Column("used", Integer, nullable=False),
)
