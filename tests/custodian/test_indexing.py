"""The custodian's index: up to date, whatever happens to the list, the file and the disk."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from softfall.custodian import feed as feed_module
from softfall.custodian import index_file
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.feed import FeedReader
from softfall.custodian.indexing import ListIndex
from softfall.custodian.store import only_one
from softfall.lists.entries import Statement
from softfall.lists.index import snapshot
from softfall.lists.index.hamming import Matches, words
from softfall.lists.index.scan import Scan
from softfall.lists.index.snapshot import SnapshotUnwritable
from softfall.lists.report import Stated
from tests.edge.asking import Lines

NOW_MS = 1_000_000
PATIENCE_SECONDS = 60.0
SOON_SECONDS = 0.02


def pdq(seed: int) -> bytes:
    """A hash with 128 ones of 256; neighbours by number are often within 31 bits."""
    half = seed.to_bytes(16, "big")
    return half + bytes(255 - byte for byte in half)


def put(catalogue: Catalogue, *seeds: int) -> None:
    items = [Stated(line, Statement(pdq(seed), "hotline")) for line, seed in enumerate(seeds, 1)]
    catalogue.import_items(items, NOW_MS)


def pairs(matches: Matches) -> list[tuple[int, int, int]]:
    columns = (matches.query_rows, matches.entry_numbers, matches.distances_bits)
    return list(zip(*(column.tolist() for column in columns), strict=True))


QUERIES = words([pdq(seed) for seed in (0, 1, 5, 17, 100, 2**70)])


def truth(catalogue: Catalogue) -> list[tuple[int, int, int]]:
    listed = [entry for entry in catalogue.entries() if entry.active]
    scan = Scan(words([entry.pdq for entry in listed]), [entry.number for entry in listed])
    return pairs(scan.search(QUERIES))


def found(index: ListIndex) -> list[tuple[int, int, int]]:
    return pairs(index.search(QUERIES))


def wait_until(holds: Callable[[], bool]) -> None:
    """Patience is only for tests that fail."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(SOON_SECONDS)


@pytest.fixture(autouse=True)
def _small_lists_have_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "SCAN_UP_TO_ENTRIES", 20)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue.open(tmp_path)
    put(catalogue, *range(60))
    return catalogue


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / index_file.FILE


@pytest.fixture
def make(catalogue: Catalogue, folder: Path, lines: Lines) -> Iterator[Callable[..., ListIndex]]:
    """Indexes as processes of their own have them: each with its own connections."""
    made: list[ListIndex] = []

    def make(merged_from: int = 1000) -> ListIndex:
        own = Catalogue.open(folder.parent)
        made.append(ListIndex(own, folder, SOON_SECONDS, merged_from, lines.log))
        return made[-1]

    yield make
    for index in made:
        index.close()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One word for each time that the whole list is read from the store."""
    told: list[str] = []
    listed = FeedReader.listed

    def counted(self: FeedReader, *args: object) -> object:
        told.append("read")
        return listed(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(FeedReader, "listed", counted)
    return told


@contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No index can be written."""

    def refused(*_: object) -> int:
        raise SnapshotUnwritable("list.index can't be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "write", refused)
        yield


# --- following the list -------------------------------------------------------------------------


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
    revision = FeedReader.revision

    def failing(self: FeedReader) -> int:
        if broken.is_set():
            raise OSError("stands for any fault of a disk")
        return revision(self)

    monkeypatch.setattr(FeedReader, "revision", failing)
    index.start()
    wait_until(lambda: "following the list failed" in lines.text)
    put(catalogue, 100)
    broken.clear()
    wait_until(lambda: found(index) == truth(catalogue))
    assert lines.text.count("following the list failed") == 1


# --- the file -----------------------------------------------------------------------------------


def test_a_second_process_maps_the_file_and_reads_no_list(make, catalogue, reads, path) -> None:
    assert make().state().on_disk
    assert reads == ["read"]
    put(catalogue, 100)
    second = make()
    assert found(second) == truth(catalogue)
    assert reads == ["read"]
    assert second.state() == index_state(base=60, pending=1, revision=2)


def index_state(base: int, pending: int, revision: int) -> object:
    from softfall.custodian.indexing import IndexState

    return IndexState(revision, base, pending, True)


def spoilt(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (spoilt, "SnapshotDamaged"),
        (lambda content: content[:-40], "SnapshotDamaged"),
        (lambda _: b"", "SnapshotDamaged"),
        (lambda content: content[:8] + b"\2" + content[9:], "SnapshotNewer"),
    ],
)
def test_a_file_that_can_not_be_used_is_built_again_and_the_log_says_why(
    make, catalogue, reads, path, lines, spoil, error
) -> None:
    make().open()
    path.write_bytes(spoil(path.read_bytes()))
    assert found(make()) == truth(catalogue)
    assert [line["error"] for line in lines.all() if line["level"] == "warning"] == [error]
    assert found(make()) == truth(catalogue)  # from the file, which is good again
    assert len(reads) == 2


