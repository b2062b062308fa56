import importlib
import pkgutil

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import softfall.casework
import softfall.console
from softfall.casework.database import open_casework
from softfall.casework.schema import metadata


def test_the_migrations_make_exactly_the_tables_that_casework_uses(database_url: str) -> None:
    for room in (softfall.casework, softfall.console):
        for info in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if info.name.endswith("tables"):
                importlib.import_module(info.name)
    db = open_casework(database_url)
    with db.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    assert {"cases", "audit_lines", "evidence", "referrals", "staff"} <= set(metadata.tables)
    db.close()
