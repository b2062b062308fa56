"""The hash-chained audit log and its signed checkpoints."""

import sqlalchemy as sa
from alembic import op

from softfall.store.append_only import refuse_changes

revision = "0005"
down_revision = "0004"


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
