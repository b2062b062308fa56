"""Verdicts about candidates, and answers given before sending."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "verdicts",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("decided_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "clearances",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("account", _ROW, nullable=False),
        sa.Column("submission_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("answer", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("received", sa.Boolean(), nullable=False),
        sa.Column("answered_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("account", "submission_digest"),
    )
    op.create_index("clearances_by_time", "clearances", ["account", "answered_at_ms"])
