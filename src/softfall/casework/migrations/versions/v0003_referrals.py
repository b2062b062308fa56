"""Referrals: drafts, the steps towards the authority, what it answered."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
