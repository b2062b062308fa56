"""Dealt material that waits, and confirmations that use it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "confirm_stock",
        sa.Column("position", _ROW, primary_key=True, autoincrement=True),
        sa.Column("serial", sa.BigInteger(), nullable=False, unique=True),
        sa.Column("dealt", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "confirm_runs",
        sa.Column("shares_sha256", sa.LargeBinary(length=32), primary_key=True),
        sa.Column("entry", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("dealt", sa.LargeBinary(), nullable=True),
        sa.Column("begun", sa.LargeBinary(), nullable=True),
        sa.Column("within", sa.Boolean(), nullable=True),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("confirm_runs_by_time", "confirm_runs", ["since_ms"])
