"""A custodian with a list under `homomorphic`, and what its routes hand out to the provider."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from softfall.crypto.hpke import SECRET_BYTES, public_of
from softfall.crypto.lattice.hint import make_hint
from softfall.crypto.lattice.public import public_elements
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.list_publishing import PublishedChanges
from softfall.custodian.publish import publish_changes, publish_epoch
from softfall.edge.keyholder_key import write_keyholder_key
from softfall.lists.entries import Statement
from softfall.lists.manifest import Manifest
from softfall.lists.report import Stated
from softfall.options.homomorphic import listing
from softfall.options.homomorphic.parameters import NAME, HomomorphicParameters
from softfall.options.homomorphic.segments import LIST_ROWS, NO_ENTRY, read_hint, read_rows
from tests.custodian.keeping import Keeper, _ask, a_hash

KEYHOLDER_KEY = public_of(bytes(range(SECRET_BYTES)))
ROUTES = "/v1/options/homomorphic"


def keeper_on(folder: Path, entries: int = 100, **changed: Any) -> Keeper:
    """A custodian that knows its keyholder, with a list and no epoch yet."""
    keeper = Keeper(folder)
    keeper.changed = {"keyholder_key_file": folder / "keyholder.pub", **changed}
    write_keyholder_key(folder / "keyholder.pub", KEYHOLDER_KEY)
    keeper.set_up(entries=0)
    add(keeper, entries)
    return keeper


def add(keeper: Keeper, entries: int, seed: int = 1) -> None:
    """As `Keeper.add`, in one transaction."""
    items = [Stated(n, Statement(a_hash(f"{seed}/{n}"), "source")) for n in range(entries)]
    catalogue = Catalogue.open(keeper.settings.data_dir)
    catalogue.import_items(items, keeper.clocks.wall_ms)
    catalogue.close()


def publish(keeper: Keeper) -> Manifest:
    return publish_epoch(keeper.settings, NAME, lambda *_: None, lambda: keeper.clocks.wall_ms)


def publish_more(keeper: Keeper) -> PublishedChanges:
    clock = lambda: keeper.clocks.wall_ms  # noqa: E731 - one line of a test
    return publish_changes(keeper.settings, lambda *_: None, clock, NAME)


def active(keeper: Keeper) -> dict[int, bytes]:
    """The list as the catalogue has it."""
    catalogue = Catalogue.open(keeper.settings.data_dir)
    found = {entry.number: entry.pdq for entry in catalogue.entries() if entry.active}
    catalogue.close()
    return found


def files_of(keeper: Keeper, epoch: int = 1) -> set[str]:
    """The names of the files that lie there for an epoch."""
    folder = keeper.settings.data_dir / "epochs" / f"{NAME}-{epoch}"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def ask(app: FastAPI, path: str) -> httpx.Response:
    return _ask(app, "GET", ROUTES + path, b"")


@dataclass
class Seen:
    """A list version as the provider gets it. dummies: every dummy row of every living block."""

    version: listing.ListVersion
    entries: dict[int, bytes]
    dummies: list[bytes]

    @property
    def digests(self) -> set[str]:
        return {digest.hex() for digest in listing.digests([self.version])}


def see(keeper: Keeper, manifest: Manifest) -> Seen:
    """The newest version, its signature, files and hints checked as their receivers would."""
    app = keeper.app()
    body = ask(app, f"/versions/{manifest.epoch}").content
    version = listing.verify(body, keeper.public_key, epoch=manifest.epoch)
    parameters = HomomorphicParameters.decode(manifest.parameters)
    public = public_elements(parameters.public_seed)
    entries: dict[int, bytes] = {}
    dummies: list[bytes] = []
    for segment in version.segments:
        rows = read_rows(_file(app, "rows", segment.rows_sha256), segment.rows_sha256)
        hint = read_hint(_file(app, "hints", segment.hint_sha256), segment.hint_sha256)
        assert np.array_equal(hint, make_hint(rows.hashes, public))
        for hashes, numbers in zip(
            rows.hashes[segment.live], rows.numbers[segment.live], strict=True
        ):
            for place in np.flatnonzero(numbers != NO_ENTRY).tolist():
                assert int(numbers[place]) not in entries, "an entry has one place"
                entries[int(numbers[place])] = hashes[place].tobytes()
            dummies += [row.tobytes() for row in hashes[LIST_ROWS:]]
    assert version.entries == len(entries)
    return Seen(version, entries, dummies)


def _file(app: FastAPI, kind: str, sha256: bytes) -> bytes:
    answer = ask(app, f"/{kind}/{sha256.hex()}")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).digest() == sha256
    return answer.content
