"""Referrals: drafts, the steps towards the authority, what it answered."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "referrals",
        sa.Column("row", ROW, primary_key=True, autoincrement=True),
        sa.Column("case_id", sa.String(32), nullable=False, unique=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_since_ms", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("edited_by", sa.String(64), nullable=True),
        sa.Column("sealed_edits", sa.LargeBinary, nullable=True),
        sa.Column("approved_digest", sa.String(64), nullable=True),
        sa.Column("approved_by", sa.String(64), nullable=True),
        sa.Column("approved_at_ms", sa.BigInteger, nullable=True),
        sa.Column("sealed_documents", sa.LargeBinary, nullable=True),
        sa.Column("report_id", sa.BigInteger, nullable=True),
        sa.Column("begun", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("note", sa.String(32), nullable=True),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("lease_holder", sa.String(64), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger, nullable=False),
        sa.Column("withdraw_by", sa.String(64), nullable=True),
    )
    op.create_index("referrals_due", "referrals", ["state", "due_ms"])
    op.create_index("referrals_by_subject", "referrals", ["subject"])
    op.create_table(
        "referral_files",
        sa.Column("referral", ROW, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("evidence_id", sa.BigInteger, nullable=False),
        sa.Column("file_id", sa.String(64), nullable=True),
        sa.Column("described_at_ms", sa.BigInteger, nullable=True),
        sa.ForeignKeyConstraint(["referral"], ["referrals.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("referral", "position"),
        sa.UniqueConstraint("referral", "evidence_id"),
    )
    _steps()


def _steps() -> None:
    op.create_table(
        "referral_steps",
        sa.Column("row", ROW, primary_key=True, autoincrement=True),
        sa.Column("referral", ROW, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("start", sa.String(16), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("end", sa.String(16), nullable=False),
        sa.Column("report_id", sa.BigInteger, nullable=True),
        sa.Column("http_status", sa.Integer, nullable=True),
        sa.Column("code", sa.Integer, nullable=True),
        sa.Column("request_id", sa.String(128), nullable=True),
        sa.Column("told", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["referral"], ["referrals.row"], ondelete="CASCADE"),
    )
    op.create_index("referral_steps_by_referral", "referral_steps", ["referral"])
