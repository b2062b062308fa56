"""The index is up to date, whatever happens to the list."""

import threading
from pathlib import Path

from softfall.custodian import index_file
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.feed import FeedReader
from softfall.custodian.indexing import ListIndex
from softfall.lists.entries import Statement
from softfall.lists.index.hamming import words
from softfall.lists.index.snapshot import Position
from softfall.lists.report import Stated
from tests.custodian.indexing.lists import NOW_MS, found, pdq, put, truth, wait_until
from tests.edge.asking import Lines


def test_the_first_search_opens_the_index_and_finds_what_the_scan_finds(make, catalogue) -> None:
    assert found(make()) == truth(catalogue)
    assert truth(catalogue)


def test_catching_up_takes_in_every_change_until_now(make, catalogue) -> None:
    index = make()
    for step in range(6):
        put(catalogue, 200 + step, step)
        catalogue.withdraw(pdq(step), None, NOW_MS + step)
        index.catch_up()
        assert found(index) == truth(catalogue)
    catalogue.withdraw_source("hotline", NOW_MS)
    index.catch_up()
    assert found(index) == truth(catalogue) == []


def test_a_started_index_follows_by_itself(make, catalogue) -> None:
    index = make()
    index.start()
    catalogue.add(Statement(pdq(100), "hotline"), NOW_MS)
    wait_until(lambda: found(index) == truth(catalogue))
    catalogue.withdraw(pdq(100), None, NOW_MS)
    wait_until(lambda: found(index) == truth(catalogue))


def test_a_search_never_sees_half_of_a_change(make, catalogue) -> None:
    """Pairs of hashes are imported together and leave together."""
    index = make(merged_from=6)
    index.start()
    done = threading.Event()
    seeds = (2**70, 2**70 + 2**69)

    def change() -> None:
        for step in range(25):
            spoken = [
                Statement(pdq(seed), "pair", added_ms=2 * step + 1, listed_ms=2 * step + 1)
                for seed in seeds
            ]
            catalogue.import_items([Stated(1, each) for each in spoken], NOW_MS)
            catalogue.withdraw_source("pair", 2 * step + 2)
        done.set()

    changer = threading.Thread(target=change)
    changer.start()
    query = words([pdq(seed) for seed in seeds])
    seen = set()
    while not done.is_set():
        seen.add(len(index.search(query, 0)))
    changer.join()
    assert seen <= {0, 2}


def test_a_list_under_the_limit_has_no_file(tmp_path: Path, lines: Lines) -> None:
    catalogue = Catalogue.open(tmp_path)
    put(catalogue, 1, 2, 3)
    index = ListIndex(catalogue, tmp_path / "index", log=lines.log)
    assert found(index) == truth(catalogue)
    assert not index.state().on_disk
    assert not (tmp_path / "index" / index_file.FILE).exists()


def test_a_failure_while_following_is_told_once_and_tried_again(
    make, catalogue, lines, monkeypatch
) -> None:
    index = make()
    index.open()
    broken = threading.Event()
    broken.set()
    position = FeedReader.position

    def failing(self: FeedReader) -> Position:
        if broken.is_set():
            raise OSError("stands for any fault of a disk")
        return position(self)

    monkeypatch.setattr(FeedReader, "position", failing)
    index.start()
    wait_until(lambda: "following the list failed" in lines.text)
    put(catalogue, 100)
    broken.clear()
    wait_until(lambda: found(index) == truth(catalogue))
    assert lines.text.count("following the list failed") == 1
