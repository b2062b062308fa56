"""Making sure that deleted rows are not left lying in a database's own files.

Guarantees, once `wipe` returns: SQLite's log holds nothing deleted (its pages were overwritten by
`secure_delete`); PostgreSQL's files of the named tables hold no dead rows.
Limit: PostgreSQL's log (WAL), back-ups and the disk's unused blocks may still hold them. Whoever
needs more keeps only ciphertext in such rows, and changes the key.
Source: SQLite, "PRAGMA wal_checkpoint"; PostgreSQL, "VACUUM" (FULL writes the table anew).
"""

from softfall.store.transactions import Database


def wipe(db: Database, *tables: str) -> None:
    """Away with what was deleted from these tables. Small ones: PostgreSQL locks each meanwhile.

    SQLite gives way to a long reader: the next call does it. Raises what `Database.write` raises.
    """
    if db.engine.dialect.name == "sqlite":
        db.truncate_log()
        return
    engine = db.engine.execution_options(isolation_level="AUTOCOMMIT")
    quote = engine.dialect.identifier_preparer.quote
    with engine.connect() as connection:
        for table in tables:
            connection.exec_driver_sql(f"VACUUM (FULL) {quote(table)}")
