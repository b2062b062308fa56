"""Views: which entries are a view of a listed picture."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add both columns, and the way from a picture to its views."""
    op.add_column(
        "statements", sa.Column("view", sa.Text, nullable=False, server_default=sa.text("''"))
    )
    op.add_column("statements", sa.Column("view_of", sa.LargeBinary(32)))
    known = sa.text("view_of IS NOT NULL")
    op.create_index(
        "statements_by_whole",
        "statements",
        ["view_of"],
        sqlite_where=known,
        postgresql_where=known,
    )
