"""What a reported message proves of its sender, beside the manifest that it was checked by."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add both columns."""
    op.add_column("reported_messages", sa.Column("manifest", sa.LargeBinary(), nullable=True))
    op.add_column("reported_messages", sa.Column("finding", sa.Text(), nullable=True))
