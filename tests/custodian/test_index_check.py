"""An index is compared with the store itself, and the smallest difference is found."""

import dataclasses
from pathlib import Path

import pytest

from softfall.custodian.catalogue import Catalogue
from softfall.custodian.feed import FeedReader, Listed
from softfall.custodian.index_check import IndexDiffers, ListTooBusy, compare
from softfall.custodian.index_file import Followed
from softfall.lists.entries import Statement
from softfall.lists.index.live import Edits, LiveIndex
from softfall.lists.index.ring import RingIndex
from softfall.lists.index.snapshot import Position
from softfall.lists.report import Stated

NOW_MS = 1_000_000


def pdq(seed: int) -> bytes:
    half = seed.to_bytes(16, "big")
    return half + bytes(255 - byte for byte in half)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue.open(tmp_path)
    items = [Stated(line, Statement(pdq(line), "hotline")) for line in range(1, 31)]
    catalogue.import_items(items, NOW_MS)
    return catalogue


@pytest.fixture
def followed(catalogue: Catalogue) -> Followed:
    listed = catalogue.feed.listed()
    live = LiveIndex(RingIndex.build(listed.hashes, listed.numbers))
    return Followed(live, listed.position, listed.position, 0, None)


def test_an_index_of_the_store_is_the_same(catalogue: Catalogue, followed: Followed) -> None:
    assert compare(followed, catalogue.feed) == 30


def test_an_index_that_is_behind_is_brought_up_to_date_first(
    catalogue: Catalogue, followed: Followed
) -> None:
    catalogue.withdraw(3, None, NOW_MS)
    catalogue.withdraw(4, None, NOW_MS)
    catalogue.add(Statement(pdq(99), "hotline"), NOW_MS)
    assert compare(followed, catalogue.feed) == 29


@pytest.mark.parametrize(
    "fault",
    [
        [(7, None)],
        [(31, pdq(31))],
        [(7, pdq(8))],
        [(7, None), (31, pdq(7))],
    ],
)
def test_one_entry_that_is_not_as_in_the_store_is_found(
    catalogue: Catalogue, followed: Followed, fault: list[tuple[int, bytes | None]]
) -> None:
    wrong = dataclasses.replace(followed, live=followed.live.changed(Edits.of(fault)))
    with pytest.raises(IndexDiffers):
        compare(wrong, catalogue.feed)


def test_changes_while_the_store_is_read_are_no_difference(
    catalogue: Catalogue, followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = FeedReader.listed

    def then_change(self: FeedReader, *args: object) -> Listed:
        found = listed(self, *args)  # type: ignore[arg-type]
        catalogue.withdraw(5, None, NOW_MS)
        return found

    monkeypatch.setattr(FeedReader, "listed", then_change)
    assert compare(followed, catalogue.feed) == 29


def test_a_list_that_never_rests_is_refused(
    catalogue: Catalogue, followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = FeedReader.position
    seeds = iter(range(100, 1000))

    def change(self: FeedReader) -> Position:
        catalogue.add(Statement(pdq(next(seeds)), "hotline"), NOW_MS)
        return position(self)

    monkeypatch.setattr(FeedReader, "position", change)
    monkeypatch.setattr("softfall.custodian.index_check._TRIES", 3)
    with pytest.raises(ListTooBusy):
        compare(followed, catalogue.feed)


@pytest.mark.parametrize("revision", [1, 2, 3])
def test_an_index_of_another_list_differs_though_its_entries_are_the_same(
    catalogue: Catalogue, followed: Followed, revision: int
) -> None:
    catalogue.withdraw(3, None, NOW_MS)
    catalogue.add(Statement(pdq(3), "another"), NOW_MS)
    wrong = dataclasses.replace(followed, position=Position(revision, bytes(16)))
    with pytest.raises(IndexDiffers, match="of another list"):
        compare(wrong, catalogue.feed)


def test_an_index_of_a_list_before_it_was_put_back_differs(
    catalogue: Catalogue, followed: Followed
) -> None:
    wrong = dataclasses.replace(followed, position=Position(9, bytes(16)))
    with pytest.raises(IndexDiffers, match="put back from a backup"):
        compare(wrong, catalogue.feed)


def test_an_index_that_the_feed_does_not_lead_on_from_is_no_difference(
    catalogue: Catalogue, followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softfall.custodian.feed.KEPT_CHANGES", 1)
    for number in range(1, 6):
        catalogue.withdraw(number, None, NOW_MS)
    with pytest.raises(ListTooBusy, match="more has changed"):
        compare(followed, catalogue.feed)
