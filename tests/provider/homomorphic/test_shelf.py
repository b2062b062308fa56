"""Segments on disk: prepared once, whole or made again, whatever is damaged, full or killed."""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from softfall.crypto.lattice.prepared import prepare
from softfall.lists.index.snapshot import SnapshotUnwritable
from softfall.options.homomorphic.listing import SegmentEntry
from softfall.options.homomorphic.segments import BadListFile, read_rows
from softfall.provider.homomorphic import shelf as room
from softfall.provider.homomorphic.shelf import RowsMissing, Shelf

from .listed import Desk


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.fixture
def entry(desk: Desk) -> SegmentEntry:
    return desk.version.segments[0]


@pytest.fixture
def shelf(tmp_path: Path, desk: Desk, entry: SegmentEntry) -> Shelf:
    made = Shelf(tmp_path)
    made.rows.put(desk.files[entry.rows_sha256])
    return made


def prepared_file(folder: Path) -> Path:
    (path,) = (folder / "prepared").glob("*.prepared")
    return path


def test_what_is_opened_is_the_rows_prepared(shelf: Shelf, desk: Desk, entry: SegmentEntry) -> None:
    rows = read_rows(desk.files[entry.rows_sha256])
    opened = shelf.open(entry)
    assert np.array_equal(opened.prepared, prepare(rows.hashes))
    assert np.array_equal(opened.numbers, rows.numbers)
    assert not opened.prepared.flags.writeable


def test_it_is_prepared_once_for_all_who_share_the_folder(
    shelf: Shelf, entry: SegmentEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.open(entry)
    monkeypatch.setattr(room, "prepare", None)  # nobody prepares any more
    assert np.array_equal(Shelf(tmp_path).open(entry).prepared, shelf.open(entry).prepared)


def test_a_damaged_file_is_made_again_from_the_rows(
    shelf: Shelf, entry: SegmentEntry, tmp_path: Path
) -> None:
    whole = np.array(shelf.open(entry).prepared)
    path = prepared_file(tmp_path)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert np.array_equal(Shelf(tmp_path).open(entry).prepared, whole)


def test_rows_that_are_not_the_signed_ones_are_refused_and_fetched_again(
    shelf: Shelf, entry: SegmentEntry
) -> None:
    path = shelf.rows.path(entry.rows_sha256)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(BadListFile):
        shelf.open(entry)
    assert shelf.missing([entry]) == [entry]
    with pytest.raises(RowsMissing):
        shelf.open(entry)


@contextmanager
def full_disk(size_bytes: int) -> Iterator[None]:
    """No file of this process may be larger."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_named_and_leaves_nothing_that_is_used(
    shelf: Shelf, entry: SegmentEntry, tmp_path: Path
) -> None:
    with full_disk(20_000), pytest.raises(SnapshotUnwritable):
        shelf.open(entry)
    assert not list((tmp_path / "prepared").glob("*.prepared*"))
    assert len(shelf.open(entry).numbers) == entry.blocks


_KILLED = """
import os, signal, sys
from pathlib import Path
from softfall.lists.index import snapshot
from softfall.options.homomorphic.listing import read
from softfall.provider.homomorphic.shelf import Shelf

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(snapshot.os, "fsync", die)  # all is written, and nothing is on the disk yet
(entry,) = read(Path(sys.argv[2]).read_bytes()).segments
Shelf(Path(sys.argv[1])).open(entry)
"""


def test_a_kill_while_preparing_leaves_nothing_that_is_used(
    shelf: Shelf, desk: Desk, entry: SegmentEntry, tmp_path: Path
) -> None:
    signed = tmp_path / "signed"
    signed.write_bytes(desk.signed)
    killed = subprocess.run([sys.executable, "-c", _KILLED, tmp_path, signed], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.suffix for path in (tmp_path / "prepared").glob("*.p*")] == [".part"]
    assert len(shelf.open(entry).numbers) == entry.blocks


def test_what_is_no_longer_named_goes_and_whoever_has_it_mapped_keeps_it(
    shelf: Shelf, entry: SegmentEntry, tmp_path: Path
) -> None:
    opened = shelf.open(entry)
    whole = np.array(opened.prepared)
    shelf.keep_only([])
    assert not list((tmp_path / "prepared").glob("*.prepared"))
    assert shelf.missing([entry]) == [entry]
    assert np.array_equal(opened.prepared, whole)
