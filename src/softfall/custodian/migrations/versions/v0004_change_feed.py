"""The change feed: which entries each change of the list touched, so that an index can follow."""

import os

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make both tables; the feed begins at the list as it is now."""
    revisions = op.create_table(
        "list_revisions",
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("stamp", sa.LargeBinary(16), nullable=False),
    )
    op.create_table(
        "list_changes",
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("entry_number", sa.Integer, sa.ForeignKey("entries.number"), primary_key=True),
        sqlite_with_rowid=False,
    )
    now = op.get_bind().execute(sa.text("SELECT revision FROM catalogue_state")).scalar_one()
    op.bulk_insert(revisions, [{"revision": now, "stamp": os.urandom(16)}])
