"""The installation itself and its audit trail."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from hypersync.store.columns import Json, UtcTime
from hypersync.store.tables.base import BigKey, metadata

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("join_revision", Text),  # of the joins the stored keys were made with
    Column("rulebook_revision", Text),  # of the last committing full sync
)

event = Table(
    "event",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("kind", Text, nullable=False),
    Column("run", Text),
    Column("rule", Text),
    Column("request", Text),
    Column("action", Text),
    Column("silo", Text),
    Column("by", Text),
    Column("data", Json),
    Column("seal", Text),  # NULL until the leader seals it into the hash chain
    Index("ix_event_at", "at"),
    Index("ix_event_request", "request"),
)
