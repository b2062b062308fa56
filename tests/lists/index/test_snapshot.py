"""An index on disk: whole or refused by name, and the old one stays until the new one is whole."""

import hashlib
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.lists.index import snapshot
from softfall.lists.index.hamming import U64Array
from softfall.lists.index.scan import Scan
from softfall.lists.index.snapshot import (
    Position,
    SnapshotDamaged,
    SnapshotForeign,
    SnapshotMissing,
    SnapshotNewer,
    SnapshotUnwritable,
)

AT = Position(7, bytes(range(16)))
LATER = Position(8, bytes(16))


def hashes(count: int, seed: int = 1) -> U64Array:
    return np.random.default_rng(seed).integers(0, 2**64, (count, 4), dtype=np.uint64)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index" / "list.index"


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 4 KiB, so that a small file has many."""
    monkeypatch.setattr(snapshot, "_PIECE_BYTES", 4096)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 5_000])
def test_what_is_read_is_what_was_written(path: Path, count: int) -> None:
    scan = Scan(hashes(count), range(10, 10 + count))
    size_bytes = snapshot.write(path, scan, AT)
    found = snapshot.read(path)
    assert found.position == AT
    assert found.size_bytes == size_bytes == path.stat().st_size
    assert list(found.arrays) == ["hashes", "numbers"]
    for name, array in scan.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert np.array_equal(found.arrays[name], array)
        assert not found.arrays[name].flags.writeable


def test_arrays_begin_at_pages_of_memory(path: Path) -> None:
    snapshot.write(path, Scan(hashes(1000)), AT)
    for array in snapshot.read(path).arrays.values():
        assert array.ctypes.data % 4096 == 0


def test_only_the_owner_may_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        snapshot.write(path, Scan(hashes(3)), AT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_is_not_there_is_missing(path: Path) -> None:
    with pytest.raises(SnapshotMissing):
        snapshot.read(path)


@given(place=st.integers(0), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_bit_that_turned_is_noticed_wherever_it_lies(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("turned") / "list.index"
    snapshot.write(path, Scan(hashes(400)), AT)
    content = bytearray(path.read_bytes())
    # Anywhere; in the header; in what lies between it and the arrays.
    for offset in (place % len(content), place % 900, 2048 + place % 2048):
        damaged = bytearray(content)
        damaged[offset] ^= 1 << bit
        path.write_bytes(damaged)
        with pytest.raises((SnapshotDamaged, SnapshotNewer)):
            snapshot.read(path)


@pytest.mark.parametrize(
    ("length", "size_bytes"),
    [(2**32 - 1, 10_000), (2**32 - 1, 2**33), (16 * 2**20 + 1, 2**25), (100_000, 99_999)],
)
def test_a_header_longer_than_any_or_than_the_file_is_refused_before_it_is_read(
    path: Path, length: int, size_bytes: int
) -> None:
    snapshot.write(path, Scan(hashes(4)), AT)
    content = path.read_bytes()
    path.write_bytes(content[:12] + length.to_bytes(4, "little") + content[16:])
    os.truncate(path, size_bytes)  # of which the disk keeps what was written
    with pytest.raises(SnapshotDamaged, match=f"can't have {length} bytes"):
        snapshot.read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: [],
        lambda header: {"byte_order": sys.byteorder},
        lambda header: {**header, "stamp": "no hexadecimals"},
        lambda header: {**header, "arrays": [{**header["arrays"][0], "type": "no type"}]},
        lambda header: {**header, "arrays": [{**header["arrays"][0], "digests": []}]},
        lambda header: {**header, "arrays": header["arrays"][::-1]},
        lambda header: {**header, "arrays": [{**header["arrays"][0], "shape": [2**70, 4]}]},
    ],
)
def test_a_whole_header_that_describes_no_index_is_damaged(path: Path, change: Any) -> None:
    """Another program's, say: its digest is right."""
    snapshot.write(path, Scan(hashes(4)), AT)
    content = path.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    header = json.dumps(change(json.loads(content[48 : 48 + length]))).encode()
    start = content[:12] + len(header).to_bytes(4, "little") + hashlib.sha256(header).digest()
    path.write_bytes(start + header + content[len(start + header) :])
    with pytest.raises(SnapshotDamaged):
        snapshot.read(path)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("kept", [0, 7, 47, 48, 60, 4096, 9_000, -1])
