"""All tables. A change here needs a migration in ``migrations/versions`` (a test compares them).

Keys: ``object`` and ``identity`` have integer keys, because they are read in order by the million;
runs, actions and requests have public random ids. State changes are guarded UPDATEs elsewhere; the
partial unique index on open action keys is what makes "one open action per key" true.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from hypersync.model.actions import OPEN_STATES, ActionState, OnExpiry
from hypersync.model.objects import Operation
from hypersync.model.requests import Answer, RequestKind, RequestState
from hypersync.model.runs import RunKind, RunMode, RunState
from hypersync.store.columns import EnumText, Json, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only counts up in columns of exactly INTEGER
BigKey = BigInteger().with_variant(Integer, "sqlite")

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("join_revision", Text),  # of the joins the stored keys were made with
    Column("rulebook_revision", Text),  # of the last committing full sync
)

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
