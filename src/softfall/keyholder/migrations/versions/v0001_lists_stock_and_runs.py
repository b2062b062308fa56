"""Epochs, list versions, dealt material that waits, and what was answered."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "epochs",
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column(
            "epoch",
            sa.BigInteger,
            sa.ForeignKey("epochs.epoch"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("list_version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.Column("taken_at_ms", sa.BigInteger, nullable=False),
    )
    _make_stock()
    op.create_table(
        "spent",
        sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("spent_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("spent_by_time", "spent", ["spent_at_ms"])
    op.create_table(
        "runs",
        sa.Column(
            "epoch",
            sa.BigInteger,
            sa.ForeignKey("epochs.epoch"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("commitment", sa.LargeBinary(32), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )


def _make_stock() -> None:
    op.create_table(
        "stock",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("serial", sa.BigInteger, nullable=False, unique=True),
        sa.Column("mode", sa.Integer, nullable=False),
        sa.Column("capacity_rows", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("stock_by_kind", "stock", ["mode", "capacity_rows", "position"])
    op.create_table(
        "reached",
        sa.Column("mode", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("capacity_rows", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("newest", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
