import time

from softfall.store.presence import Presence, turn
from softfall.store.transactions import Database
from tests.databases import Databases

from .going import GOING_SERVER, forget_broken_connections
from .test_processes import hear, worker
from .worker import MIGRATIONS


def wait_until_alone(presence: Presence) -> None:
    while presence.living() != {presence.number}:
        time.sleep(0.02)


def test_a_process_with_a_database_of_its_own_is_all_there_are(database_url: str) -> None:
    db = Database(database_url, MIGRATIONS)
    presence = Presence(db, 7)
    assert presence.living() == {7}
    presence.leave()
    db.close()


def test_processes_on_one_database_see_each_other_until_one_leaves(postgres: Databases) -> None:
    url = postgres.migrated(MIGRATIONS)
    dbs = [Database(url, MIGRATIONS) for _ in range(2)]
    one, two = Presence(dbs[0], 1), Presence(dbs[1], 2**31 - 1)
    assert one.living() == {1}
    assert two.living() == {1, 2**31 - 1}
    assert one.living() == {1, 2**31 - 1}
    two.leave()
    wait_until_alone(one)
    one.leave()
    for db in dbs:
        db.close()


def test_a_killed_process_is_alive_no_more(postgres: Databases) -> None:
    db = Database(postgres.migrated(MIGRATIONS), MIGRATIONS)
    url = db.engine.url.render_as_string(hide_password=False)
    presence = Presence(db, 1)
    with worker(url, "be", 5) as process:
        assert hear(process) == "here"
        assert presence.living() == {1, 5}
        process.kill()
        process.wait()
        wait_until_alone(presence)
    presence.leave()
    db.close()


@GOING_SERVER
def test_after_the_servers_restart_whoever_looks_is_alive_again(postgres: Databases) -> None:
    db = Database(postgres.migrated(MIGRATIONS), MIGRATIONS)
    presence = Presence(db, 1)
    assert presence.living() == {1}
    postgres.server.stop()
    postgres.server.start()
    assert presence.living() == {1}
    other = Presence(db, 2)
    assert other.living() == {1, 2}
    presence.leave()
    other.leave()
    db.close()
    forget_broken_connections()


def test_a_turn_is_one_processes_and_ends_with_it(postgres: Databases) -> None:
    url = postgres.migrated(MIGRATIONS)
    dbs = [Database(url, MIGRATIONS) for _ in range(2)]
    with turn(dbs[0], "copying") as mine, turn(dbs[1], "copying") as theirs:
        assert (mine, theirs) == (True, False)
        with turn(dbs[1], "fetching") as other:
            assert other
    with turn(dbs[1], "copying") as theirs:
        assert theirs
    for db in dbs:
        db.close()


def test_where_nobody_else_can_be_every_turn_is_ones_own(databases: Databases) -> None:
    db = Database(databases.migrated(MIGRATIONS), MIGRATIONS)
    with turn(db, "copying") as mine:
        assert mine
    db.close()
