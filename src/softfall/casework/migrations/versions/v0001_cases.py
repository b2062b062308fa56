"""Cases, what came to them, decisions, appeals, and what is still to be enacted."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
