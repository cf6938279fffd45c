"""Requests to people, their decisions, and the messages that carry both."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from hypersync.model.actions import OnExpiry
from hypersync.model.requests import Answer, RequestKind, RequestState
from hypersync.store.columns import EnumText, Json, UtcTime
from hypersync.store.tables.base import BigKey, metadata

request = Table(
    "request",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", EnumText(RequestKind), nullable=False),
    Column("state", EnumText(RequestState), nullable=False),
    Column("run", Text),
    Column("rule", Text),
    Column("vip", Text),
    Column("silo", Text),
    Column("type", Text),
    Column("scan", Text),
    Column("sentence", Text, nullable=False),
    Column("cause", Text, nullable=False, default=""),
    Column("clusters", Json),  # [{"key", "text", "count"}], NULL: its actions fall into none
    Column("count", Integer, nullable=False),
    Column("nth", Integer, nullable=False, default=1),
    Column("digest", Text, nullable=False, default=""),  # of the list as it was when opened
    Column("template", Text),
    Column("plan", Json, nullable=False),  # frozen when opened
    Column("approvers", Json, nullable=False),  # person ids, frozen when opened
    Column("step", Integer, nullable=False, default=0),
    Column("step_due", UtcTime),  # when the step's time is over; NULL waits to the expiry
    Column("rounds", Integer, nullable=False, default=0),  # how often the plan was repeated
    Column("notifying", Boolean, nullable=False, default=True),  # the plan has not ended
    Column("acknowledged_by", Text),
    Column("acknowledged_until", UtcTime),
    Column("on_expiry", EnumText(OnExpiry), nullable=False, default=OnExpiry.CLEAR),
    Column("opened_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("closed_at", UtcTime),
    Column("counts", Json),  # approved, rejected, cleared, default_approved
    Column("detail", Json),
    Index("ix_request_state_step_due", "state", "step_due"),
    Index("ix_request_state_expires_at", "state", "expires_at"),
    Index("ix_request_run_rule", "run", "rule"),
    Index("ix_request_scan", "scan"),
)

decision = Table(
    "decision",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("request", Text),
    Column("action", Text),  # NULL: the scan of the request
    Column("answer", EnumText(Answer), nullable=False),
    Column("by", Text, nullable=False),  # person:ID, cli:USER or expiry
    Column("at", UtcTime, nullable=False),
    Column("proof", Text, nullable=False),  # code, session, shell or expiry
    Column("comment", Text),
    Index("ix_decision_action", "action"),
    Index("ix_decision_request", "request"),
)

# one message per request, step and address; the outbox keeps what is to be said, not the text
delivery = Table(
    "delivery",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("request", Text),
    Column("step", Integer, nullable=False, default=0),
    Column("round", Integer, nullable=False, default=0),
    Column("kind", Text, nullable=False),  # request, decided, forwarded, expired, digest
    Column("channel", Text, nullable=False),  # email, ...
    Column("address", Text, nullable=False),
    Column("person", Text),
    Column("nonce", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting, sending, sent, failed, cancelled
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", UtcTime, nullable=False),
    Column("next_at", UtcTime),
    Column("sent_at", UtcTime),
    Column("worker", Text),
    Column("error", Text),
    Column("payload", Json),
    Index("ix_delivery_state_next_at", "state", "next_at"),
    Index("ix_delivery_request", "request"),
    Index("uq_delivery", "request", "step", "round", "kind", "channel", "address", unique=True),
)

token = Table(
    "token",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("person", Text),
    Column("address", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("wrong_codes", Integer, nullable=False, default=0),
    Index("ix_token_request", "request"),
)
