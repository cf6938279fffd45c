"""Objects, the identities they belong to, and what is kept to join and name them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from hypersync.store.columns import Json, UtcTime
from hypersync.store.tables.base import BigKey, metadata

identity = Table(
    "identity",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("key", Text),  # name space and normal value of the join; NULL stands alone
    Column("vip", Json),  # {VIP rule: time it last held}, written by committing runs
    Column("ambiguous", Text),  # why no rule runs
    Column("ambiguous_since", UtcTime),
    Column("confirm_after", UtcTime),  # regrouped then: proposes nothing until scans after this
    Column("merged_into", BigKey),
    Index("uq_identity_key", "key", unique=True),
    Index(
        "ix_identity_confirm_after",
        "confirm_after",
        sqlite_where=text("confirm_after IS NOT NULL"),
        postgresql_where=text("confirm_after IS NOT NULL"),
    ),
)

object_ = Table(
    "object",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("silo_type", ForeignKey("silo_type.id"), nullable=False),
    Column("anchor", Text, nullable=False),
    Column("identity", BigKey, nullable=False),
    Column("slot", Text),  # NULL: no join rule takes it
    Column("key", Text),  # the join key this object has by itself
    Column("reference", Text),  # what others store to refer to it: its normal DN, if it has one
    Column("hash", LargeBinary, nullable=False),
    Column("attributes", Text, nullable=False),  # compact JSON
    Column("absence", Text),  # NULL is present; gone, soft, absent, out_of_scope, invalid
    Column("deleted_at", UtcTime),
    Column("misses", Integer, nullable=False, default=0),  # complete scans that missed it (grace)
    Column("missed_at", UtcTime),  # when the last of them did
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("source", Text, nullable=False),  # scan:ID or action:ID that wrote it last
    Index("uq_object", "silo_type", "anchor", unique=True),
    Index("ix_object_identity", "identity", "slot"),
    Index("ix_object_key", "key"),
    Index(
        "ix_object_odd",  # what a full scan knows of besides hashes
        "silo_type",
        sqlite_where=text("absence IS NOT NULL OR misses > 0"),
        postgresql_where=text("absence IS NOT NULL OR misses > 0"),
    ),
    Index(
        "ix_object_missed",  # what a delta looks at again
        "silo_type",
        sqlite_where=text("misses > 0"),
        postgresql_where=text("misses > 0"),
    ),
    Index(
        "ix_object_reference",
        "reference",
        sqlite_where=text("reference IS NOT NULL"),
        postgresql_where=text("reference IS NOT NULL"),
    ),
)

object_change = Table(
    "object_change",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("object", BigKey, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("before", Json),  # the changed attributes; null for each that was missing
    Column("after", Json),
    Column("absence_before", Text),
    Column("absence_after", Text),
    Index("ix_object_change_object", "object", "id"),
)

# members (and later managers): what the silo stores to refer to another object
reference = Table(
    "reference",
    metadata,
    Column("object", BigKey, primary_key=True),
    Column("attribute", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Index("ix_reference_target", "target"),
)

# references that pointed nowhere: the identity is looked at again when the object appears
awaited_reference = Table(
    "awaited_reference",
    metadata,
    Column("slot", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("identity", BigKey, primary_key=True),
    Index("ix_awaited_reference_key", "key"),
)

pending_identity = Table(
    "pending_identity",
    metadata,
    Column("identity", BigKey, primary_key=True),
    Column("run", Text),  # claimed by
    Column("not_before", UtcTime),
    Index("ix_pending_identity_run", "run", "not_before"),
)

reservation = Table(
    "reservation",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("identity", BigKey, nullable=False),
    Column("rule", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)
