"""Two real provider processes on one PostgreSQL and one folder, with one list and one stock."""

import time
from pathlib import Path

from softfall.provider.database import MIGRATIONS
from tests.databases import Databases
from tests.provider.cast import App
from tests.provider.split_epoch import random_hash

from .town import LISTED, Town


def test_two_providers_share_list_and_stock_and_one_that_is_killed_leaves_nothing_unjudged(
    tmp_path: Path, postgres: Databases
) -> None:
    shared = {
        "database_url": postgres.migrated(MIGRATIONS),
        "data_dir": str(tmp_path / "shared"),
    }
    town = Town(tmp_path, **shared)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "tls").symlink_to(tmp_path / "tls")
    other = town.beside(town.make_provider(tmp_path / "second", **shared))
    try:
        town.start(*town.services, other.provider)
        town.wait_for_list()
        other.wait_for_list()
        ada, _, manifest = town.people("ada", "ben")
        also = App(other.provider.client(), ada.identity, ada.token, ada.clock)
        sent = [
            place.send(app, "ben", manifest, bits)
            for bits in (LISTED, random_hash(seed=9))
            for place, app in ((town, ada), (other, also))
        ]
        town.provider.kill()  # with pictures of its own still to be judged, perhaps
        fates = [other.fate(each) for each in sent]
        assert fates == ["confirmed", "confirmed", "delivered", "delivered"], other.logs()
        joined = random_hash(seed=78)
        town.add(joined)
        other.wait_for_list(town.publish_changes())
        assert other.fate(other.send(also, "ben", manifest, joined)) == "confirmed"
        assert prepared_once(tmp_path / "shared")
    finally:
        for service in (*town.services, other.provider):
            if service.process is not None and service.process.poll() is None:
                service.stop()


def prepared_once(folder: Path) -> bool:
    """Whether no half-written file is left, and nothing of the version before."""
    for _ in range(100):
        prepared = list((folder / "homomorphic" / "prepared").glob("*.prepared*"))
        rows = [path for path in (folder / "homomorphic" / "rows").iterdir() if path.is_file()]
        if {path.name.removesuffix(".prepared") for path in prepared} == {r.name for r in rows}:
            return True
        time.sleep(0.05)
    return False
