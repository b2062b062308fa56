"""Seeds of what is dealt for `homomorphic`: a keyholder's half is made when it is fetched."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "seeds",
        sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("waits_for", sa.String(16), nullable=False),
        sa.Column("mode", sa.Integer, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("provider_seed", sa.LargeBinary, nullable=False),
        sa.Column("keyholder_seed", sa.LargeBinary),
    )
    op.create_index("seeds_of_a_kind", "seeds", ["waits_for", "mode", "rows", "serial"])
