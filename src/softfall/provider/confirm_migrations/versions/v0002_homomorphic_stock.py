"""Dealt material for `homomorphic` that waits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "homomorphic_stock",
        sa.Column("position", _ROW, primary_key=True, autoincrement=True),
        sa.Column("serial", sa.BigInteger(), nullable=False, unique=True),
        sa.Column("mode", sa.Integer(), nullable=False),
        sa.Column("capacity_rows", sa.BigInteger(), nullable=False),
        sa.Column("dealt", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
