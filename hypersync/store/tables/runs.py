"""Runs and their reports, and which of several processes runs what and when."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from hypersync.model.runs import RunKind, RunMode, RunState
from hypersync.store.columns import EnumText, Json, UtcTime
from hypersync.store.tables.base import BigKey, metadata

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", EnumText(RunKind), nullable=False),
    Column("mode", EnumText(RunMode), nullable=False),
    Column("state", EnumText(RunState), nullable=False),
    Column("config", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("started_by", Text),  # person:ID, cli:USER or schedule:NAME
    Column("counts", Json),
    Column("rules", Json),
    Column("scans", Json),
    Column("error", Text),
    Column("undoes", Text),  # the run that this one takes back
    Column("plan", Text),  # hash of the plan file it made, or carries out (each once only)
    Column("reason", Text),  # of a raise or an undo, in the words of who started it
    Column("carried_on", Json),  # [{"run", "succeeded", "failed", ...}] of earlier runs' actions
    Index("ix_run_started_at", "started_at"),
    Index(
        "uq_run_plan",
        "plan",
        unique=True,
        sqlite_where=text("plan IS NOT NULL AND mode = 'commit'"),
        postgresql_where=text("plan IS NOT NULL AND mode = 'commit'"),
    ),
    Index("ix_run_state", "state"),
)

run_error = Table(
    "run_error",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("run", ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("rule", Text),
    Column("identity", BigKey),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_run_error_run", "run"),
)

verdict_row = Table(
    "verdict_row",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("run", ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("identity", BigKey, nullable=False),
    Column("key", Text, nullable=False),
    Column("verdict", Text, nullable=False),  # throttled, limited, held
    Column("text", Text, nullable=False),
    Index("ix_verdict_row_run", "run"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

schedule_run = Table(
    "schedule_run",
    metadata,
    Column("schedule", Text, primary_key=True),
    Column("due_at", UtcTime, primary_key=True),
    Column("started_at", UtcTime, nullable=False),
    Column("holder", Text, nullable=False),
)
