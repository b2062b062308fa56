"""Casework's database: one for all of its rooms, the console's included.

Guarantees: opened, it is up to date; SQLite lies in the console's data folder unless a URL says
otherwise, and then several consoles may work on it at once.
"""

from pathlib import Path

from softfall.config import ConsoleSettings
from softfall.store.database import sqlite_url
from softfall.store.transactions import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def casework_url(settings: ConsoleSettings) -> str:
    """The database's URL: the one that is set, or an SQLite file in the data folder."""
    return settings.database_url or sqlite_url(settings.data_dir / "casework.db")


def open_casework(url: str) -> Database:
    """The database, brought up to date. Raises StoreUnusable."""
    return Database(url, MIGRATIONS)
