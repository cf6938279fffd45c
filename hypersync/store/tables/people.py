"""Who may sign in, who has, and the calls of programs."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from hypersync.store.columns import Json, UtcTime
from hypersync.store.tables.base import metadata

# somebody who signs in with a password; what they are called and may do is in the configuration
account = Table(
    "account",
    metadata,
    Column("person", Text, primary_key=True),
    Column("password", Text, nullable=False),  # as argon2 hashed it
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),  # the password
    Column("disabled_at", UtcTime),
    Column("signed_in_at", UtcTime),
)

session = Table(
    "session",
    metadata,
    Column("hash", Text, primary_key=True),  # of what the cookie holds
    Column("person", Text, nullable=False),
    Column("way", Text, nullable=False),  # account or openid
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),  # up to a tenth of the idle time late
    Column("ends_at", UtcTime, nullable=False),
    Index("ix_session_person", "person"),
    Index("ix_session_ends_at", "ends_at"),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Text, primary_key=True),  # by which it is named and revoked
    Column("hash", Text, nullable=False),  # of what its holder has
    Column("person", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
    Index("uq_api_token_hash", "hash", unique=True),
    Index("ix_api_token_person", "person"),
)

# what was answered to a request that may be sent again; NULL while it is being answered
idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("hash", Text, primary_key=True),  # of the key
    Column("person", Text, primary_key=True),
    Column("call", Text, nullable=False),  # method and path
    Column("request_hash", Text, nullable=False),
    Column("status", Integer),
    Column("answer", Text),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_idempotency_key_created_at", "created_at"),
)
