"""The list and its epochs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite's own guard of what must never change; other databases rely on the digest alone.
SQLITE_TRIGGERS = tuple(
    f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{reason}'); END"
    for name, event, reason in (
        ("epoch_entries_fixed", "UPDATE ON epoch_entries", "an epoch is frozen"),
        ("epoch_entries_kept", "DELETE ON epoch_entries", "an epoch is frozen"),
        ("epochs_kept", "DELETE ON epochs", "an epoch is frozen"),
        (
            "epochs_fixed",
            "UPDATE OF number, option, frozen_at_ms, entries_count, entries_sha256 ON epochs",
            "an epoch is frozen",
        ),
        ("entries_fixed", "UPDATE ON entries", "an entry number means one hash for ever"),
        ("entries_kept", "DELETE ON entries", "an entry number means one hash for ever"),
    )
)


def upgrade() -> None:
    """Make every table."""
    _make_list()
    _make_epochs()
    if op.get_bind().dialect.name == "sqlite":
        for trigger in SQLITE_TRIGGERS:
            op.execute(trigger)


def _make_list() -> None:
    state = op.create_table(
        "catalogue_state",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1", name="one_row"), primary_key=True),
        sa.Column("next_number", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "next_number": 1, "revision": 0}])
    op.create_table(
        "entries",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("pdq", sa.LargeBinary(32), nullable=False, unique=True),
    )
    op.create_table(
        "statements",
        sa.Column("entry_number", sa.Integer, sa.ForeignKey("entries.number"), primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("certifiers", sa.Text, nullable=False),
        sa.Column("added_ms", sa.BigInteger),
        sa.Column("listed_ms", sa.BigInteger),
        sa.Column("withdrawn_ms", sa.BigInteger),
        sqlite_with_rowid=False,
    )


def _make_epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("option", sa.Text, nullable=False),
        sa.Column("frozen_at_ms", sa.BigInteger, nullable=False),
        sa.Column("entries_count", sa.Integer, nullable=False),
        sa.Column("entries_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("public_key", sa.LargeBinary),
        sa.Column("secret_key", sa.LargeBinary),
        sa.Column("artefact_sha256", sa.LargeBinary(32)),
        sa.Column("manifest", sa.LargeBinary),
        sa.Column("published_at_ms", sa.BigInteger),
        sa.Column("expires_at_ms", sa.BigInteger),
    )
    op.create_index("epochs_by_option", "epochs", ["option", "number"])
    op.create_table(
        "epoch_entries",
        sa.Column("epoch", sa.Integer, sa.ForeignKey("epochs.number"), primary_key=True),
        sa.Column("entry_number", sa.Integer, sa.ForeignKey("entries.number"), primary_key=True),
        sqlite_with_rowid=False,
    )
