"""Which process is to judge an envelope."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the column; what waits from before is nobody's, and taken up at the next start."""
    op.add_column("envelopes", sa.Column("keeper", sa.BigInteger(), nullable=True))
