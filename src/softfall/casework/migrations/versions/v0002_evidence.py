"""Evidence at rest with a key per case, views of it, shifts, legal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _make_evidence()
    _make_views()
    _make_shifts()
    _make_legal_holds()


def _make_evidence() -> None:
    op.create_table(
        "evidence_masters",
        sa.Column("only", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("master_id", sa.LargeBinary(16), nullable=False),
        sa.Column("wrapped_joining_key", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("only"),
    )
    op.create_table(
        "evidence_keys",
        sa.Column("case_row", _ROW, autoincrement=False, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(64), nullable=False),
        sa.ForeignKeyConstraint(["case_row"], ["cases.row"]),
        sa.PrimaryKeyConstraint("case_row"),
    )
    op.create_table(
        "evidence",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("case_row", _ROW, nullable=False),
        sa.Column("source_row", _ROW, nullable=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("added_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_row"], ["cases.row"]),
        sa.ForeignKeyConstraint(["source_row"], ["sources.row"]),
        sa.PrimaryKeyConstraint("row"),
        sqlite_autoincrement=True,
    )
    op.create_index("evidence_by_case", "evidence", ["case_row"])


def _make_views() -> None:
    op.create_table(
        "views",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("staff", sa.String(64), nullable=False),
        sa.Column("evidence", _ROW, nullable=False),
        sa.Column("region", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["evidence"], ["evidence.row"]),
        sa.PrimaryKeyConstraint("row"),
        sqlite_autoincrement=True,
    )
    op.create_index("views_by_staff", "views", ["staff", "until_ms"])


def _make_shifts() -> None:
    op.create_table(
        "shifts",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("staff", sa.String(64), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("stopped_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("skips", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("shifts_by_staff", "shifts", ["staff", "started_at_ms"])
    op.create_table(
        "shift_permits",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("staff", sa.String(64), nullable=False),
        sa.Column("given_by", sa.String(64), nullable=False),
        sa.Column("given_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("shift_permits_by_staff", "shift_permits", ["staff", "given_at_ms"])


def _make_legal_holds() -> None:
    op.create_table(
        "legal_holds",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("case_row", _ROW, nullable=False),
        sa.Column("set_by", sa.String(64), nullable=False),
        sa.Column("set_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withholds_telling", sa.Boolean(), nullable=False),
        sa.Column("lifted_by", sa.String(64), nullable=True),
        sa.Column("lifted_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case_row"], ["cases.row"]),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("legal_holds_by_case", "legal_holds", ["case_row"])
