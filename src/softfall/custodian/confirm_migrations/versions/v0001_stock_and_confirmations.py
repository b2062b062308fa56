"""Dealt material that waits, and confirmations under way or done."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_RELEASED = sa.text("finished IS NOT NULL")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "stock",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("serial", sa.BigInteger, nullable=False, unique=True),
        sa.Column("dealt", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    reached = op.create_table(
        "reached",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1", name="one_row"), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("newest", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(reached, [{"id": 1, "position": 0, "newest": -1}])
    op.create_table(
        "confirms_counted",
        sa.Column("window_start_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("used", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "confirmations",
        sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("commitment", sa.LargeBinary(32), nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("begin_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("begun", sa.LargeBinary, nullable=False),
        sa.Column("kept", sa.LargeBinary),
        sa.Column("begun_at_ms", sa.BigInteger, nullable=False),
        sa.Column("finish_sha256", sa.LargeBinary(32)),
        sa.Column("finished", sa.LargeBinary),
    )
    op.create_index("confirmations_by_time", "confirmations", ["begun_at_ms"])
    op.create_index(
        "one_bit_a_share_and_entry",
        "confirmations",
        ["commitment", "entry"],
        unique=True,
        sqlite_where=_RELEASED,
        postgresql_where=_RELEASED,
    )
