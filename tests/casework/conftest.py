from collections.abc import Iterator

import pytest

from tests.casework.office import Office, new_office
from tests.databases import Databases


@pytest.fixture
def office(databases: Databases) -> Iterator[Office]:
    """A casework office, first on SQLite, then on PostgreSQL."""
    made = new_office(databases)
    yield made
    made.db.close()
