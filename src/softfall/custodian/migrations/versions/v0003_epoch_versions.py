"""Versions within an epoch: what joined and what left since its list was frozen."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SQLITE_TRIGGERS = tuple(
    f"CREATE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'a published version is frozen'); END"
    for table in ("epoch_versions", "epoch_changes")
    for event in ("UPDATE", "DELETE")
)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "epoch_versions",
        sa.Column("epoch", sa.Integer, sa.ForeignKey("epochs.number"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("published_at_ms", sa.BigInteger, nullable=False),
        sa.Column("entries_count", sa.Integer, nullable=False),
        sa.Column("segment_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("segment_bytes", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "epoch_changes",
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("entry_number", sa.Integer, sa.ForeignKey("entries.number"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column(
            "listed",
            sa.Integer,
            sa.CheckConstraint("listed IN (0, 1)", name="yes_or_no"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["epoch", "version"], ["epoch_versions.epoch", "epoch_versions.version"]
        ),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        for trigger in SQLITE_TRIGGERS:
            op.execute(trigger)
