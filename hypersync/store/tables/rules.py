"""What rules said, and who brought it: only added to."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text

from hypersync.store.columns import Json, UtcTime
from hypersync.store.tables.base import BigKey, metadata

# what rules in force said, only added to; each row follows the one before of its rule, 0 for the
# first
rule_publication = Table(
    "rule_publication",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("after", BigKey, nullable=False),
    Column("content", Text),  # a hash of all the rule says; NULL: it was taken out
    Column("loaded_at", UtcTime, nullable=False),  # by the process that put it in force
    Column("brought_at", UtcTime, nullable=False),  # loaded by the process that was first with it
    Column("by", Text, nullable=False),  # cli:USER
    Column("people", Json, nullable=False),  # ids of those known to have brought it
    Column("is_first", Boolean, nullable=False, default=False),  # nobody's change
    Index("uq_rule_publication", "rule", "after", unique=True),
)

# what previews were the first to say of rules, only added to
rule_preview = Table(
    "rule_preview",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("after", BigKey, nullable=False),  # the publication in force then, 0 for none
    Column("content", Text),  # as above
    Column("brought_at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("people", Json, nullable=False),
    Index("ix_rule_preview_rule", "rule"),
)
