"""The provider's databases: its main one, and the one of dealt material."""

from pathlib import Path

from softfall.store.transactions import Database

MIGRATIONS = Path(__file__).parent / "migrations"
CONFIRM_MIGRATIONS = Path(__file__).parent / "confirm_migrations"


def open_main(url: str) -> Database:
    """The provider's main database, brought up to date. Raises StoreUnusable."""
    return Database(url, MIGRATIONS)
