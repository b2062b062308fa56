"""What `bench/live.py` has other processes do: one command a line in, one answer a line out.

`python -m bench.live_process FOLDER` works on the custodian's data folder that is named.
"""

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from softfall.custodian.catalogue import Catalogue
from softfall.custodian.index_file import FILE, FOLDER, IndexFile
from softfall.custodian.indexing import ListIndex
from softfall.edge.logs import make_logger
from softfall.lists.index import snapshot
from softfall.lists.index.hamming import U64Array, words
from softfall.lists.index.live import LiveIndex
from softfall.lists.index.ring import RingIndex

LOOK_SECONDS = 0.001
QUERIES = 400
ROUNDS = 7

Answer = dict[str, Any]


class Process:
    """One process that searches the list."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._catalogue = Catalogue.open(folder)
        self._index = ListIndex(self._catalogue, folder / FOLDER)

    def build(self) -> Answer:
        """The index from the store, into its file."""
        start = time.perf_counter()
        listed = self._catalogue.feed.listed()
        read = time.perf_counter()
        index = RingIndex.build(listed.hashes, listed.numbers)
        built = time.perf_counter()
        size_bytes = snapshot.write(self._folder / FOLDER / FILE, index, listed.position)
        written = time.perf_counter()
        return {
            "read_s": read - start,
            "build_s": built - read,
            "write_s": written - built,
            "size_bytes": size_bytes,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    def open(self) -> Answer:
        """The file opened: every byte checked, mapped, and caught up."""
        start = time.perf_counter()
        self._index.open()
        took_s = time.perf_counter() - start
        assert self._index.state().on_disk
        return {"took_s": took_s}

    def follow(self) -> Answer:
        """Poll from now on."""
        self._index.start()
        return {}

    def wait(self, pdq: str, present: bool) -> Answer:
        """Search until an entry is there, or is not; when that was, by the machine's own clock."""
        query = words([bytes.fromhex(pdq)])
        while bool(len(self._index.search(query, 0))) != present:
            time.sleep(LOOK_SECONDS)
        return {"at_s": time.monotonic()}

    def memory(self) -> Answer:
        """This process's share of memory: what is its own, and what it shares, divided."""
        self._index.search(_random(3, QUERIES))
        told = Path("/proc/self/smaps_rollup").read_text()
        return {
            "pss_bytes": _kib(told, "Pss") * 1024,
            "own_bytes": (_kib(told, "Private_Dirty") + _kib(told, "Private_Clean")) * 1024,
        }

    def slower(self) -> Answer:
        """A query alone, with what has changed since the base was built and without, turn about."""
        live = self._index.open().live
        queries = _random(4, QUERIES)
        sides = (live, LiveIndex(live.base))
        times_us: tuple[list[float], list[float]] = ([], [])
        for turn in range(ROUNDS + 1):
            for side in (0, 1) if turn % 2 else (1, 0):
                took_us = _each_us(sides[side].search, queries)
                if turn:  # the first warms up
                    times_us[side].append(took_us)
        return {
            "pending": live.pending,
            "with_us": median(times_us[0]),
            "without_us": median(times_us[1]),
        }

    def find(self, pdqs: list[str]) -> Answer:
        """How many of these hashes are there, exactly as they are."""
        found = self._index.search(words([bytes.fromhex(pdq) for pdq in pdqs]), 0)
        return {"found": len(set(found.query_rows.tolist()))}

    def merge(self) -> Answer:
        """What has changed since, merged into a new file."""
        feed = self._catalogue.feed
        file = IndexFile(self._folder / FOLDER, feed, make_logger("bench"))
        start = time.perf_counter()
        followed = file.best()
        opened = time.perf_counter()
        merged = file.merged(followed)
        assert merged is not None
        assert merged.live.pending == 0
        return {"open_s": opened - start, "merge_s": time.perf_counter() - opened}


def _random(seed: int, count: int) -> U64Array:
    return np.random.default_rng(seed).integers(0, 2**64, (count, 4), np.uint64)


def _each_us(search: Callable[[U64Array], object], queries: U64Array) -> float:
    start = time.perf_counter()
    for row in range(len(queries)):
        search(queries[row : row + 1])
    return (time.perf_counter() - start) * 1e6 / len(queries)


def _kib(told: str, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", told, re.MULTILINE)
    assert found is not None
    return int(found[1])


def main() -> None:
    process = Process(Path(sys.argv[1]))
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(process, name)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
