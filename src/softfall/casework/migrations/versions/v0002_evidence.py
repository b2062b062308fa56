"""Evidence at rest with a key per case, views of it, shifts, legal holds."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
