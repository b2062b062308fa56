"""Sealed cells."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the one table."""
    op.create_table(
        "cells",
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("drawer", sa.Text, nullable=False),
        sa.Column("place", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("drawer", "place"),
        sqlite_autoincrement=True,
    )
