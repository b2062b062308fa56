"""Changes are merged into a new base beside the searches; none is lost."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np

from softfall.lists.entries import Statement
from softfall.lists.index import snapshot
from softfall.lists.report import Stated
from tests.custodian.indexing.lists import (
    NOW_MS,
    PATIENCE_SECONDS,
    found,
    no_room,
    pdq,
    put,
    truth,
    wait_until,
)


def test_many_changes_are_merged_into_a_file_that_other_processes_take_up(
    make, catalogue, path
) -> None:
    merging, other = make(merged_from=10), make(merged_from=10_000)
    before = merging.open().file
    assert other.open().file == before
    merging.start()
    other.start()
    put(catalogue, *range(100, 115))
    catalogue.withdraw(pdq(3), None, NOW_MS)
    wait_until(lambda: all(index.state().base >= 74 for index in (merging, other)))
    wait_until(lambda: found(merging) == found(other) == truth(catalogue))
    assert snapshot.read(path).file not in (None, before)


def test_changes_during_a_merge_are_not_lost(make, catalogue, monkeypatch) -> None:
    index = make(merged_from=5)
    index.open()
    write, begun, go_on = snapshot.write, threading.Event(), threading.Event()

    def slow(*args: object) -> int:
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshot, "write", slow)
    index.start()
    put(catalogue, *range(100, 110))
    assert begun.wait(PATIENCE_SECONDS)
    put(catalogue, 17 + 2**40)
    catalogue.withdraw(pdq(100), None, NOW_MS)
    catalogue.withdraw(pdq(5), None, NOW_MS)
    wait_until(lambda: found(index) == truth(catalogue))  # while it is being merged
    base = index.state().base
    go_on.set()
    wait_until(lambda: index.state().base > base)
    assert found(index) == truth(catalogue)


def test_a_merge_without_room_is_told_once_and_the_index_goes_on(
    make, catalogue, lines, monkeypatch
) -> None:
    index = make(merged_from=3)
    index.open()
    with no_room(monkeypatch):
        index.start()
        put(catalogue, *range(100, 110))
        wait_until(lambda: "merging the index failed" in lines.text)
        for seed in range(3):
            put(catalogue, 2**40 + seed)
            wait_until(lambda: found(index) == truth(catalogue))
    assert lines.text.count("merging the index failed") == 1
    assert index.state().on_disk


def test_a_merge_that_gets_no_thread_is_tried_again(make, catalogue, lines, monkeypatch) -> None:
    index = make(merged_from=3)
    base = index.state().base
    start, refusals = threading.Thread.start, iter([True, True])

    def short_of_threads(self: threading.Thread) -> None:
        if self.name == "index merge" and next(refusals, False):
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", short_of_threads)
    index.start()
    put(catalogue, *range(100, 110))
    wait_until(lambda: index.state().base > base)
    assert "following the list failed" in lines.text
    assert found(index) == truth(catalogue)


def test_any_order_of_changes_and_merges_is_followed_exactly(make, catalogue) -> None:
    rng = np.random.default_rng(5)
    indexes = [make(merged_from=8), make(merged_from=30)]
    for index in indexes:
        index.start()
    for step in range(40):
        seeds = rng.integers(0, 90, rng.integers(1, 6)).tolist()
        if rng.random() < 0.5:
            items = [
                Stated(1, Statement(pdq(seed), "hotline", added_ms=step + 1, listed_ms=step + 1))
                for seed in seeds
            ]
            catalogue.import_items(items, NOW_MS)
        else:
            for seed in seeds:
                if seed < 60:
                    catalogue.withdraw(pdq(seed), None, step + 1)
        for index in indexes:
            index.catch_up()
            assert found(index) == truth(catalogue)


FOLLOWER = """
import sys, time
from pathlib import Path
from softfall.custodian import index_file
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.indexing import ListIndex
index_file.SCAN_UP_TO_ENTRIES = 20
folder = Path(sys.argv[1])
index = ListIndex(Catalogue.open(folder), folder / "index", 0.01, 3)
index.open()
index.start()
print("following", flush=True)
time.sleep(600)
"""


def test_a_process_that_is_killed_while_it_merges_leaves_a_list_that_others_open(
    make, catalogue, folder
) -> None:
    rng = np.random.default_rng(2)
    for round_ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", FOLLOWER, str(folder.parent)], stdout=subprocess.PIPE
        ) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline()
            for step in range(5):
                put(catalogue, *(1000 * round_ + 100 * step + seed for seed in range(100, 110)))
            time.sleep(float(rng.uniform(0, 0.1)))
            os.kill(follower.pid, signal.SIGKILL)
        assert found(make()) == truth(catalogue)
    assert {each.suffix for each in folder.iterdir()} <= {".index", ".lock", snapshot.PART}
