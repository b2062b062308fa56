"""What the provider keeps for the people who decide: what it hands over, and what they decided.

Guarantees, by constraint: one thing is handed over under one key, one enactment is enacted once,
an account has each notice once, under its own running number.
Kept never: a reporter's or an account's words once they are handed over.
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

from softfall.provider.tables import _ROW, metadata

# What is to be handed to casework, in order per subject. body: JSON, gone once it is handed over.
handovers = Table(
    "handovers",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("handover_key", String(192), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("body", Text, nullable=True),
    Column("report", ForeignKey("reports.row"), nullable=True),
    Column("told_at_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("refused", String(64), nullable=True),
    Column("done_at_ms", BigInteger, nullable=True),
    Index("handovers_waiting", "done_at_ms", "due_ms"),
    Index("handovers_by_subject", "subject", "row"),
    Index("handovers_by_report", "report"),
    sqlite_autoincrement=True,  # rows of one subject go out in the order of their numbers
)

# Decisions that were enacted here. answer: JSON, given again if the same is asked again.
enactments = Table(
    "enactments",
    metadata,
    Column("enactment_id", String(32), primary_key=True),
    Column("body_sha256", LargeBinary(32), nullable=False),
    Column("case_id", String(32), nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("answer", Text, nullable=False),
    Column("enacted_at_ms", BigInteger, nullable=False),
    Column("appealed_at_ms", BigInteger, nullable=True),
    Column("appeal_sha256", LargeBinary(32), nullable=True),
)

# What accounts are told once a person has decided. body: a `notice`.
notices = Table(
    "notices",
    metadata,
    Column("notice_id", LargeBinary(16), primary_key=True),
    Column("account", ForeignKey("accounts.row"), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("enactment_id", ForeignKey("enactments.enactment_id"), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("told_at_ms", BigInteger, nullable=False),
    Column("appeal_until_ms", BigInteger, nullable=True),
    Column("acked_at_ms", BigInteger, nullable=True),
    UniqueConstraint("account", "sequence"),
    Index("notices_by_enactment", "enactment_id"),
)

# Accounts that may not send for a while. lifted_at_ms: lifted, or replaced, by a later decision.
restrictions = Table(
    "restrictions",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("account", ForeignKey("accounts.row"), nullable=False),
    Column("enactment_id", ForeignKey("enactments.enactment_id"), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("lifted_at_ms", BigInteger, nullable=True),
    Index("restrictions_by_account", "account", "until_ms"),
)

# Pictures kept for a handover alone, until casework has them.
handover_pictures = Table(
    "handover_pictures",
    metadata,
    Column("handover", ForeignKey("handovers.row", ondelete="CASCADE"), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True),
    Index("handover_pictures_by_digest", "sha256"),
)
