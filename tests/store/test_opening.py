import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from softfall.provider.database import CONFIRM_MIGRATIONS
from softfall.provider.database import MIGRATIONS as PROVIDER
from softfall.store.database import StoreUnusable
from softfall.store.postgresql import room_of
from softfall.store.transactions import Database, alive
from tests.databases import Databases

from .worker import MIGRATIONS

PASSWORD = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        f"not a url {PASSWORD}",
        f"nosuch://softfall:{PASSWORD}@127.0.0.1/softfall",
        f"mysql://softfall:{PASSWORD}@127.0.0.1/softfall",
        f"postgresql+asyncpg://softfall:{PASSWORD}@127.0.0.1/softfall",
        f"postgresql+pg8000://softfall:{PASSWORD}@127.0.0.1:9/softfall",
        f"postgresql://softfall:{PASSWORD}@127.0.0.1:port/softfall",
        f"postgresql://softfall:{PASSWORD}@/softfall?unix_sock=/no/such/socket",
        "sqlite:////no/such/folder/store.db",
    ],
)
def test_a_url_that_can_not_be_used_is_refused_and_its_password_not_printed(url: str) -> None:
    with pytest.raises(StoreUnusable) as refused:
        Database(url, MIGRATIONS)
    assert PASSWORD not in refused.value.what


def test_a_database_that_does_not_exist_is_refused_by_its_name(postgres: Databases) -> None:
    with pytest.raises(StoreUnusable, match='"nowhere" does not exist'):
        Database(postgres.server.url("nowhere"), MIGRATIONS)


def test_postgresql_without_a_driver_means_the_one_that_is_tested(postgres: Databases) -> None:
    db = Database(postgres.new().replace("+pg8000", ""), MIGRATIONS)
    alive(db)
    db.close()


def test_a_database_of_a_newer_release_is_refused(database_url: str) -> None:
    db = Database(database_url, MIGRATIONS)
    with db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    db.close()
    with pytest.raises(StoreUnusable, match="newer release"):
        Database(database_url, MIGRATIONS)


def test_rooms_in_one_postgresql_database_keep_apart(postgres: Databases) -> None:
    url = postgres.new()
    folders = (PROVIDER, CONFIRM_MIGRATIONS, MIGRATIONS)
    opened = [Database(url, folder) for folder in folders]
    with opened[0].write() as one, opened[1].write():  # nor does one's writer wait for another's
        one.execute(text("INSERT INTO service_keys VALUES ('a', '')"))
    with opened[2].read() as tx:
        schemas = tx.execute(text("SELECT nspname FROM pg_namespace")).scalars().all()
        assert {"provider", "provider_confirm", "store_counting"} >= set(map(room_of, folders))
        assert set(map(room_of, folders)) <= set(schemas)
        assert tx.execute(text("SELECT to_regclass('service_keys')")).scalar() is None
    for db in opened:
        db.close()


def test_a_migration_that_fails_changes_nothing(database_url: str, tmp_path: Path) -> None:
    broken = tmp_path / "store" / "counting"  # the same room, a release later
    shutil.copytree(MIGRATIONS, broken)
    (broken / "versions" / "v0002_broken.py").write_text(
        "from alembic import op\n"
        "revision = '0002'\n"
        "down_revision = '0001'\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE more (x INTEGER)')\n"
        "    raise ZeroDivisionError\n"
    )
    with pytest.raises(ZeroDivisionError):
        Database(database_url, broken)
    db = Database(database_url, MIGRATIONS)
    with db.read() as tx:
        assert tx.execute(text("SELECT value FROM counters")).scalar() == 0
    with db.write() as tx:
        tx.execute(text("CREATE TABLE more (x INTEGER)"))  # it is not there
    db.close()
