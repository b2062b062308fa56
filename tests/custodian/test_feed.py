"""The change feed: whoever follows it has the list, from wherever they began."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.custodian import feed as feed_module
from softfall.custodian.catalogue import Catalogue, UnknownEntry, UnknownSource
from softfall.custodian.feed import FeedReader, Lost, News
from softfall.lists.entries import Statement
from softfall.lists.index.snapshot import Position
from softfall.lists.report import Stated
from tests.lists.strategies import retold

NOW_MS = 1_000_000

Held = dict[int, bytes]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.open(tmp_path)


def pdq(seed: int) -> bytes:
    """A hash with 128 ones of 256, another for each seed."""
    half = seed.to_bytes(16, "big")
    return half + bytes(255 - byte for byte in half)


def said(seed: int, source: str = "hotline") -> Statement:
    return Statement(pdq(seed), source)


def put(catalogue: Catalogue, seeds: range, source: str = "hotline") -> None:
    items = [Stated(line, said(seed, source)) for line, seed in enumerate(seeds, 1)]
    catalogue.import_items(items, NOW_MS)


def taken_in(held: Held, news: News | Lost) -> Held:
    """What a follower holds after the news."""
    assert isinstance(news, News)
    edits = news.edits
    held = dict(held)
    for number, words, listed in zip(edits.numbers, edits.hashes, edits.listed, strict=True):
        held.pop(int(number), None)
        if listed:
            held[int(number)] = words.astype(">u8").tobytes()
    return held


def active(catalogue: Catalogue) -> Held:
    """What is listed, by the catalogue's other way of telling."""
    return {entry.number: entry.pdq for entry in catalogue.entries() if entry.active}


def start(catalogue: Catalogue) -> Position:
    position = catalogue.feed.position()
    assert position.revision == 0
    return position


deeds = st.one_of(
    st.tuples(st.just("import"), retold(8)),
    st.tuples(st.just("add"), retold(1)),
    st.tuples(st.just("withdraw"), st.integers(1, 6)),
    st.tuples(st.just("withdraw one source"), st.integers(1, 6)),
    st.tuples(st.just("withdraw source"), st.sampled_from(["hotline", "school"])),
    st.tuples(st.just("freeze"), st.none()),
)


def do(catalogue: Catalogue, deed: str, what: object, now_ms: int) -> None:
    try:
        match deed:
            case "import":
                catalogue.import_items([Stated(1, each) for each in what], now_ms)  # type: ignore[attr-defined]
            case "add":
                catalogue.add(what[0], now_ms)  # type: ignore[index]
            case "withdraw":
                catalogue.withdraw(what, None, now_ms)  # type: ignore[arg-type]
            case "withdraw one source":
                catalogue.withdraw(what, "hotline", now_ms)  # type: ignore[arg-type]
            case "withdraw source":
                catalogue.withdraw_source(what, now_ms)  # type: ignore[arg-type]
            case "freeze":
                catalogue.freeze("split", now_ms)
    except (UnknownEntry, UnknownSource):
        pass


@given(st.lists(deeds, min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_whoever_follows_the_feed_from_any_revision_has_the_list(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, object]]
) -> None:
    catalogue = Catalogue.open(tmp_path_factory.mktemp("fed"))
    stages = [(start(catalogue), Held())]
    for step, (deed, what) in enumerate(told):
        do(catalogue, deed, what, NOW_MS + step)
        stages.append((catalogue.feed.position(), active(catalogue)))
    for position, held in stages:
        news = catalogue.feed.since(position)
        assert taken_in(held, news) == active(catalogue)
        assert isinstance(news, News)
        assert news.position == stages[-1][0]
    hashes, numbers = catalogue.active_hashes()
    read = {int(n): w.astype(">u8").tobytes() for n, w in zip(numbers, hashes, strict=True)}
    assert read == active(catalogue)
    catalogue.close()


def test_a_change_that_failed_is_not_told(catalogue: Catalogue) -> None:
    put(catalogue, range(3))
    before = catalogue.feed.position()
    with pytest.raises(UnknownEntry):
        catalogue.withdraw(99, None, NOW_MS)
    assert catalogue.feed.position() == before


def test_what_changes_nothing_about_the_list_touches_no_entry(catalogue: Catalogue) -> None:
    put(catalogue, range(5))
    before = catalogue.feed.position()
    put(catalogue, range(5), "school")  # one more source for each
    catalogue.withdraw(1, "school", NOW_MS)
    catalogue.freeze("split", NOW_MS)
    news = catalogue.feed.since(before)
    assert isinstance(news, News)
    assert len(news.edits) == 0
    assert news.position.revision == before.revision + 3


def test_an_entry_that_changed_often_is_told_once(catalogue: Catalogue) -> None:
    put(catalogue, range(2))
    before = catalogue.feed.position()
    for step in range(4):
        catalogue.withdraw(1, None, NOW_MS + step)
        catalogue.add(said(0), NOW_MS + step)
    news = catalogue.feed.since(before)
    assert isinstance(news, News)
    assert news.edits.numbers.tolist() == [1]
    assert news.edits.listed.tolist() == [True]


