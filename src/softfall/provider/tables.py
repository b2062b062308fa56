"""The provider's tables: what it keeps, and nothing else.

Guarantees, by constraint: one envelope enters one mailbox once (`mailboxes`), one voucher is used
once, one message is reported once by one reporter, one (sender, envelope_id) is one envelope.
Kept never: plaintext, picture hashes, a device's token (only its digest), a submission once judged.
The migrations in `migrations/` make these tables; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite numbers rows by INTEGER only; elsewhere a row number is 64 bits wide.
_ROW = BigInteger().with_variant(Integer, "sqlite")

accounts = Table(
    "accounts",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("curve25519", String(64), nullable=False),
    Column("ed25519", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
    Column("token_sha256", LargeBinary(32), nullable=False, unique=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("next_sequence", BigInteger, nullable=False),
)

one_time_keys = Table(
    "one_time_keys",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("account", ForeignKey("accounts.row"), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
    Column("claimed_at_ms", BigInteger, nullable=True),
    UniqueConstraint("account", "key_id"),
    Index("one_time_keys_left", "account", "claimed_at_ms"),
)

fallback_keys = Table(
    "fallback_keys",
    metadata,
    Column("account", ForeignKey("accounts.row"), primary_key=True),
    Column("key_id", String(64), nullable=False),
    Column("key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("account", ForeignKey("accounts.row"), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("uploaded_at_ms", BigInteger, nullable=False),
)

envelopes = Table(
    "envelopes",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("sender", ForeignKey("accounts.row"), nullable=False),
    Column("envelope_id", LargeBinary(16), nullable=False),
    Column("envelope_sha256", LargeBinary(32), nullable=False),
    Column("conversation", String(64), nullable=False),
    Column("group_body", LargeBinary, nullable=True),
    Column("attachment", LargeBinary(32), nullable=True),
    Column("submission_option", String(32), nullable=True),
    Column("submission_epoch", BigInteger, nullable=True),
    Column("submission_body", LargeBinary, nullable=True),
    Column("receipt", LargeBinary, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_since_ms", BigInteger, nullable=False),
    Column("recoveries", Integer, nullable=False),
    Column("keeper", BigInteger, nullable=True),  # the process that is to judge it
    Column("hold_kind", String(16), nullable=True),
    Column("hold_evidence", Text, nullable=True),
    Column("escalated_at_ms", BigInteger, nullable=True),
    Column("emptied_at_ms", BigInteger, nullable=True),
    UniqueConstraint("sender", "envelope_id"),
    Index("envelopes_by_state", "state", "state_since_ms"),
    Index("envelopes_by_attachment", "attachment"),
    Index("envelopes_by_id", "envelope_id"),
    Index("envelopes_by_age", "received_at_ms"),
    sqlite_autoincrement=True,  # a row number is never used twice
)

payloads = Table(
    "payloads",
    metadata,
    Column("envelope", ForeignKey("envelopes.row", ondelete="CASCADE"), primary_key=True),
    Column("account", ForeignKey("accounts.row"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("body", LargeBinary, nullable=True),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("account", ForeignKey("accounts.row"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("envelope", ForeignKey("envelopes.row", ondelete="CASCADE"), nullable=False),
    Column("delivered_at_ms", BigInteger, nullable=False),
    Column("acked_at_ms", BigInteger, nullable=True),
    UniqueConstraint("account", "envelope"),
    Index("mailboxes_by_envelope", "envelope"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("envelope", ForeignKey("envelopes.row", ondelete="CASCADE"), nullable=False),
    Column("start", String(16), nullable=True),
    Column("end", String(16), nullable=False),
    Column("who", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("decided_by", String(64), nullable=True),
    Index("transitions_by_envelope", "envelope"),
)

receipt_keys = Table(
    "receipt_keys",
    metadata,
    Column("key_id", _ROW, primary_key=True, autoincrement=True),
    Column("key", LargeBinary(32), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # nor is a key's number, which receipts carry
)

service_keys = Table(
    "service_keys",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("key", LargeBinary(32), nullable=False),
)

vouchers_used = Table(
    "vouchers_used",
    metadata,
    Column("nonce", LargeBinary(16), primary_key=True),
    Column("used_at_ms", BigInteger, nullable=False),
)

# How many tokens an account was issued in the half-hour that began then.
tokens_issued = Table(
    "tokens_issued",
    metadata,
    Column("account", ForeignKey("accounts.row"), primary_key=True),
    Column("window_start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("issued", BigInteger, nullable=False),
)

# How many pictures and frames of videos an account submitted in the half-hour that began then.
media_submitted = Table(
    "media_submitted",
    metadata,
    Column("account", ForeignKey("accounts.row"), primary_key=True),
    Column("window_start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("submitted", BigInteger, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("report_id", String(32), nullable=False, unique=True),
    Column("reporter", ForeignKey("accounts.row"), nullable=False),
    Column("report_sha256", LargeBinary(32), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("reported_at_ms", BigInteger, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("lies_proved", Integer, nullable=False),
    Column("anonymous", Boolean, nullable=False),
    Column("in_danger_now", Boolean, nullable=False),
    UniqueConstraint("reporter", "report_sha256"),
)

# content, franking_key, opening and manifest are gone once casework has the report.
reported_messages = Table(
    "reported_messages",
    metadata,
    Column("report", ForeignKey("reports.row"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("reporter", ForeignKey("accounts.row"), nullable=False),
    Column("receipt_mac", LargeBinary(32), nullable=False),
    Column("sender", String(64), nullable=False),
    Column("content", LargeBinary, nullable=True),
    Column("franking_key", LargeBinary(32), nullable=True),
    Column("receipt", LargeBinary, nullable=False),
    Column("opening", LargeBinary, nullable=True),
    Column("picture_sha256", LargeBinary(32), nullable=True),
    Column("lie", String(64), nullable=True),
    Column("manifest", LargeBinary, nullable=True),
    Column("finding", Text, nullable=True),
    UniqueConstraint("reporter", "receipt_mac"),
)

epochs = Table(
    "epochs",
    metadata,
    Column("option", String(32), primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("manifest", LargeBinary, nullable=False),
    Column("artefact_sha256", LargeBinary(32), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("loaded_at_ms", BigInteger, nullable=False),
    Column("replaced_at_ms", BigInteger, nullable=True),
)

# What `confirm` said about a candidate, by a digest: neither shares nor account. evidence: JSON.
verdicts = Table(
    "verdicts",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("decided_at_ms", BigInteger, nullable=False),
)

# Answers given before sending: they limit an account's answers a day, and keep what was blocked.
clearances = Table(
    "clearances",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("account", ForeignKey("accounts.row"), nullable=False),
    Column("submission_digest", LargeBinary(32), nullable=False),
    Column("answer", String(16), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("received", Boolean, nullable=False),
    Column("answered_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account", "submission_digest"),
    Index("clearances_by_time", "account", "answered_at_ms"),
)

# What was found about something public, by the platform's own reference. digest: of what was
# submitted, salted by its kind and subject; no hash of a picture.
surface_checks = Table(
    "surface_checks",
    metadata,
    Column("reference", String(64), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("answer", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("checked_at_ms", BigInteger, nullable=False),
)
