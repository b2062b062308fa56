"""A list that changes while processes search it: how soon a change counts, and what it costs.

Everything is the custodian's own: its store (SQLite on this disk), its change feed, its index file,
and other processes that map the file and poll the feed as often as they do by default. The list is
random hashes, put into the store's tables directly; what is measured goes through the catalogue.
Files are read warm: they were just written.
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.figures import Check, Figure
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.feed import new_stamp
from softfall.custodian.store import DATABASE_FILE
from softfall.lists.entries import Statement
from softfall.lists.report import Stated

ENTRIES = {"1M": 1_000_000, "10M": 10_000_000}
PENDING = 10_000
CHANGES = 6
START_MS = 1_700_000_000_000
SOURCE = "bench"
SAMPLE = 500

_ROWS_AT_ONCE = 100_000


class Child:
    """Another process (`bench/live_process.py`)."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def tell(self, *command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def ask(self, *command: object) -> dict[str, Any]:
        self.tell(*command)
        return self.answer()


def figures() -> list[Figure]:
    return [each for name in ENTRIES for each in _figures_of(name)]


def _figures_of(name: str) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), ENTRIES[name])
        with closing(Catalogue.open(Path(folder))) as catalogue:
            with _child(folder) as builder:
                built = builder.ask("build")
            with _child(folder) as first, _child(folder) as second:
                opened = [each.ask("open") for each in (first, second)]
                shares = [each.ask("memory") for each in (first, second)]
                first.ask("follow")
                soon = _soon(catalogue, first)
                pending = _many(catalogue, first)
                slower = first.ask("slower")
            with _child(folder) as merging:
                merged = merging.ask("merge")
    measured = {"built": built, "opened": opened, "shares": shares, "merged": merged}
    return [*_of_changes(name, soon, pending, slower), *_of_file(name, measured)]


def fill(folder: Path, count: int) -> None:
    """Random entries in the custodian's own tables, as an import leaves them."""
    Catalogue.open(folder).close()
    rng = np.random.default_rng(9)
    hashes = rng.integers(0, 2**64, (count, 4), np.uint64)
    hashes = hashes[np.argsort(hashes[:, 0])]  # in order, as SQLite's index takes them fastest
    content = hashes.astype(">u8").tobytes()
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as database, database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA cache_size=-400000")
        database.execute("PRAGMA wal_autocheckpoint=100000")
        for start in range(0, count, _ROWS_AT_ONCE):
            numbers = range(start, min(start + _ROWS_AT_ONCE, count))
            rows = ((number + 1, content[32 * number : 32 * number + 32]) for number in numbers)
            database.executemany("INSERT INTO entries (number, pdq) VALUES (?, ?)", rows)
        database.execute(
            "INSERT INTO statements (entry_number, source, labels, certifiers, added_ms)"
            " SELECT number, ?, '', '', ? FROM entries ORDER BY number",
            (SOURCE, START_MS),
        )
        database.execute("UPDATE catalogue_state SET revision = 1, next_number = ?", (count + 1,))
        database.execute("INSERT INTO list_revisions VALUES (1, ?)", (new_stamp(),))


@contextmanager
def _child(folder: str) -> Iterator[Child]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.live_process", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield Child(process)
        finally:
            process.terminate()


def _hash(number: int) -> bytes:
    """A hash with 128 ones that the list does not have."""
    half = number.to_bytes(16, "big")
    return half + bytes(255 - byte for byte in half)


def _soon(catalogue: Catalogue, child: Child) -> list[float]:
    """From the beginning of each change to the first search that shows it, in seconds."""
    took_s = []
    for number in range(CHANGES):
        pdq = _hash(number)
        for present in (True, False):
            child.tell("wait", pdq.hex(), present)
            time.sleep(0.05 + 0.037 * number)  # at another moment between two polls each time
            start = time.monotonic()
            if present:
                catalogue.add(Statement(pdq, SOURCE), START_MS + 2 * number)
            else:
                catalogue.withdraw(pdq, None, START_MS + 2 * number + 1)
            took_s.append(child.answer()["at_s"] - start)
    return took_s


def _many(catalogue: Catalogue, child: Child) -> dict[str, Any]:
    """Half of PENDING added and half withdrawn at once; whether a search shows all of them."""
    half = PENDING // 2
    added = [_hash(1_000_000 + number) for number in range(half)]
    gone = [catalogue.show(number).pdq for number in range(1, half + 1)]
    spoken = [Statement(pdq, SOURCE, added_ms=START_MS) for pdq in added]
    spoken += [Statement(pdq, SOURCE, withdrawn_ms=START_MS + 1) for pdq in gone]
    child.tell("wait", gone[-1].hex(), False)
    start = time.monotonic()
    catalogue.import_items((Stated(line, each) for line, each in enumerate(spoken)), START_MS + 9)
    took_s = child.answer()["at_s"] - start
    found = [
        child.ask("find", [pdq.hex() for pdq in some[:: half // SAMPLE]])["found"]
        for some in (added, gone)
    ]
    return {"took_s": took_s, "found": found}


def _of_changes(
    name: str, soon: list[float], pending: dict[str, Any], slower: dict[str, Any]
) -> list[Figure]:
    shown = Check(True, "another process's search shows each change")
    all_shown = Check(
        pending["found"] == [SAMPLE, 0], f"{SAMPLE} of the added are found, none of the withdrawn"
    )
    what = f"{PENDING:,} changes pending, {name} entries"
    return [
        shown.figure(f"live.slowest.{name}", f"slowest of {len(soon)} changes to count, {name}",
                     max(soon), "s"),
        shown.figure(f"live.median.{name}", f"median of {len(soon)} changes to count, {name}",
                     median(soon), "s"),
        all_shown.figure(f"live.many.{name}", f"{PENDING:,} changes at once to count, {name}",
                         pending["took_s"], "s"),
        all_shown.figure(f"live.search.{name}", f"a search with {what}", slower["with_us"], "us"),
        all_shown.figure(f"live.slower.{name}", f"the same over one without, {name}",
                         slower["with_us"] / slower["without_us"], "x"),
    ]  # fmt: skip


def _of_file(name: str, measured: dict[str, Any]) -> list[Figure]:
    built, opened, shares = measured["built"], measured["opened"], measured["shares"]
    size_bytes = built["size_bytes"]
    whole = Check(True, "every byte was compared with its digest")
    shared = Check(
        all(each["pss_bytes"] < each["own_bytes"] + 0.75 * size_bytes for each in shares),
        "the file is in memory once",
    )
    return [
        whole.figure(f"live.read.{name}", f"the list read from the store, {name}",
                     built["read_s"], "s"),
        whole.figure(f"live.build.{name}", f"its index built, {name}", built["build_s"], "s",
                     built["peak_bytes"]),
        whole.figure(f"live.write.{name}", f"the index file written, {name}",
                     built["write_s"], "s"),
        whole.figure(f"live.size.{name}", f"the index file, {name}", size_bytes / 1e6, "MB"),
        whole.figure(f"live.open.{name}", f"the index file opened and checked, {name}",
                     median(each["took_s"] for each in opened), "s"),
        shared.figure(f"live.two.{name}", f"memory of two processes on one file, {name}",
                      sum(each["pss_bytes"] for each in shares) / 1e6, "MB"),
        shared.figure(f"live.own.{name}", f"of which each process's own, {name}",
                      median(each["own_bytes"] for each in shares) / 1e6, "MB"),
        whole.figure(f"live.merge.{name}", f"{PENDING:,} changes merged into a new file, {name}",
                     measured["merged"]["merge_s"], "s"),
    ]  # fmt: skip
