"""`softfall hash FOLDER`: one process against one for each core, and what each takes of memory.

The photographs are scikit-image's, in several sizes, each under many names, so that the disk plays
no part. Every run is the command as it is typed, in a fresh process, from its start to its end.
Peer: `threatexchange`'s hasher over the same files, one after the other.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Check, Figure
from bench.hashing import photograph
from bench.rows import Row

FILES = 2_000
PEER_FILES = 100  # of which the peer takes long over each
MANY, FEW = 100_000, 10_000  # names of one small picture, for the memory
SIZES = ((640, 480), (1024, 768), (1632, 1224), (2560, 1920))
ROUNDS = 3
ROOT = Path(__file__).parents[1]
SPEEDUP, GROWTH, BUSY = "folder.speedup", "folder.growth", "folder.busy"

# Prints the peak of the process itself, and the largest of those it started. Its own is what the
# kernel notes of its memory: `ru_maxrss` begins with that of the process which started it.
_OURS = """
import json, os, re, resource, sys, time
from pathlib import Path
from softfall.cli.main import main
start = time.perf_counter()
try:
    main()
finally:
    took_s = time.perf_counter() - start
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, theirs = map(resource.getrusage, who)
    busy_s = own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime
    peak_kib = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    print(json.dumps([peak_kib << 10, theirs.ru_maxrss << 10, busy_s / took_s]))
"""

_PEER = """
import json, resource, sys
from pathlib import Path
from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_bytes
for path in sorted(Path(sys.argv[1]).rglob("*.jpg")):
    digest, quality = pdq_from_bytes(path.read_bytes())
    print(json.dumps([digest, quality]))
print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10, 0, 1]))
"""

Run = tuple[float, list[tuple[str, int]], list[float]]
"""Milliseconds; each file's hash and quality; peaks in bytes (own, processes'), cores busy."""


def rows() -> list[Row]:
    runs = _runs(PEER_FILES, ("1", _cores(), "peer"))
    return [
        _row(f"{PEER_FILES} photographs, {jobs} process{'es' if jobs != '1' else ''}", runs, jobs)
        for jobs in ("1", _cores())
    ]


def figures() -> list[Figure]:
    runs = _runs(FILES, ("1", _cores()))
    one, all_cores = (median(run[0] for run in side) for side in runs.values())
    told = {json.dumps(run[1]) for side in runs.values() for run in side}
    same = Check(len(told) == 1, "the same lines in the same order each time")
    few, many = (_peak_bytes(count) for count in (FEW, MANY))
    return [
        same.figure(SPEEDUP, f"{FILES} photographs, {_cores()} processes", one / all_cores, "x"),
        same.figure(
            BUSY,
            "cores kept busy, from the command's start to its end",
            median(run[2][2] for run in runs[_cores()]),
            "cores",
        ),
        same.figure(
            GROWTH,
            f"more memory for {MANY:,} files than for {FEW:,}, in the largest process",
            (many - few) / 2**20,
            "MiB",
            int(many),
        ),
    ]


def _runs(count: int, sides: tuple[str, ...]) -> dict[str, list[Run]]:
    """So many files by each side, turn about."""
    with _folder(count) as folder:
        runs: dict[str, list[Run]] = {side: [] for side in sides}
        _run("1", folder)  # compiles what is not compiled yet
        for turn in range(ROUNDS):
            for side in sides[:: -1 if turn % 2 else 1]:
                runs[side].append(_run(side, folder))
        return runs


def _peak_bytes(count: int) -> float:
    with _folder(count, ((48, 32),)) as folder:
        return max(_run(_cores(), folder)[2][:2])


def _row(work: str, runs: dict[str, list[Run]], jobs: str) -> Row:
    ours, theirs = runs[jobs], runs["peer"]
    our_ms, peer_ms = (median(run[0] for run in side) for side in (ours, theirs))
    same = all(run[1] == theirs[0][1] for run in ours)
    return Row(
        work=work,
        peer=f"threatexchange {version('threatexchange')}",
        our_median_ms=our_ms,
        peer_median_ms=peer_ms,
        ratio=peer_ms / our_ms,
        our_peak_bytes=int(max(max(run[2][:2]) for run in ours)),
        peer_peak_bytes=int(max(run[2][0] for run in theirs)),
        rounds=ROUNDS,
        exact=same,
        exactness="same hash and quality of every file" if same else "they differ",
    )


def _run(side: str, folder: Path) -> Run:
    out = folder.with_name("out.jsonl")
    out.unlink(missing_ok=True)
    ours = (_OURS, "hash", "--jobs", side, "--out", str(out), str(folder))
    words = (_PEER, str(folder)) if side == "peer" else ours
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    took_ms = (time.perf_counter() - start) * 1000
    *printed, facts = map(json.loads, done.stdout.splitlines())
    if side == "peer":
        return took_ms, [(digest, quality) for digest, quality in printed], facts
    lines: list[dict[str, Any]] = [json.loads(line) for line in out.read_bytes().splitlines()]
    return took_ms, [(row["pdq"], row["quality"]) for row in lines], facts


@contextmanager
def _folder(count: int, sizes: tuple[tuple[int, int], ...] = SIZES) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "photographs")
        photographs = [photograph(*size) for size in sizes]
        for number in range(count):
            path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            if number % 1000 < len(sizes):  # a file can have some ten thousand names and no more
                path.write_bytes(photographs[number % 1000])
            else:
                os.link(path.with_name(f"{number - len(sizes):06}.jpg"), path)
        yield folder


def _cores() -> str:
    return str(len(os.sched_getaffinity(0)))
