"""What a next version would bring: read from the feed, or by comparing all, with one outcome."""

from dataclasses import dataclass

import pytest
from sqlalchemy import delete

from softfall.custodian.feed import FeedReader, Listed
from softfall.custodian.store import open_database
from softfall.custodian.tables import epoch_positions, list_changes, list_revisions
from softfall.custodian.versions import Changes, VersionBook
from tests.custodian.keeping import HOUR_MS, Keeper, a_hash
from tests.custodian.list_keeping import publish, publish_more, relist, withdraw
from tests.custodian.segmented import keep_numbers


@pytest.fixture
def listed(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """A custodian with an epoch of 40 entries, a version in which 3 left and 41 came, and then:
    3 again, 41 gone, 42 new, 5 gone, 6 gone and back.
    """
    keep_numbers(monkeypatch)
    publish(keeper)
    withdraw(keeper, 3)
    keeper.add(1, seed=2)
    publish_more(keeper)
    keeper.clocks.pass_ms(HOUR_MS)
    relist(keeper, "1/2")
    withdraw(keeper, 41, 5, 6)
    keeper.add(1, seed=3)
    keeper.clocks.pass_ms(HOUR_MS)
    relist(keeper, "1/5")
    return keeper


@dataclass
class Told:
    """What would change, and whether the whole list was read for it."""

    changes: Changes
    read_all: bool


def told(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> Told:
    reads: list[Listed] = []
    real = FeedReader.listed

    def watched(feed: FeedReader) -> Listed:
        reads.append(real(feed))
        return reads[-1]

    engine = open_database(keeper.settings.data_dir)
    with monkeypatch.context() as patch:
        patch.setattr(FeedReader, "listed", watched)
        changes = VersionBook(engine, keeper.settings.data_dir / "epochs").changes(1)
    engine.dispose()
    return Told(changes, bool(reads))


def check(changes: Changes) -> None:
    assert list(changes.added) == [(3, a_hash("1/2")), (42, a_hash("3/0"))]
    assert list(changes.withdrawn) == [5, 41]
    assert changes.entries == 40


def test_the_feed_tells_what_changed_and_the_list_is_not_read(
    listed: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = told(listed, monkeypatch)
    check(found.changes)
    assert not found.read_all


@pytest.mark.parametrize("lost", ["feed", "position"])
def test_where_the_feed_does_not_reach_back_the_whole_list_tells_the_same(
    listed: Keeper, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    engine = open_database(listed.settings.data_dir)
    with engine.begin() as connection:
        if lost == "feed":
            newest = FeedReader(engine).position().revision
            connection.execute(delete(list_changes))
            connection.execute(delete(list_revisions).where(list_revisions.c.revision < newest))
        else:
            connection.execute(delete(epoch_positions))
    engine.dispose()
    found = told(listed, monkeypatch)
    check(found.changes)
    assert found.read_all


def test_once_published_nothing_of_it_is_told_again(
    listed: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_more(listed)
    found = told(listed, monkeypatch)
    assert (found.changes.added, found.changes.withdrawn) == ([], [])
    assert not found.read_all


def test_what_joins_while_an_epoch_is_frozen_is_in_it_or_in_the_next_version(
    listed: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from softfall.custodian.catalogue import Catalogue

    real = Catalogue.freeze

    def freeze(catalogue: Catalogue, option: str, now_ms: int) -> int:
        listed.add(1, seed=7)  # after the position was read, before the list is frozen
        number = real(catalogue, option, now_ms)
        listed.add(1, seed=8)  # after it is frozen
        return number

    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "freeze", freeze)
        assert publish(listed).entries == 41
    done = publish_more(listed)
    assert (done.epoch, done.added, done.withdrawn) == (2, 1, 0)
