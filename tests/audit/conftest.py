from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.audit.keeping import CHECKPOINTS_FILE, Keeper
from softfall.audit.keys import AuditKey, load_or_make_key
from softfall.casework.database import MIGRATIONS
from softfall.store.transactions import Database
from tests.databases import Databases


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> AuditKey:
    return load_or_make_key(tmp_path_factory.mktemp("key"))


@pytest.fixture
def other_key(tmp_path: Path) -> AuditKey:
    return load_or_make_key(tmp_path / "another")


@pytest.fixture
def db(databases: Databases) -> Iterator[Database]:
    opened = Database(databases.migrated(MIGRATIONS), MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def keeper(key: AuditKey, tmp_path: Path) -> Keeper:
    return Keeper(key, tmp_path / CHECKPOINTS_FILE, every_lines=10, every_ms=60_000)
