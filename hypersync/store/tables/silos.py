"""What is known of the silos themselves, their scans and the sizes they had."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from hypersync.store.columns import Json, UtcTime
from hypersync.store.tables.base import BigKey, metadata

silo_type = Table(
    "silo_type",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("silo", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("live", Integer, nullable=False, default=0),  # live objects after the last applied scan
    Column("scope", Text),  # fingerprint of the last applied scan
    Column("loaded", Boolean, nullable=False, default=False),  # a first scan was applied
    Column("loading", Boolean, nullable=False, default=False),  # its objects are not visible yet
    Column("join_revision", Text),  # of the joins its objects' keys were made with
    Index("uq_silo_type", "silo", "type", unique=True),
)

stream = Table(
    "stream",
    metadata,
    Column("silo", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # the types, joined by a comma
    Column("cursor", Text),
    Column("origin", Text),
)

silo = Table(
    "silo",
    metadata,
    Column("name", Text, primary_key=True),
    Column("paused", Boolean, nullable=False, default=False),
    Column("paused_reason", Text),
)

circuit = Table(  # from the first failure to reach a silo to its next answer
    "circuit",
    metadata,
    Column("silo", Text, primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row
    Column("pauses", Integer, nullable=False),  # since it opened
    Column("opened_at", UtcTime),
    Column("until", UtcTime),  # the end of the present pause
    Column("because", Text),
)

scan = Table(
    "scan",
    metadata,
    Column("id", Text, primary_key=True),
    Column("silo", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("kind", Text, nullable=False),  # full, delta
    Column("state", Text, nullable=False),  # running, applying, applied, suspended, failed...
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("cursor", Text),
    Column("scope", Text),
    Column("types", Json),  # counts by type
    Column("reason", Text),
    Column("request", Text),
    Index("ix_scan_silo_started_at", "silo", "started_at"),
    Index("ix_scan_state", "state"),
)

# what each applied scan left behind: the seven-day high is read from here
population = Table(
    "population",
    metadata,
    Column("silo_type", ForeignKey("silo_type.id"), primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("live", Integer, nullable=False),
)

scan_change = Table(
    "scan_change",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("scan", ForeignKey("scan.id", ondelete="CASCADE"), nullable=False),
    Column("silo_type", ForeignKey("silo_type.id"), nullable=False),
    Column("anchor", Text, nullable=False),
    Column("kind", Text, nullable=False),  # a model.scans.Finding
    Column("attributes", Text),
    Column("hash", LargeBinary),
    Column("why", Text),
    Index("ix_scan_change_scan_id", "scan", "id"),
)

unlock_key = Table(
    "unlock_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("silo", Text),
    Column("text", Text),  # as it was issued, signed; NULL when it was revoked before it came
    Column("applied_at", UtcTime),
    Column("applied_by", Text),
    Column("revoked_at", UtcTime),
    Column("revoked_by", Text),
    Column("revoked_reason", Text),
    Column("expiry_noted_at", UtcTime),
)
