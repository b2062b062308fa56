"""Cases, what came to them, decisions, appeals, and what is still to be enacted."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _cases()
    _sources()
    _join_keys()
    _links()
    _pictures()
    _timeline()
    _decisions()
    _appeals()
    _enactments()


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("case_id", sa.String(32), nullable=False, unique=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_why", sa.Text(), nullable=True),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("child_at_risk_now", sa.Boolean(), nullable=False),
        sa.Column("own_picture", sa.Boolean(), nullable=False),
        sa.Column("escalated_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("newest_source", sa.BigInteger(), nullable=False),
        sa.Column("assigned_to", sa.String(64), nullable=True),
        sa.Column("assigned_role", sa.String(16), nullable=True),
        sa.Column("touched_at_ms", sa.BigInteger(), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("cases_by_assignment", "cases", ["assigned_to"])
    op.create_index("cases_by_queue", "cases", ["state", "rank", "due_at_ms"])
    op.create_index("cases_by_subject", "cases", ["subject"])


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("case", _ROW, sa.ForeignKey("cases.row"), nullable=False),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(128), nullable=False),
        sa.Column("body_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("arrived_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("taken_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("reporter", sa.String(64), nullable=True),
        sa.Column("child_at_risk_now", sa.Boolean(), nullable=False),
        sa.Column("escalated", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("held_sender", sa.String(64), nullable=True),
        sa.Column("held_envelope_id", sa.String(32), nullable=True),
        sa.Column("hold_state", sa.String(16), nullable=True),
        sa.UniqueConstraint("origin", "reference"),
        sqlite_autoincrement=True,
    )
    op.create_index("sources_by_case", "sources", ["case"])
    op.create_index("sources_by_hold", "sources", ["held_sender", "held_envelope_id"])


def _join_keys() -> None:
    op.create_table(
        "join_keys",
        sa.Column("case", _ROW, sa.ForeignKey("cases.row"), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    )
    op.create_index("join_keys_by_digest", "join_keys", ["kind", "digest"])


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("case", _ROW, sa.ForeignKey("cases.row"), primary_key=True),
        sa.Column("other", _ROW, sa.ForeignKey("cases.row"), primary_key=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
    )


def _pictures() -> None:
    op.create_table(
        "pictures",
        sa.Column("source", _ROW, sa.ForeignKey("sources.row"), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("arrived_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.BigInteger(), nullable=True),
    )


def _timeline() -> None:
    op.create_table(
        "timeline",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("case", _ROW, sa.ForeignKey("cases.row"), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(16), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("start", sa.String(16), nullable=True),
        sa.Column("end", sa.String(16), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
    )
    op.create_index("timeline_by_case", "timeline", ["case"])


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("decision_id", sa.String(32), nullable=False, unique=True),
        sa.Column("case", _ROW, sa.ForeignKey("cases.row"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("policy_ref", sa.String(64), nullable=False),
        sa.Column("restrict_days", sa.Integer(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("override_reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.String(64), nullable=False),
        sa.Column("proposed_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("second_reader", sa.String(64), nullable=True),
        sa.Column("second_reason", sa.Text(), nullable=True),
        sa.Column("second_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("final_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("wants_telling", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("appeal_until_ms", sa.BigInteger(), nullable=True),
    )
    op.create_index("decisions_by_case", "decisions", ["case"])


def _appeals() -> None:
    op.create_table(
        "appeals",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("appeal_id", sa.String(32), nullable=False, unique=True),
        sa.Column("case", _ROW, sa.ForeignKey("cases.row"), nullable=False),
        sa.Column("decision", _ROW, sa.ForeignKey("decisions.row"), nullable=False),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(128), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(64), nullable=True),
        sa.Column("decided_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.UniqueConstraint("decision", "account"),
        sa.UniqueConstraint("origin", "reference"),
    )
    op.create_index("appeals_by_case", "appeals", ["case"])


def _enactments() -> None:
    op.create_table(
        "enactments",
        sa.Column("row", _ROW, primary_key=True, autoincrement=True),
        sa.Column("enactment_id", sa.String(32), nullable=False, unique=True),
        sa.Column("case", _ROW, sa.ForeignKey("cases.row"), nullable=False),
        sa.Column("decision", _ROW, sa.ForeignKey("decisions.row"), nullable=False),
        sa.Column("appeal", _ROW, sa.ForeignKey("appeals.row"), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("leased_by", sa.String(64), nullable=True),
        sa.Column("leased_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("done_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.String(128), nullable=True),
        sa.Column("late", sa.Text(), nullable=True),
    )
    op.create_index("enactments_by_case", "enactments", ["case"])
    op.create_index("enactments_by_turn", "enactments", ["state", "next_try_at_ms"])
