"""Halves that wait for their party, and which serial comes next."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "halves",
        sa.Column("party", sa.String(16), primary_key=True),
        sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("dealt", sa.LargeBinary, nullable=False),
    )
    op.create_table("counter", sa.Column("next_serial", sa.BigInteger, nullable=False))
