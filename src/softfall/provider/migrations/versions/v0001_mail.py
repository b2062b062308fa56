"""Accounts, keys, mail, reports, and what the service itself needs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    _make_accounts()
    _make_services()
    _make_envelopes()
    _make_mail()
    _make_mailboxes()
    _make_reports()


def _make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("curve25519", sa.String(length=64), nullable=False),
        sa.Column("ed25519", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("token_sha256"),
    )
    op.create_table(
        "one_time_keys",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("account", _ROW, nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("claimed_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("account", "key_id"),
    )
    op.create_index("one_time_keys_left", "one_time_keys", ["account", "claimed_at_ms"])
    op.create_table(
        "fallback_keys",
        sa.Column("account", _ROW, nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.PrimaryKeyConstraint("account"),
    )


def _make_services() -> None:
    op.create_table(
        "receipt_keys",
        sa.Column("key_id", _ROW, autoincrement=True, nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "service_keys",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "vouchers_used",
        sa.Column("nonce", sa.LargeBinary(length=16), nullable=False),
        sa.Column("used_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce"),
    )
    op.create_table(
        "epochs",
        sa.Column("option", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("artefact_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("loaded_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("replaced_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("option", "epoch"),
    )


def _make_envelopes() -> None:
    op.create_table(
        "envelopes",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("sender", _ROW, nullable=False),
        sa.Column("envelope_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("envelope_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("conversation", sa.String(length=64), nullable=False),
        sa.Column("group_body", sa.LargeBinary(), nullable=True),
        sa.Column("attachment", sa.LargeBinary(length=32), nullable=True),
        sa.Column("submission_option", sa.String(length=32), nullable=True),
        sa.Column("submission_epoch", sa.BigInteger(), nullable=True),
        sa.Column("submission_body", sa.LargeBinary(), nullable=True),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("recoveries", sa.Integer(), nullable=False),
        sa.Column("hold_kind", sa.String(length=16), nullable=True),
        sa.Column("hold_evidence", sa.Text(), nullable=True),
        sa.Column("escalated_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("emptied_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sender"], ["accounts.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("sender", "envelope_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("envelopes_by_age", "envelopes", ["received_at_ms"])
    op.create_index("envelopes_by_attachment", "envelopes", ["attachment"])
    op.create_index("envelopes_by_id", "envelopes", ["envelope_id"])
    op.create_index("envelopes_by_state", "envelopes", ["state", "state_since_ms"])


def _make_mail() -> None:
    op.create_table(
        "attachments",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account", _ROW, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.PrimaryKeyConstraint("sha256", "account"),
    )
    op.create_table(
        "payloads",
        sa.Column("envelope", _ROW, nullable=False),
        sa.Column("account", _ROW, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.ForeignKeyConstraint(["envelope"], ["envelopes.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("envelope", "account"),
    )


def _make_mailboxes() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("account", _ROW, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("envelope", _ROW, nullable=False),
        sa.Column("delivered_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("acked_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.ForeignKeyConstraint(["envelope"], ["envelopes.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account", "sequence"),
        sa.UniqueConstraint("account", "envelope"),
    )
    op.create_index("mailboxes_by_envelope", "mailboxes", ["envelope"])
    op.create_table(
        "transitions",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("envelope", _ROW, nullable=False),
        sa.Column("start", sa.String(length=16), nullable=True),
        sa.Column("end", sa.String(length=16), nullable=False),
        sa.Column("who", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["envelope"], ["envelopes.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("transitions_by_envelope", "transitions", ["envelope"])


def _make_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("report_id", sa.String(length=32), nullable=False),
        sa.Column("reporter", _ROW, nullable=False),
        sa.Column("report_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("reported_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("lies_proved", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["reporter"], ["accounts.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("report_id"),
        sa.UniqueConstraint("reporter", "report_sha256"),
    )
    op.create_table(
        "reported_messages",
        sa.Column("report", _ROW, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reporter", _ROW, nullable=False),
        sa.Column("receipt_mac", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("franking_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.Column("opening", sa.LargeBinary(), nullable=True),
        sa.Column("picture_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("lie", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["report"], ["reports.row"]),
        sa.ForeignKeyConstraint(["reporter"], ["accounts.row"]),
        sa.PrimaryKeyConstraint("report", "position"),
        sa.UniqueConstraint("reporter", "receipt_mac"),
    )
