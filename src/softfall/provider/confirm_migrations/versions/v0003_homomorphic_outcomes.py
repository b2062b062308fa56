"""What became of each query of `homomorphic`."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "homomorphic_outcomes",
        sa.Column("epoch", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("commitment", sa.LargeBinary(length=32), primary_key=True),
        sa.Column("query_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("entries", sa.Text(), nullable=True),
        sa.Column("list_version", sa.BigInteger(), nullable=True),
    )
