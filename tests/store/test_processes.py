"""Real processes on one database: what one kept the next one sees, what one began nobody does."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from softfall.store.transactions import Database

from .worker import MIGRATIONS


@contextmanager
def worker(url: str, deed: str, number: int = 0) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.store.worker", url, deed, str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def hear(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def counters(db: Database) -> dict[str, int]:
    with db.read() as tx:
        return {row.name: row.value for row in tx.execute(text("SELECT * FROM counters"))}


def test_what_a_killed_process_kept_is_there_and_what_it_was_in_the_midst_of_is_not(
    database_url: str,
) -> None:
    db = Database(database_url, MIGRATIONS)
    with worker(database_url, "linger") as process:
        assert [hear(process), hear(process)] == ["kept", "in the midst"]
        assert counters(db) == {"all": 1}  # reading never waits
        process.kill()
        process.wait()
        assert counters(db) == {"all": 1}
        with db.write() as tx:  # nor is its lock left behind
            tx.execute(text("UPDATE counters SET value = 3"))
        assert counters(db) == {"all": 3}
        db.close()


def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    with (
        worker(database_url, "open") as one,
        worker(database_url, "open") as two,
        worker(database_url, "open") as three,
    ):
        assert [hear(one), hear(two), hear(three)] == ["open"] * 3
        assert [one.wait(), two.wait(), three.wait()] == [0] * 3
    db = Database(database_url, MIGRATIONS)
    assert counters(db) == {"all": 0}
    with db.read() as tx:
        assert tx.execute(text("SELECT version_num FROM alembic_version")).all() == [("0001",)]
    db.close()


def test_a_write_waits_for_the_other_processes_and_sees_what_they_wrote(database_url: str) -> None:
    Database(database_url, MIGRATIONS).close()
    with (
        worker(database_url, "count", 30) as one,
        worker(database_url, "count", 30) as two,
        worker(database_url, "count", 30) as three,
    ):
        assert [hear(one), hear(two), hear(three)] == ["counted"] * 3
    db = Database(database_url, MIGRATIONS)
    assert counters(db) == {"all": 90}
    db.close()