def test_a_file_that_was_cut_short_is_damaged(path: Path, kept: int) -> None:
    snapshot.write(path, Scan(hashes(400)), AT)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SnapshotDamaged):
        snapshot.read(path)


def test_another_kind_of_file_is_damaged(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"SQLite format 3\0" * 300)
    with pytest.raises(SnapshotDamaged, match="no index"):
        snapshot.read(path)


def test_a_later_releases_file_is_newer_whatever_its_header_says(path: Path) -> None:
    snapshot.write(path, Scan(hashes(4)), AT)
    content = bytearray(path.read_bytes())
    content[8:12] = (2).to_bytes(4, "little")
    content[40:60] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(SnapshotNewer, match="format 2"):
        snapshot.read(path)


def test_a_file_of_another_byte_order_is_foreign(path: Path) -> None:
    snapshot.write(path, Scan(hashes(4)), AT)
    content = path.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    other = {"little": b"big   ", "big": b"little"}[sys.byteorder]
    header = content[48 : 48 + length].replace(sys.byteorder.encode().ljust(6), other)
    assert header != content[48 : 48 + length]
    digest = hashlib.sha256(header).digest()
    path.write_bytes(content[:16] + digest + header + content[48 + length :])
    with pytest.raises(SnapshotForeign):
        snapshot.read(path)


def test_a_folder_in_the_files_place_is_damaged(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SnapshotDamaged, match="can't be read"):
        snapshot.read(path)


def test_who_has_mapped_a_file_keeps_it_when_it_is_replaced(path: Path) -> None:
    snapshot.write(path, Scan(hashes(3_000, 1)), AT)
    old = snapshot.read(path)
    snapshot.write(path, Scan(hashes(2_000, 2)), LATER)
    new = snapshot.read(path)
    assert new.file != old.file
    assert np.array_equal(old.arrays["hashes"], hashes(3_000, 1))
    assert np.array_equal(new.arrays["hashes"], hashes(2_000, 2))


def test_what_a_killed_writer_left_is_cleared_by_the_next(path: Path) -> None:
    path.parent.mkdir()
    path.with_name("list.index.part").write_bytes(b"half")
    snapshot.write(path, Scan(hashes(3)), AT)
    assert [each.name for each in path.parent.iterdir()] == ["list.index"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    snapshot.write(path, Scan(hashes(10)), AT)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as a disk with so much room
    try:
        with pytest.raises(SnapshotUnwritable, match="can't be written"):
            snapshot.write(path, Scan(hashes(100_000)), LATER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert snapshot.read(path).position == AT
    assert [each.name for each in path.parent.iterdir()] == ["list.index"]


WRITER = """
import sys
from pathlib import Path
import numpy as np
from softfall.lists.index import snapshot
from softfall.lists.index.scan import Scan
entries = np.random.default_rng(2).integers(0, 2**64, (300_000, 4), dtype=np.uint64)
print("writing", flush=True)
while True:
    snapshot.write(Path(sys.argv[1]), Scan(entries), snapshot.Position(8, bytes(16)))
"""


def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_file(path: Path) -> None:
    snapshot.write(path, Scan(hashes(1_000)), AT)
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(float(rng.uniform(0, 0.15)))
            writer.kill()
        found = snapshot.read(path)
        seen.add(len(found.arrays["hashes"]))
        assert found.position in (AT, LATER)
    assert seen <= {1_000, 300_000}