@pytest.mark.parametrize("batch", [1, 7])
def test_an_import_is_told_once_however_it_was_cut_into_batches(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("softfall.custodian.catalogue.ROWS_AT_ONCE", batch)
    before = catalogue.feed.position()
    put(catalogue, range(20))
    items = [Stated(1, said(seed % 5, f"s{seed}")) for seed in range(20)]
    catalogue.import_items(items, NOW_MS)
    assert taken_in({}, catalogue.feed.since(before)) == active(catalogue)


# --- what the feed no longer reaches back to -----------------------------------------------------


def test_a_feed_forgets_its_oldest_changes_and_says_so(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "KEPT_CHANGES", 10)
    stages = [(catalogue.feed.position(), active(catalogue))]
    for seed in range(30):
        catalogue.add(said(seed), NOW_MS)
        stages.append((catalogue.feed.position(), active(catalogue)))
    answers = [catalogue.feed.since(position) for position, _ in stages]
    lost = [isinstance(answer, Lost) for answer in answers]
    assert lost == sorted(lost, reverse=True)  # the oldest alone
    assert 9 <= lost.count(False) <= 11
    for (_, held), answer in zip(stages, answers, strict=True):
        if isinstance(answer, News):
            assert taken_in(held, answer) == active(catalogue)


@pytest.mark.parametrize("everything", [False, True])
def test_a_change_larger_than_the_feed_begins_it_anew(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, everything: bool
) -> None:
    monkeypatch.setattr(feed_module, "KEPT_CHANGES", 10)
    put(catalogue, range(4))
    before = catalogue.feed.position()
    put(catalogue, range(4, 40))
    assert isinstance(catalogue.feed.since(before), Lost)
    if everything:
        before = catalogue.feed.position()
        catalogue.withdraw_source("hotline", NOW_MS)
        assert isinstance(catalogue.feed.since(before), Lost)
    after, held = catalogue.feed.position(), active(catalogue)
    catalogue.add(said(99), NOW_MS)
    assert taken_in(held, catalogue.feed.since(after)) == active(catalogue)


def test_a_position_of_another_list_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    one, other = Catalogue.open(tmp_path / "one"), Catalogue.open(tmp_path / "other")
    for catalogue in (one, other):
        put(catalogue, range(3))
    answer = one.feed.since(other.feed.position())
    assert isinstance(answer, Lost)
    assert "another list" in answer.reason


def test_a_list_that_was_put_back_from_a_backup_is_noticed_even_when_it_went_on_since(
    tmp_path: Path,
) -> None:
    catalogue = Catalogue.open(tmp_path / "store")
    put(catalogue, range(3))
    catalogue.close()
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    catalogue = Catalogue.open(tmp_path / "store")
    catalogue.add(said(10), NOW_MS)
    position = catalogue.feed.position()
    catalogue.close()
    catalogue = Catalogue.open(tmp_path / "backup")
    assert isinstance(catalogue.feed.since(position), Lost)
    for seed in (20, 21):  # past the revision that the index stands at
        catalogue.add(said(seed), NOW_MS)
        assert isinstance(catalogue.feed.since(position), Lost)


# --- reading while others write ------------------------------------------------------------------


def test_a_reader_beside_a_writer_never_misses_a_change(tmp_path: Path) -> None:
    catalogue, reading = Catalogue.open(tmp_path), Catalogue.open(tmp_path)
    position, held = start(catalogue), Held()

    def write() -> None:
        for seed in range(40):
            put(catalogue, range(seed * 10, seed * 10 + 10))
            catalogue.withdraw(seed * 5 + 1, None, NOW_MS)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        news = reading.feed.since(position)
        held = taken_in(held, news)
        assert isinstance(news, News)
        position = news.position
    assert taken_in(held, reading.feed.since(position)) == active(catalogue)


def test_the_list_is_read_as_of_its_position(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that comes between the parts of one answer is not in it."""
    put(catalogue, range(10))
    told = feed_module._position

    def position_then_change(connection: object) -> Position:
        found = told(connection)  # type: ignore[arg-type]
        monkeypatch.setattr(feed_module, "_position", told)
        catalogue.add(said(77), NOW_MS)
        return found

    monkeypatch.setattr(feed_module, "_position", position_then_change)
    listed = catalogue.feed.listed()
    assert len(listed.numbers) == 10
    held = {int(n): pdq(int(n) - 1) for n in listed.numbers}
    assert taken_in(held, catalogue.feed.since(listed.position)) == active(catalogue)


def test_reading_a_large_list_tells_of_progress(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "_ROWS_READ_AT_ONCE", 4)
    put(catalogue, range(10))
    catalogue.withdraw(3, None, NOW_MS)
    told: list[tuple[int, int]] = []
    listed = catalogue.feed.listed(lambda done, most: told.append((done, most)))
    assert told == [(4, 10), (8, 10), (9, 10)]
    assert listed.hashes.dtype == np.uint64
    assert len(listed.hashes) == 9


def test_stamps_are_never_the_same(catalogue: Catalogue) -> None:
    feed: FeedReader = catalogue.feed
    stamps = {feed.position().stamp}
    for seed in range(5):
        catalogue.add(said(seed), NOW_MS)
        stamps.add(feed.position().stamp)
    assert len(stamps) == 6
