"""A town of one case, on each database."""

from collections.abc import Iterator

import pytest

from softfall.casework.database import MIGRATIONS
from tests.casework.referral.town import MemoryCaseFile, Town, open_database, text_only
from tests.databases import Databases


@pytest.fixture
def town(databases: Databases) -> Iterator[Town]:
    """A case of two reported messages and two pictures, nothing sent yet."""
    db = open_database(databases.migrated(MIGRATIONS))
    casefile = MemoryCaseFile(text_only())
    casefile.add_picture(11, b"a harmless photograph", viewed=True)
    casefile.add_picture(12, b"another harmless photograph")
    yield Town(db, casefile)
    db.close()
