"""The keyholder's data folder: its database, hints and dealt material.

Guarantees: the folder is its owner's alone (0700 when made here).
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from softfall.store.database import open_store, sqlite_url

DATABASE_FILE: Final = "keyholder.db"
HINTS_FOLDER: Final = "hints"
STOCK_FOLDER: Final = "stock"


def open_database(data_dir: Path) -> Engine:
    """The keyholder's database, brought up to date. Raises StoreUnusable."""
    return open_store(sqlite_url(data_dir / DATABASE_FILE), Path(__file__).parent / "migrations")
