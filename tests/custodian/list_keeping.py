"""What tests do with a custodian's on-device list: publish, change, read it back."""

import json
from pathlib import Path

from softfall.custodian.catalogue import Catalogue
from softfall.custodian.distribution import Distribution
from softfall.custodian.list_publishing import (
    ListPublishing,
    PublishedChanges,
)
from softfall.custodian.publish import publish_changes, publish_epoch
from softfall.custodian.store import open_database
from softfall.lists import manifest as manifests
from softfall.lists.distribution import TIMESTAMP
from softfall.lists.entries import Statement
from tests.custodian.keeping import HOUR_MS, Keeper, a_hash
from tests.custodian.list_client import read_list

TERM_MS = 24 * HOUR_MS


def publish(keeper: Keeper) -> manifests.Manifest:
    return publish_epoch(
        keeper.settings, "on_device", lambda *_: None, lambda: keeper.clocks.wall_ms
    )


def publish_more(keeper: Keeper) -> PublishedChanges:
    return publish_changes(keeper.settings, lambda *_: None, lambda: keeper.clocks.wall_ms)


def withdraw(keeper: Keeper, *numbers: int) -> None:
    catalogue = Catalogue.open(keeper.settings.data_dir)
    for number in numbers:
        catalogue.withdraw(number, None, keeper.clocks.wall_ms)
    catalogue.close()


def relist(keeper: Keeper, label: str) -> None:
    catalogue = Catalogue.open(keeper.settings.data_dir)
    catalogue.add(Statement(a_hash(label), "source"), keeper.clocks.wall_ms)
    catalogue.close()


def keep(keeper: Keeper) -> bool:
    """What the running service does every minute."""
    engine = open_database(keeper.settings.data_dir)
    try:
        clock = lambda: keeper.clocks.wall_ms  # noqa: E731 - one line of a test
        return ListPublishing(keeper.settings, engine, clock).bring_up_to_date()
    finally:
        engine.dispose()


def repository(keeper: Keeper) -> Distribution:
    return Distribution(keeper.settings.data_dir, lambda: keeper.clocks.wall_ms, TERM_MS)


def folder(keeper: Keeper) -> Path:
    return keeper.settings.data_dir / "distribution"


def read(keeper: Keeper, client: str = "client") -> dict[str, bytes]:
    return read_list(keeper.settings.data_dir, keeper.folder / client)


def timestamp_version(keeper: Keeper) -> int:
    return int(json.loads((folder(keeper) / TIMESTAMP).read_bytes())["signed"]["version"])


def changed(keeper: Keeper) -> None:
    keeper.clocks.pass_ms(60_000)
    keeper.add(1, seed=keeper.clocks.wall_ms)
