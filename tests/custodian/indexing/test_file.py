"""The index on disk: mapped, built once, and built again where it is of no use."""

import threading
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from softfall.custodian.store import only_one
from softfall.lists.index import snapshot
from tests.custodian.indexing.lists import found, no_room, put, truth, wait_until


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


class Other:
    """An index of another release, say: whole, and with other arrays."""

    arrays: ClassVar = {"hashes": np.zeros((3, 4), np.uint64)}

    @classmethod
    def from_arrays(cls, _: object) -> Self:
        return cls()


def test_a_whole_file_with_other_arrays_is_built_again_and_the_log_says_why(
    make, catalogue, path, lines
) -> None:
    snapshot.write(path, Other(), catalogue.feed.position())
    assert found(make()) == truth(catalogue)
    assert [line["error"] for line in lines.all() if line["level"] == "warning"] == ["NoIndex"]
    assert make().state().on_disk
    assert lines.text.count("NoIndex") == 1  # the file is good again


def test_a_disk_that_spoils_what_was_just_written_does_not_end_the_search(
    make, catalogue, lines, monkeypatch
) -> None:
    index = make()
    write = snapshot.write

    def spoiling(path: Path, *args: Any) -> int:
        size_bytes = write(path, *args)
        path.write_bytes(spoilt(path.read_bytes()))
        return size_bytes

    monkeypatch.setattr(snapshot, "write", spoiling)
    assert found(index) == truth(catalogue)
    put(catalogue, 100)
    index.catch_up()
    assert found(index) == truth(catalogue)
    assert not index.state().on_disk
    assert "SnapshotDamaged" in lines.text


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
