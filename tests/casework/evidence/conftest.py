from collections.abc import Iterator

import pytest

from tests.casework.evidence.room import Room, new_room
from tests.databases import Databases


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    made = new_room(databases)
    yield made
    made.db.close()
