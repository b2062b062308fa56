"""The hash-chained audit log, its signed checkpoints, and referrals by e-mail."""

import sqlalchemy as sa
from alembic import op

from softfall.store.append_only import refuse_changes

revision = "0005"
down_revision = "0004"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and the triggers that let them only grow."""
    op.create_table("audit_logs", sa.Column("name", sa.String(64), primary_key=True))
    op.create_table(
        "audit_lines",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("audit_lines_by_subject", "audit_lines", ["subject", "number"])
    op.create_index("audit_lines_by_action", "audit_lines", ["action", "number"])
    op.create_table(
        "audit_checkpoints",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("number", "at_ms"),
    )
    refuse_changes(op.get_bind(), "audit_logs", ("name",))
    refuse_changes(op.get_bind(), "audit_lines", ("number",))
    refuse_changes(op.get_bind(), "audit_checkpoints", ("number", "at_ms"))
    _make_hotline()


def _make_hotline() -> None:
    op.create_table(
        "hotline_mails",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("queued_by", sa.String(64), nullable=False),
        sa.Column("queued_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("sealed_document", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("unsure", sa.Integer(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_holder", sa.String(64), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("case_id"),
    )
    op.create_index("hotline_mails_due", "hotline_mails", ["state", "due_ms"])
    op.create_table(
        "hotline_steps",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("mail", _ROW, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("start", sa.String(16), nullable=True),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("end", sa.String(16), nullable=False),
        sa.Column("told", sa.String(400), nullable=False),
        sa.ForeignKeyConstraint(["mail"], ["hotline_mails.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("hotline_steps_by_mail", "hotline_steps", ["mail"])
