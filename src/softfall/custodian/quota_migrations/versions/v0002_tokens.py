"""Tokens: how many were minted when, their keys, and which are spent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tokens_minted",
        sa.Column("window_start_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("used", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "token_keys",
        sa.Column("public_key", sa.LargeBinary(32), primary_key=True),
        sa.Column("secret_key", sa.LargeBinary(32), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tokens_spent",
        sa.Column("key_id", sa.LargeBinary(8), primary_key=True),
        sa.Column("nonce", sa.LargeBinary(32), primary_key=True),
        sa.Column("ask_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("answers", sa.Integer, nullable=False),
        sa.Column("spent_at_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
