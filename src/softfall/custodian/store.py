"""The custodian's data folder: its database, its artefacts, and who may use it at once.

Guarantees: the folder is its owner's alone (0700 when made here); one service and one publisher at
a time, by advisory locks that the system drops when a process dies, however it dies.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine

from softfall.errors import OperatorError
from softfall.store.database import open_store, sqlite_url

DATABASE_FILE = "custodian.db"
QUOTA_FILE = "quota.db"
CONFIRM_FILE = "confirm.db"
EPOCHS_FOLDER = "epochs"
PART = ".part"


class DataInUse(OperatorError):
    """Another process uses the custodian's data folder for the same work."""

    remedy = "Let the other one finish or stop it; a second service needs a data_dir of its own."


def open_database(data_dir: Path) -> Engine:
    """The custodian's database, brought up to date. Raises StoreUnusable."""
    return open_store(sqlite_url(data_dir / DATABASE_FILE), Path(__file__).parent / "migrations")


def open_quota_database(data_dir: Path) -> Engine:
    """The quota's own database. Raises StoreUnusable.

    Its own file, because SQLite has one writer at a time, and a long import must not keep every
    answer waiting to be counted.
    """
    return open_store(sqlite_url(data_dir / QUOTA_FILE), Path(__file__).parent / "quota_migrations")


def open_confirm_database(data_dir: Path) -> Engine:
    """The database of `confirm`, a file of its own for the same reason. Raises StoreUnusable."""
    path = data_dir / CONFIRM_FILE
    return open_store(sqlite_url(path), Path(__file__).parent / "confirm_migrations")


@contextlib.contextmanager
def only_one(data_dir: Path, work: str) -> Iterator[None]:
    """Hold the folder for one kind of work, as `service` or `publish`. Raises DataInUse."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / f"{work}.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataInUse(f"{data_dir} is in use by another {work}") from None
        yield


def write_whole(path: Path, content: bytes) -> None:
    """The file appears under its name whole, and on the disk, or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Names in the folder are on the disk when this returns."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
