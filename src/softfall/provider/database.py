"""The provider's databases: its main one, and the one of dealt material.

On SQLite they are two files in the data folder: the second is written at every step of a
confirmation, and must wait for no envelope, nor keep one waiting. On PostgreSQL they are two
schemas of the one database, each with writers of its own: several processes share one stock of
dealt material, since both parties to a confirmation must take it in the dealer's order, and a run
that a killed process began is taken up by another with the very same messages.
"""

from pathlib import Path

from softfall.config import ProviderSettings
from softfall.store.database import sqlite_url
from softfall.store.transactions import Database

MIGRATIONS = Path(__file__).parent / "migrations"
CONFIRM_MIGRATIONS = Path(__file__).parent / "confirm_migrations"


def open_main(url: str) -> Database:
    """The provider's main database, brought up to date. Raises StoreUnusable."""
    return Database(url, MIGRATIONS)


def main_url(settings: ProviderSettings) -> str:
    """Where the main database is."""
    return settings.database_url or sqlite_url(settings.data_dir / "provider.db")


def open_confirm(settings: ProviderSettings) -> Database:
    """The database of dealt material, brought up to date. Raises StoreUnusable."""
    url = settings.database_url or sqlite_url(settings.data_dir / "confirm.db")
    return Database(url, CONFIRM_MIGRATIONS)
