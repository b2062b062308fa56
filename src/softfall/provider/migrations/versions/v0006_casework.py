"""What goes to the people who decide, what they decided, and what accounts are told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and room in those of reports and moves."""
    _make_handovers()
    _make_enactments()
    op.add_column("transitions", sa.Column("decided_by", sa.String(64), nullable=True))
    for name in ("anonymous", "in_danger_now"):
        op.add_column(
            "reports", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("reported_messages") as table:
        table.alter_column("content", existing_type=sa.LargeBinary(), nullable=True)
        table.alter_column("franking_key", existing_type=sa.LargeBinary(32), nullable=True)


def _make_handovers() -> None:
    op.create_table(
        "handovers",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("handover_key", sa.String(192), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("report", _ROW, nullable=True),
        sa.Column("told_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.String(64), nullable=True),
        sa.Column("done_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["report"], ["reports.row"]),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("handover_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("handovers_waiting", "handovers", ["done_at_ms", "due_ms"])
    op.create_index("handovers_by_subject", "handovers", ["subject", "row"])
    op.create_index("handovers_by_report", "handovers", ["report"])
    op.create_table(
        "handover_pictures",
        sa.Column("handover", _ROW, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(["handover"], ["handovers.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("handover", "sha256"),
    )
    op.create_index("handover_pictures_by_digest", "handover_pictures", ["sha256"])


def _make_enactments() -> None:
    op.create_table(
        "enactments",
        sa.Column("enactment_id", sa.String(32), primary_key=True),
        sa.Column("body_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("decided_by", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("enacted_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("appealed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("appeal_sha256", sa.LargeBinary(32), nullable=True),
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("account", _ROW, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("enactment_id", sa.String(32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("told_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("appeal_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("acked_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.ForeignKeyConstraint(["enactment_id"], ["enactments.enactment_id"]),
        sa.UniqueConstraint("account", "sequence"),
    )
    op.create_index("notices_by_enactment", "notices", ["enactment_id"])
    op.create_table(
        "restrictions",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("account", _ROW, nullable=False),
        sa.Column("enactment_id", sa.String(32), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.row"]),
        sa.ForeignKeyConstraint(["enactment_id"], ["enactments.enactment_id"]),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("restrictions_by_account", "restrictions", ["account", "until_ms"])
