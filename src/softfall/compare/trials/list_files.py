"""The on-device list's files served again as they were: the real repository, the real list keeper.

Guarantees: a custodian's own commands publish an epoch and a change; a device's own keeper fetches
both; then it is served the files from before, all of them, well signed as they are.
Limit: a list of two entries, no sockets; tests/device/test_lists_attacks.py has the other attacks.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from softfall.config import CustodianSettings, DeviceSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.keys import create_identity
from softfall.custodian.list_keys import root_path
from softfall.custodian.publish import publish_changes, publish_epoch
from softfall.device.lists import ListKeeper
from softfall.device.surroundings import REAL
from softfall.device.transport import RequestRejected, Transport
from softfall.errors import SoftfallError
from softfall.lists.entries import Statement

REPOSITORY: Final = "distribution"
PIECE_BYTES: Final = 16_384


class Shelf:
    """Serves a folder's files; of a transport, what a list keeper needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get_list(self, path: str, start: int) -> Iterator[bytes]:
        """One file from an offset on. Raises RequestRejected where there is none."""
        file = self.folder / path
        if not file.is_file():
            raise RequestRejected("there is no such file of the list", "ListFileMissing")
        body = file.read_bytes()
        for at in range(start, len(body), PIECE_BYTES):
            yield body[at : at + PIECE_BYTES]


def old_files_again(folder: Path, one: bytes, two: bytes) -> str:
    """Why a device refused the old files after the new ones; empty if it took them.

    folder: empty. one, two: 32-byte hashes; the second is listed a version later.
    """
    settings = CustodianSettings(data_dir=folder / "keeper", tls_dir=folder / "tls")
    identity = create_identity(settings.data_dir)
    _listed(settings, one)
    publish_epoch(settings, "on_device", lambda done, of: None)
    repository, before = settings.data_dir / REPOSITORY, folder / "before"
    shelf = Shelf(repository)
    keeper = ListKeeper(
        folder / "device",
        cast(Transport, shelf),
        root_path(settings.data_dir, 1).read_bytes(),
        identity.public_key,
        DeviceSettings(),
        REAL,
    )
    keeper.update()
    shutil.copytree(repository, before)
    _listed(settings, two)
    publish_changes(settings, lambda done, of: None)
    keeper.update()
    shelf.folder = before
    try:
        keeper.update()
    except SoftfallError as error:
        return f"{error.name}: {error.what}"
    return ""


def _listed(settings: CustodianSettings, bits: bytes) -> None:
    catalogue = Catalogue.open(settings.data_dir)
    catalogue.add(Statement(bits, "comparison"), wall_ms())
    catalogue.close()
