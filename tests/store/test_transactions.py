import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from softfall.store import postgresql
from softfall.store.transactions import Database, StorageFull, StoreAway, StoreBusy, alive
from tests.databases import Databases

from .going import GOING_SERVER, forget_broken_connections
from .worker import MIGRATIONS


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def away(postgres: Databases) -> Iterator[Database]:
    """A database whose server comes and goes."""
    opened = Database(postgres.migrated(MIGRATIONS), MIGRATIONS)
    yield opened
    opened.close()
    forget_broken_connections()


def value(tx: Connection) -> int:
    return int(tx.execute(text("SELECT value FROM counters")).scalar_one())


def put(tx: Connection, number: int) -> None:
    tx.execute(text("UPDATE counters SET value = :number"), {"number": number})


def kept(db: Database) -> int:
    with db.read() as tx:
        return value(tx)


def test_a_reader_has_one_view_however_much_is_written_meanwhile(db: Database) -> None:
    with db.read() as tx:
        assert value(tx) == 0
        with db.write() as other:
            put(other, 1)
        assert value(tx) == 0
    assert kept(db) == 1


def test_a_write_that_raises_leaves_everything_as_it_was(db: Database) -> None:
    def failing() -> None:
        with db.write() as tx:
            put(tx, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert kept(db) == 0


def test_a_broken_constraint_stays_what_it_is(db: Database) -> None:
    with pytest.raises(IntegrityError), db.write() as tx:
        tx.execute(text("INSERT INTO counters VALUES ('all', 1)"))
    alive(db)


def test_a_reader_can_write_nothing_on_postgresql(away: Database) -> None:
    with pytest.raises(Exception, match="25006"), away.read() as tx:  # read only
        put(tx, 1)
    assert kept(away) == 0


def test_writers_of_one_process_take_turns(db: Database) -> None:
    def count() -> None:
        for _ in range(20):
            with db.write() as tx:
                put(tx, value(tx) + 1)

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept(db) == 120


def test_a_writer_that_does_not_let_go_is_named_and_nothing_is_changed(
    postgres: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql._WRITING, "lock_timeout", "50")
    url = postgres.migrated(MIGRATIONS)
    one, two = Database(url, MIGRATIONS), Database(url, MIGRATIONS)
    with one.write() as tx:
        put(tx, 1)
        with pytest.raises(StoreBusy), two.write() as other:
            put(other, 2)
        assert kept(two) == 0  # reading goes on
    with two.write() as tx:
        assert value(tx) == 1
    one.close()
    two.close()


def test_when_all_connections_are_in_use_the_next_one_is_told_so(
    postgres: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_MS", 20)
    monkeypatch.setattr(postgresql, "POOLED", 1)
    monkeypatch.setattr(postgresql, "CONNECTIONS", 1)
    db = Database(postgres.migrated(MIGRATIONS), MIGRATIONS)
    with db.read(), pytest.raises(StoreBusy):
        alive(db)
    alive(db)
    db.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("53100", StorageFull),
        ("53300", StoreBusy),
        ("57014", StoreBusy),
        ("40001", StoreBusy),
        ("57P03", StoreAway),
        ("08006", StoreAway),
    ],
)
def test_what_the_server_says_becomes_an_error_by_name(
    away: Database, code: str, error: type[Exception]
) -> None:
    def failing() -> None:
        with away.write() as tx:
            put(tx, 1)
            tx.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")

    with pytest.raises(error):
        failing()
    assert kept(away) == 0


@GOING_SERVER
def test_while_the_server_is_away_all_is_refused_by_name_and_then_goes_on(
    away: Database, postgres: Databases
) -> None:
    with away.write() as tx:
        put(tx, 1)
    postgres.server.stop()
    try:
        with pytest.raises(StoreAway):
            alive(away)
        with pytest.raises(StoreAway), away.write() as tx:
            put(tx, 2)
    finally:
        postgres.server.start()
    assert kept(away) == 1
    with away.write() as tx:
        put(tx, 3)
    assert kept(away) == 3


@GOING_SERVER
@pytest.mark.parametrize("when", ["before a statement", "before the commit"])
def test_a_server_that_goes_in_the_midst_of_a_write_is_named_and_keeps_nothing_of_it(
    away: Database, postgres: Databases, when: str
) -> None:
    def failing() -> None:
        with away.write() as tx:
            put(tx, 1)
            postgres.server.stop()
            postgres.server.start()
            if when == "before a statement":
                put(tx, 2)

    alive(away)  # a connection that the pool keeps
    with pytest.raises(StoreAway):
        failing()
    assert kept(away) == 0
    with away.write() as tx:
        put(tx, 3)
    assert kept(away) == 3


@GOING_SERVER
def test_a_restart_between_two_transactions_is_not_even_noticed(
    away: Database, postgres: Databases
) -> None:
    alive(away)
    postgres.server.stop()
    postgres.server.start()
    alive(away)
