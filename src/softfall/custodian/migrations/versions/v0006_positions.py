"""Where in the change feed each published version stands, so that the next one reads no more."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table; versions of before have no line in it, and are compared entry by entry."""
    op.create_table(
        "epoch_positions",
        sa.Column("epoch", sa.Integer, sa.ForeignKey("epochs.number"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("stamp", sa.LargeBinary(16), nullable=False),
        sqlite_with_rowid=False,
    )
