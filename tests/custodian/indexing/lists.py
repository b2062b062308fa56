"""Small lists that an index follows, what truly matches, and a disk without room."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from softfall.custodian.catalogue import Catalogue
from softfall.custodian.indexing import ListIndex
from softfall.lists.entries import Statement
from softfall.lists.index import snapshot
from softfall.lists.index.hamming import Matches, words
from softfall.lists.index.scan import Scan
from softfall.lists.index.snapshot import SnapshotUnwritable
from softfall.lists.report import Stated

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


@contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No index can be written."""

    def refused(*_: object) -> int:
        raise SnapshotUnwritable("list.index can't be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "write", refused)
        yield
