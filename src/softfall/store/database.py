"""Opening a service's own database, brought up to date by its own migrations.

Guarantees: a committed transaction survives kill -9 and power loss (SQLite: WAL, synchronous=FULL;
PostgreSQL: postgresql.py); foreign keys are enforced; processes that start at once migrate once. On
SQLite a deleted value is overwritten (secure_delete).
Each service keeps its tables and migrations in its own folder; nothing is shared but this.
Refuses: what can't be opened, by `StoreUnusable`, without printing a URL's password.
"""

import threading
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from softfall.errors import OperatorError
from softfall.store import postgresql

BUSY_TIMEOUT_MS = 10_000
LOG_WAIT_MS = 100

_ONE_MIGRATION_AT_A_TIME = threading.Lock()  # Alembic keeps its context in globals of the process


class StoreUnusable(OperatorError):
    """The database can't be opened or brought up to date."""

    remedy = (
        "Check the data folder's path, owner and free space, or the database URL and its server; a "
        "backup can be put back as it is."
    )


def open_store(url: str, migrations: Path) -> Engine:
    """An engine on `url`, migrated to the newest version found in `migrations`.

    url: an SQLAlchemy URL, as `sqlite:////var/lib/softfall/provider.db`, or
    `postgresql+pg8000://softfall:PASSWORD@db.example/softfall`.
    migrations: a folder with `env.py` and `versions/`, as Alembic lays it out.
    Raises StoreUnusable.
    """
    read = read_url(url)
    if read.drivername == postgresql.DRIVER:
        return _open_postgresql(read, migrations)
    engine = create_engine(read, hide_parameters=True)  # an error must not print a row's values
    event.listen(engine, "connect", _make_durable)
    try:
        with engine.begin() as connection:
            migrate(connection, migrations)
    except DBAPIError as error:
        raise StoreUnusable(f"the database can't be opened: {error.orig}") from None
    return engine


def read_url(url: str) -> URL:
    """A database's URL, its driver one that is tested. Raises StoreUnusable."""
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreUnusable("the database's URL can't be read") from None
    if read.drivername == "postgresql":
        read = read.set(drivername=postgresql.DRIVER)
    if read.drivername not in ("sqlite", postgresql.DRIVER):
        raise StoreUnusable(f"the database's URL must begin with sqlite or {postgresql.DRIVER}")
    return read


def _open_postgresql(url: URL, migrations: Path) -> Engine:
    room = postgresql.room_of(migrations)
    try:
        migrating = postgresql.make_migrating_engine(url, room)
    except (ValueError, OSError) as error:
        raise StoreUnusable(f"the database's URL can't be used: {error}") from None
    try:
        with migrating.begin() as connection:
            postgresql.make_room(connection, room)
            migrate(connection, migrations)
    except DBAPIError as error:
        raise StoreUnusable(f"the database can't be opened: {postgresql.said(error)}") from None
    except OSError as error:
        raise StoreUnusable(f"the database can't be opened: {type(error).__name__}") from None
    return postgresql.make_engine(url, room)


def migrate(connection: Connection, migrations: Path, target: str = "head") -> None:
    """Bring the database up to the revision `target`, in the connection's transaction.

    Raises StoreUnusable for a database of a newer release.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    try:
        with _ONE_MIGRATION_AT_A_TIME:
            if target == "head" and _is_newest(connection, migrations):
                return
            command.upgrade(config, target)
    except CommandError:
        raise StoreUnusable("the database is of another, newer release of Softfall") from None


def _is_newest(connection: Connection, migrations: Path) -> bool:
    """Whether nothing is to be done; Alembic would read and run all of its files to find out."""
    versions = tuple(sorted(path.name for path in (migrations / "versions").glob("*.py")))
    return MigrationContext.configure(connection).get_current_heads() == _heads(
        migrations, versions
    )


@lru_cache
def _heads(migrations: Path, versions: tuple[str, ...]) -> tuple[str, ...]:
    """The newest revision of a folder with these files."""
    return tuple(ScriptDirectory(str(migrations)).get_heads())


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file, its folder made if need be (owner only)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return f"sqlite:///{path.resolve()}"


def empty_the_log(engine: Engine) -> bool:
    """Whether SQLite's write-ahead log, where deleted values live on, could be emptied.

    Gives way to readers after `LOG_WAIT_MS`, since every writer would wait as well: try again.
    """
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={LOG_WAIT_MS}")
        row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return not row[0]


def _make_durable(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
