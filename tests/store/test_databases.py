from sqlalchemy import text

from softfall.provider.database import MIGRATIONS
from softfall.store.transactions import Database
from tests.databases import Databases


def test_each_test_has_an_empty_database_of_each_kind(database_url: str) -> None:
    db = Database(database_url, MIGRATIONS)
    with db.write() as tx:
        tx.execute(text("INSERT INTO service_keys VALUES ('a', '')"))
    with db.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM service_keys")).scalar() == 1
    db.close()


def test_two_copies_of_a_migrated_database_share_nothing(databases: Databases) -> None:
    one, other = (Database(databases.migrated(MIGRATIONS), MIGRATIONS) for _ in range(2))
    with one.write() as tx:
        tx.execute(text("INSERT INTO service_keys VALUES ('a', '')"))
    with other.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM service_keys")).scalar() == 0
    one.close()
    other.close()
