"""List versions at the provider: switched when all have them, kept, taken over, never backwards."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from softfall.edge.logs import make_logger
from softfall.options.homomorphic.listing import SegmentEntry
from softfall.provider.files import Files
from softfall.provider.homomorphic.keyholder_way import (
    HeldList,
    KeyholderState,
    KeyholderUnavailable,
)
from softfall.provider.homomorphic.lists import ListKeeper, Lists
from softfall.provider.homomorphic.shelf import Shelf
from softfall.provider.relay import CustodianUnavailable
from tests.provider.split_epoch import random_hash

from .listed import EPOCH, Desk


class Source:
    """The custodian's side: a desk's newest version and its files; away if told so."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.signed: bytes | None = None
        self.away = False
        self.fetched: list[bytes] = []

    async def version(self, epoch: int, known: bytes | None = None) -> bytes | None:
        if self.away:
            raise CustodianUnavailable("away")
        assert epoch == EPOCH
        newest = self.signed or self.desk.signed
        return None if newest == known else newest

    async def rows(self, segment: SegmentEntry, files: Files) -> None:
        self.fetched.append(segment.rows_sha256)
        files.put(self.desk.files[segment.rows_sha256])

    async def hint(self, segment: SegmentEntry) -> bytes:
        if self.away:
            raise CustodianUnavailable("away")
        return self.desk.files[segment.hint_sha256]


class Keyholder:
    """Remembers what it was carried; away if told so."""

    def __init__(self) -> None:
        self.away = False
        self.lists: dict[int, set[str]] = {}
        self.hints: set[str] = set()

    def _there(self) -> None:
        if self.away:
            raise KeyholderUnavailable("away")

    def _told(self, number: int) -> HeldList:
        missing = sorted(self.lists[number] - self.hints)
        return HeldList(epoch=EPOCH, list_version=number, missing=missing)

    async def state(self) -> KeyholderState:
        self._there()
        return KeyholderState(lists=[self._told(number) for number in self.lists])

    async def give_list(self, manifest: bytes, signed: bytes) -> HeldList:
        from softfall.options.homomorphic.listing import read

        self._there()
        version = read(signed)
        self.lists[version.list_version] = {s.hint_sha256.hex() for s in version.segments}
        return self._told(version.list_version)

    async def give_hint(self, sha256: str, body: bytes) -> None:
        self._there()
        self.hints.add(sha256)


class Place:
    """One provider's keeper on a folder that others may share."""

    def __init__(self, folder: Path, desk: Desk, keyholder: Keyholder, **more: Any) -> None:
        self.source = Source(desk)
        self.log = io.StringIO()
        self.changes = 0
        self.lists = Lists(folder, Shelf(folder))
        self.keeper = ListKeeper(
            self.lists,
            self.source,  # type: ignore[arg-type]
            keyholder,  # type: ignore[arg-type]
            more.get("epochs", lambda: [desk.epoch]),
            self._changed,
            make_logger("provider", self.log),
        )

    def _changed(self) -> None:
        self.changes += 1

    def round(self) -> None:
        asyncio.run(self.keeper.round())

    @property
    def in_use(self) -> int | None:
        listed = self.lists.current(EPOCH)
        return listed.list_version if listed else None


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def keyholder() -> Keyholder:
    return Keyholder()


@pytest.fixture
def place(tmp_path: Path, desk: Desk, keyholder: Keyholder) -> Place:
    return Place(tmp_path, desk, keyholder)


def test_a_version_is_used_once_the_keyholder_has_it_with_every_hint(
    place: Place, desk: Desk, keyholder: Keyholder
) -> None:
    keyholder.away = True
    place.round()
    assert place.in_use is None
    keyholder.away = False
    place.round()
    assert place.in_use == 0
    assert keyholder.hints == {s.hint_sha256.hex() for s in desk.version.segments}
    assert place.changes == 1


def test_a_newer_version_takes_the_place_of_the_one_in_use_and_fetches_only_what_is_new(
    place: Place, desk: Desk
) -> None:
    place.round()
    before = set(place.source.fetched)
    desk.add(random_hash(seed=900))
    place.round()
    assert place.in_use == 1
    assert desk.laid.files.files.keys() >= set(place.source.fetched)
    assert len(place.source.fetched) == len(set(place.source.fetched))
    kept = {s.rows_sha256 for s in desk.version.segments}
    assert set(place.lists.shelf.rows.all()) == kept
    assert before - kept == before - {s.rows_sha256 for s in desk.version.segments}


def test_while_the_keyholder_is_away_the_version_before_goes_on_and_nothing_is_fetched_twice(
    place: Place, desk: Desk, keyholder: Keyholder
) -> None:
    place.round()
    keyholder.away = True
    desk.add(random_hash(seed=901))
    place.round()
    place.round()
    assert place.in_use == 0
    assert len(place.source.fetched) == len(set(place.source.fetched))
    assert place.log.getvalue().count("the list is not up to date") == 1  # once, not each round
    keyholder.away = False
    place.round()
    assert place.in_use == 1


def test_a_keyholder_that_lost_all_is_carried_it_again(
    place: Place, desk: Desk, keyholder: Keyholder
) -> None:
    place.round()
    keyholder.lists.clear()
    keyholder.hints.clear()
    place.round()
    assert keyholder.hints == {s.hint_sha256.hex() for s in desk.version.segments}
    assert place.changes == 1


def test_an_older_version_or_a_second_of_its_number_is_refused(place: Place, desk: Desk) -> None:
    first = desk.signed
    desk.add(random_hash(seed=902))
    place.round()
    another = Desk()
    another.add(random_hash(seed=903))
    for rejected in (first, another.signed):
        place.source.signed = rejected
        place.round()
        assert place.in_use == 1
        assert place.lists.signed(EPOCH) == desk.signed
    assert "VersionRejected" in place.log.getvalue()


def test_another_process_on_the_folder_takes_over_what_the_first_fetched(
    place: Place, tmp_path: Path, desk: Desk, keyholder: Keyholder
) -> None:
    place.round()
    other = Place(tmp_path, desk, keyholder)
    with place.lists.alone() as first:
        assert first
        other.round()
    assert other.in_use == 0
    assert other.source.fetched == []


def test_after_a_restart_the_kept_version_is_used_while_the_custodian_is_away(
    place: Place, tmp_path: Path, desk: Desk, keyholder: Keyholder
) -> None:
    place.round()
    again = Place(tmp_path, desk, keyholder)
    again.source.away = True
    again.round()
    assert again.in_use == 0


def test_an_epoch_that_ended_leaves_nothing_on_the_disk(
    tmp_path: Path, desk: Desk, keyholder: Keyholder
) -> None:
    epochs = [desk.epoch]
    place = Place(tmp_path, desk, keyholder, epochs=lambda: epochs)
    place.round()
    assert place.in_use == 0
    later = Desk()
    epochs[:] = [type(desk.epoch)(EPOCH + 1, later.epoch.manifest, later.parameters)]
    place.round()
    assert place.in_use is None
    assert not list(tmp_path.rglob("*.prepared"))
    assert not list(tmp_path.rglob("*.signed"))
    assert place.lists.shelf.rows.all() == []


def test_files_are_readable_by_their_owner_alone(place: Place, tmp_path: Path) -> None:
    place.round()
    for folder in (tmp_path / "rows", tmp_path / "prepared", tmp_path / "versions"):
        assert folder.stat().st_mode & 0o077 == 0
