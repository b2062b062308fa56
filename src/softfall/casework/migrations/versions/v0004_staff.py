"""Staff, their sessions, and the tools that may hand cases in."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
