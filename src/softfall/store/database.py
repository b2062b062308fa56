"""Opening a service's own database, brought up to date by its own migrations.

Guarantees: a committed transaction survives kill -9 and power loss (SQLite: WAL, synchronous=FULL);
a deleted value is overwritten (secure_delete); foreign keys are enforced.
Each service keeps its tables and migrations in its own folder; nothing is shared but this.
"""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from softfall.errors import OperatorError

BUSY_TIMEOUT_MS = 10_000
LOG_WAIT_MS = 100

_ONE_MIGRATION_AT_A_TIME = threading.Lock()  # Alembic keeps its context in globals of the process


class StoreUnusable(OperatorError):
    """The database can't be opened or brought up to date."""

    remedy = (
        "Check the data folder's path, owner and free space; a backup can be put back as it is."
    )


def open_store(url: str, migrations: Path) -> Engine:
    """An engine on `url`, migrated to the newest version found in `migrations`.

    url: an SQLAlchemy URL, as `sqlite:////var/lib/softfall/provider.db`.
    migrations: a folder with `env.py` and `versions/`, as Alembic lays it out.
    Raises StoreUnusable.
    """
    engine = create_engine(url, hide_parameters=True)  # an error must not print a row's values
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _make_durable)
    config = Config()
    config.set_main_option("script_location", str(migrations))
    try:
        with _ONE_MIGRATION_AT_A_TIME, engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise StoreUnusable(f"the database can't be opened: {error.orig}") from None
    return engine


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
