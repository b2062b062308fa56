"""Referrals by e-mail: what is to be sent, how far it is, and every try.

Guarantees, by constraint: a case has one. The referral's words are sealed with the case's key, so
that they go when the key goes; the message itself is kept nowhere: it is made anew for each try,
byte for byte (before it is encrypted to the hotline).
The migration v0005 makes these tables; a test compares the two.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from softfall.casework.schema import ROW, metadata

# message_id: the same for every try. unsure: tries that the hotline may have received although
# nobody said so.
hotline_mails = Table(
    "hotline_mails",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("case_id", String(32), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("state_since_ms", BigInteger, nullable=False),
    Column("queued_by", String(64), nullable=False),
    Column("queued_at_ms", BigInteger, nullable=False),
    Column("message_id", String(200), nullable=False),
    Column("sealed_document", LargeBinary, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("unsure", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("lease_holder", String(64), nullable=True),
    Column("lease_until_ms", BigInteger, nullable=False),
    Index("hotline_mails_due", "state", "due_ms"),
)

# What happened, and what the mail server answered.
hotline_steps = Table(
    "hotline_steps",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("mail", ForeignKey("hotline_mails.row", ondelete="CASCADE"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(64), nullable=False),
    Column("start", String(16), nullable=True),
    Column("event", String(16), nullable=False),
    Column("end", String(16), nullable=False),
    Column("told", String(400), nullable=False),
    Index("hotline_steps_by_mail", "mail"),
)
