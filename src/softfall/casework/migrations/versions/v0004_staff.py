"""Staff, their sessions, and the tools that may hand cases in."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _make_staff()
    _make_logins()
    op.create_table(
        "tools",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("token_sha256", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("added_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger()),
    )


def _make_staff() -> None:
    op.create_table(
        "staff",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.String(200)),
        sa.Column("oidc_subject", sa.String(255), unique=True),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("disabled_at_ms", sa.BigInteger()),
        sa.Column("theme", sa.String(8), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "staff_sessions",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("token_sha256", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("staff", _ROW, sa.ForeignKey("staff.row"), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by_password", sa.Boolean(), nullable=False),
    )
    op.create_index("staff_sessions_by_staff", "staff_sessions", ["staff"])


def _make_logins() -> None:
    op.create_table(
        "login_failures",
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("locked_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "known_browsers",
        sa.Column("token_sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column("staff", _ROW, sa.ForeignKey("staff.row"), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("known_browsers_by_staff", "known_browsers", ["staff"])
    op.create_table(
        "oidc_logins",
        sa.Column("state_sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column("browser_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("onward", sa.String(400), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
    )
