"""Each epoch's HPKE key for `confirm`."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("epochs", sa.Column("confirm_secret", sa.LargeBinary))