def test_a_file_that_is_spoilt_under_a_running_service_does_not_stop_it(
    make, catalogue, path, lines
) -> None:
    index = make()
    index.start()
    wait_until(lambda: index.state().on_disk)
    other = path.with_name("other")
    other.write_bytes(spoilt(path.read_bytes()))
    other.replace(path)
    wait_until(lambda: "SnapshotDamaged" in lines.text)
    put(catalogue, 100)
    wait_until(lambda: found(index) == truth(catalogue))
    assert lines.text.count("SnapshotDamaged") == 1  # looked at once, not with every poll


def test_without_room_for_the_file_the_service_works_and_says_so(
    make, catalogue, lines, monkeypatch
) -> None:
    index = make()
    with no_room(monkeypatch):
        assert found(index) == truth(catalogue)
        put(catalogue, 100)
        index.catch_up()
    assert found(index) == truth(catalogue)
    assert not index.state().on_disk
    assert [line["what"] for line in lines.all() if line["level"] == "error"] == [
        "list.index can't be written: No space left on device"
    ]


def test_a_real_disk_without_room_leaves_the_old_file(make, catalogue, path, lines) -> None:
    """What `write` does then is tested with it; here, that the index goes on with the old one."""
    index = make(merged_from=1)
    index.open()
    before = path.read_bytes()
    path.with_name(path.name + snapshot.PART).mkdir()  # nothing can be written beside it
    index.start()
    put(catalogue, *range(100, 110))
    wait_until(lambda: "merging the index failed" in lines.text)
    assert found(index) == truth(catalogue)
    assert path.read_bytes() == before


def test_processes_that_start_at_once_build_once(make, catalogue, reads) -> None:
    indexes = [make() for _ in range(4)]
    threads = [threading.Thread(target=index.open) for index in indexes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == ["read"]
    assert all(found(index) == truth(catalogue) for index in indexes)
    assert all(index.state().on_disk for index in indexes)


def test_a_service_that_is_stopped_does_not_wait_for_another_ones_building(make, folder) -> None:
    index = make()
    with only_one(folder, "index"):
        index.start()
        index.close()
    assert not any(thread.name == "index" and thread.is_alive() for thread in threading.enumerate())


# --- merging ------------------------------------------------------------------------------------


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


# --- a list that the feed does not lead to ------------------------------------------------------


def test_after_more_changes_than_the_feed_keeps_the_list_is_read_again(
    make, catalogue, lines, monkeypatch
) -> None:
    monkeypatch.setattr(feed_module, "KEPT_CHANGES", 10)
    index = make()
    index.start()
    index.open()
    put(catalogue, *range(100, 150))
    wait_until(lambda: found(index) == truth(catalogue))
    assert "more has changed since than the feed keeps" in lines.text
    catalogue.withdraw(pdq(5), None, NOW_MS)
    wait_until(lambda: found(index) == truth(catalogue))


def test_an_index_that_nobody_started_reads_the_list_again_when_it_must(
    make, catalogue, monkeypatch
) -> None:
    monkeypatch.setattr(feed_module, "KEPT_CHANGES", 10)
    index = make()
    index.open()
    put(catalogue, *range(100, 150))
    index.catch_up()
    assert found(index) == truth(catalogue)


@pytest.mark.parametrize("changes_since", [0, 5])
def test_a_list_that_was_put_back_from_a_backup_gets_its_own_index(
    tmp_path: Path, lines: Lines, changes_since: int
) -> None:
    with closing(Catalogue.open(tmp_path / "store")) as catalogue:
        put(catalogue, *range(40))
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    with closing(Catalogue.open(tmp_path / "store")) as catalogue:
        put(catalogue, 17, 100)
        put(catalogue, 101)
        ListIndex(catalogue, tmp_path / "store" / "index", log=lines.log).open()
    shutil.copytree(tmp_path / "store" / "index", tmp_path / "backup" / "index")
    with closing(Catalogue.open(tmp_path / "backup")) as catalogue:
        for seed in range(changes_since):
            put(catalogue, 2**40 + seed)
        index = ListIndex(catalogue, tmp_path / "backup" / "index", log=lines.log)
        assert found(index) == truth(catalogue)


# --- processes that are killed ------------------------------------------------------------------

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
