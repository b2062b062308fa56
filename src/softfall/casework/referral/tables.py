"""A referral's tables: its draft and approval, its steps towards the authority, every answer.

Guarantees, by constraint: a case has one referral; a file has one place in it; every answer is a
row of its own, with the authority's own Request-ID. What quotes a case (a draft, the documents
approved) is sealed with the case's key, so that it goes when the key goes.
The migrations in `migrations/` make these tables; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from softfall.casework.schema import ROW, metadata

# revision: one more with each saved edit. failures: questions in a row that came to nothing.
# note: the event that people are shown: what stopped it, or keeps it from getting on.
# withdraw_by: who took it back while a question was in flight.
referrals = Table(
    "referrals",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("case_id", String(32), nullable=False, unique=True),
    Column("subject", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_since_ms", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("edited_by", String(64), nullable=True),
    Column("sealed_edits", LargeBinary, nullable=True),
    Column("approved_digest", String(64), nullable=True),
    Column("approved_by", String(64), nullable=True),
    Column("approved_at_ms", BigInteger, nullable=True),
    Column("sealed_documents", LargeBinary, nullable=True),
    Column("report_id", BigInteger, nullable=True),
    Column("begun", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("note", String(32), nullable=True),
    Column("due_ms", BigInteger, nullable=False),
    Column("lease_holder", String(64), nullable=True),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("withdraw_by", String(64), nullable=True),
    Index("referrals_due", "state", "due_ms"),
    Index("referrals_by_subject", "subject"),
)

referral_files = Table(
    "referral_files",
    metadata,
    Column("referral", ForeignKey("referrals.row", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("evidence_id", BigInteger, nullable=False),
    Column("file_id", String(64), nullable=True),
    Column("described_at_ms", BigInteger, nullable=True),
    UniqueConstraint("referral", "evidence_id"),
)

# What was done, by whom ("sender" or a member of staff), and what the authority answered.
referral_steps = Table(
    "referral_steps",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("referral", ForeignKey("referrals.row", ondelete="CASCADE"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(64), nullable=False),
    Column("start", String(16), nullable=False),
    Column("event", String(32), nullable=False),
    Column("end", String(16), nullable=False),
    Column("report_id", BigInteger, nullable=True),
    Column("http_status", Integer, nullable=True),
    Column("code", Integer, nullable=True),
    Column("request_id", String(128), nullable=True),
    Column("told", Text, nullable=False),
    Index("referral_steps_by_referral", "referral"),
)
