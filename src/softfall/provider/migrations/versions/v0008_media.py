"""How many pictures and frames each account submitted."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "media_submitted",
        sa.Column("account", _ROW, nullable=False),
        sa.Column("window_start_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("submitted", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.PrimaryKeyConstraint("account", "window_start_ms"),
    )
