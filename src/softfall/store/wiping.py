"""Making sure that deleted rows are not left lying in a database's own files.

Guarantees, once `wipe` returns: SQLite's log holds nothing deleted (its pages were overwritten by
`secure_delete`); PostgreSQL's files of the named tables hold no dead rows.
Limit: PostgreSQL's log (WAL), back-ups and the disk's unused blocks may still hold them. Whoever
needs more keeps only ciphertext in such rows, and changes the key.
Source: SQLite, "PRAGMA wal_checkpoint"; PostgreSQL, "VACUUM" (FULL writes the table anew).
"""

from contextlib import closing

from softfall.store.postgresql import StoreBusy
from softfall.store.transactions import Database


def wipe(db: Database, *tables: str) -> None:
    """Away with what was deleted from these tables. Small ones: PostgreSQL locks each meanwhile.

    SQLite gives way to a long reader: the next call does it. Raises StoreBusy, StoreAway.
    """
    if db.engine.dialect.name == "sqlite":
        db.truncate_log()
        return
    quote = db.engine.dialect.identifier_preparer.quote
    raw = db.engine.raw_connection()
    driver = raw.driver_connection
    try:
        raw.rollback()
        driver.autocommit = True  # type: ignore[union-attr]  # VACUUM stands outside transactions
        with closing(raw.cursor()) as cursor:
            for table in tables:
                cursor.execute(f"VACUUM (FULL) {quote(table)}")
    except db.engine.dialect.loaded_dbapi.DatabaseError:
        raise StoreBusy("the tables that something was deleted from are in use") from None
    finally:
        driver.autocommit = False  # type: ignore[union-attr]
        raw.close()
