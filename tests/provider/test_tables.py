from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from softfall.provider.database import open_main
from softfall.provider.tables import metadata, vouchers_used
from softfall.store.database import StoreUnusable, sqlite_url


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    db = open_main(sqlite_url(tmp_path / "provider.db"))
    with db.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_database_keeps_what_is_committed_and_wipes_what_is_deleted(tmp_path: Path) -> None:
    db = open_main(sqlite_url(tmp_path / "provider.db"))
    with db.read() as tx:
        for name, value in {
            "journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1,
        }.items():  # fmt: skip
            assert tx.execute(text(f"PRAGMA {name}")).scalar() == value


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    db = open_main(sqlite_url(tmp_path / "provider.db"))
    row = {"nonce": bytes(16), "used_at_ms": 1}

    def write_twice() -> None:
        with db.write() as tx:
            tx.execute(insert(vouchers_used).values(row))
            tx.execute(insert(vouchers_used).values(row))

    with pytest.raises(IntegrityError):
        write_twice()
    with db.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM vouchers_used")).scalar() == 0


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "provider.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreUnusable):
        open_main(sqlite_url(tmp_path / "provider.db"))


def test_an_emptied_log_holds_no_deleted_value(tmp_path: Path) -> None:
    db = open_main(sqlite_url(tmp_path / "provider.db"))
    secret = b"submission to be forgotten"[:16]
    with db.write() as tx:
        tx.execute(insert(vouchers_used).values(nonce=secret, used_at_ms=1))
    kept = [tmp_path / "provider.db", tmp_path / "provider.db-wal"]
    assert any(secret in path.read_bytes() for path in kept)  # the search can find it
    with db.write() as tx:
        tx.execute(vouchers_used.delete())
    db.truncate_log()
    assert not any(secret in path.read_bytes() for path in kept)


def test_a_long_reader_is_not_waited_for(tmp_path: Path) -> None:
    db = open_main(sqlite_url(tmp_path / "provider.db"))
    with db.read() as reading:
        reading.execute(text("SELECT * FROM vouchers_used")).all()
        with db.write() as tx:
            tx.execute(insert(vouchers_used).values(nonce=bytes(16), used_at_ms=1))
        db.truncate_log()
        assert (tmp_path / "provider.db-wal").stat().st_size > 0
    db.truncate_log()
    assert (tmp_path / "provider.db-wal").stat().st_size == 0
