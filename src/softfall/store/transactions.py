"""A service's transactions: one writer at a time, readers never wait, and faults by name.

Guarantees: what happens inside one `write()` is there wholly after kill -9, or not at all; a write
sees the newest state from its first statement, whatever other processes do (SQLite: BEGIN
IMMEDIATE; PostgreSQL: one advisory lock a room), so nothing is decided on stale reads. A
`read()` is one consistent view. A failed write leaves everything as it was, and reads go on.
Refuses: `StorageFull` where the disk is, `StoreBusy` where another writer does not let go,
`StoreAway` where a database's server is. Only after the last may a write have been kept after all,
if it went away while it committed: whoever repeats a write looks first whether it is there.
Source: SQLite, "Isolation" and "Result codes" (SQLITE_FULL, SQLITE_BUSY); PostgreSQL, "Explicit
Locking" and "Transaction Isolation".
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolEmpty

from softfall.store.database import BUSY_TIMEOUT_MS, open_store
from softfall.store.postgresql import StorageFull, StoreAway, StoreBusy, lock_number, room_of

__all__ = ["Database", "StorageFull", "StoreAway", "StoreBusy", "alive"]


class Database:
    """One of a service's databases, brought up to date when opened. Raises StoreUnusable."""

    def __init__(self, url: str, migrations: Path) -> None:
        self.engine: Engine = open_store(url, migrations)
        # One writer at a time in this process: fair, where SQLite's own waiting is a lottery.
        self._writer = threading.Lock()
        self.room = room_of(migrations)
        self._lock_number = lock_number(self.room)
        starts = {"sqlite": _begin_sqlite, "postgresql": self._begin_postgresql}
        event.listen(self.engine, "begin", starts[self.engine.dialect.name])

    @property
    def is_shared(self) -> bool:
        """Whether other processes may work on it at the same time, as on PostgreSQL."""
        return self.engine.dialect.name != "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the database."""
        with _named_errors(), self._connected() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed and on disk when the block ends, rolled back if it raises."""
        with self._writer, _named_errors(), self._connected() as connection:
            connection.execution_options(softfall_writes=True)
            with connection.begin():
                yield connection

    def session(self) -> Connection:
        """A connection outside any transaction, for locks that last as long as it is open.

        Raises StoreAway, StoreBusy.
        """
        with _named_errors():
            return self._connected().execution_options(isolation_level="AUTOCOMMIT")

    def truncate_log(self) -> None:
        """Empty SQLite's write-ahead log, where deleted values would live on for a while.

        Gives way to a long reader (a back-up, say): the next call does it.
        """
        if self.engine.dialect.name != "sqlite":
            return
        with self._writer, self.engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            cursor = raw.cursor()
            cursor.execute("PRAGMA busy_timeout=0")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
                cursor.close()

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def _connected(self) -> Connection:
        try:
            return self.engine.connect()
        except OSError:  # pg8000 lets some faults of an old connection's socket through raw
            self.engine.dispose()
            raise StoreAway("the database's server can't be reached") from None

    def _begin_postgresql(self, connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return
        if _writes(connection):
            taking = text("SELECT pg_advisory_xact_lock(:key)")
            connection.execute(taking, {"key": self._lock_number})
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def _begin_sqlite(connection: Connection) -> None:
    raw = connection.connection.dbapi_connection
    # The driver's own BEGIN comes late and only before writes; ours comes first.
    raw.isolation_level = None  # type: ignore[union-attr]
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("softfall_writes", False))


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except PoolEmpty:
        raise StoreBusy("all of the service's connections to its database are in use") from None
    except OperationalError as error:
        told = str(error.orig).lower()
        if "full" in told or "no space" in told:
            raise StorageFull("the service has no room left on its disk") from None
        if "locked" in told or "busy" in told:
            raise StoreBusy("the service's database is busy") from None
        raise


def alive(database: Database) -> None:
    """Touch the database. Raises what `read` raises."""
    with database.read() as tx:
        tx.execute(text("SELECT 1"))
