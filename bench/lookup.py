"""The lookup service over HTTP at ten million entries, load tool and service on the same cores.

The list is random hashes in the service's own index file, over a store that holds the few entries
that the questions match. Two workers, TLS, tokens and counting as in operation; the load tool
(`bench/load.py`) shares the cores with them, so all its costs are in the figures.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import httpx
import numpy as np

from bench.figures import Check, Figure
from bench.hashes import balanced, flipped
from bench.hashing import photograph
from bench.load import HASH_BYTES, Target, load, packed_requests
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.index_file import FILE, FOLDER
from softfall.custodian.lookup.tools import add_tool
from softfall.edge.confined import Afresh, PictureLimits
from softfall.edge.hashing import HasherProcess
from softfall.edge.tls import client_context, init_tls
from softfall.lists.entries import Statement
from softfall.lists.index import snapshot
from softfall.lists.index.hamming import Matches, U64Array, words
from softfall.lists.index.ring import RingIndex
from softfall.media.pdq import PdqHash

ENTRIES = int(os.environ.get("SOFTFALL_BENCH_LOOKUP_ENTRIES", "10_000_000"))
PLANTED = 200
MATCHING = 0.01  # of the questions
QUESTIONS = 25_600
BATCH = 256
CONNECTIONS = {1: 16, BATCH: 8}
SECONDS = 6.0
ROUNDS = 3
PICTURE_ROUNDS = 9
CHANGES = 5
PATIENCE_SECONDS = 20.0
PICTURE_SIDES = (1632, 1224)
UNLIMITED = 10**12
SHOWN = f"{ENTRIES // 1_000_000}M" if ENTRIES >= 1_000_000 else f"{ENTRIES:,}"


def figures() -> list[Figure]:
    rng = np.random.default_rng(5)
    planted = balanced(rng, PLANTED)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "custodian"
        init_tls(Path(folder) / "tls")
        asked, expected = _fill(rng, data_dir, planted)
        token = add_tool(data_dir, "bench")
        with _service(Path(folder)) as (url, process):
            target = Target.of(url, Path(folder) / "tls" / "ca.crt", token)
            check = _exactness(target, Path(folder) / "tls", asked, expected)
            found = _rates(target, asked, check, _memory(process))
            found += _of_pictures(target, Path(folder) / "tls")
            found.append(_of_change(target, Path(folder) / "tls", data_dir, rng))
    return found + _of_hasher()


def _fill(
    rng: np.random.Generator, data_dir: Path, planted: list[bytes]
) -> tuple[list[bytes], dict[int, list[int]]]:
    """Store and index file; the questions, and what each that matches anything must be told."""
    catalogue = Catalogue.open(data_dir)
    for number, pdq in enumerate(planted, 1):
        entry = catalogue.add(Statement(pdq, "bench", frozenset({"a label"})), 1_700_000_000_000)
        assert entry.number == number
    hashes: U64Array = rng.integers(0, 2**64, (ENTRIES, 4), np.uint64, endpoint=False)
    hashes[1 : PLANTED + 1] = words(planted)
    numbers = np.arange(ENTRIES, dtype=np.int64)
    numbers[0] = ENTRIES  # there is no entry 0
    index = RingIndex.build(hashes, numbers)
    snapshot.write(data_dir / FOLDER / FILE, index, catalogue.feed.listed().position)
    catalogue.close()
    asked = [rng.bytes(HASH_BYTES) for _ in range(QUESTIONS)]
    for place in range(0, QUESTIONS, round(1 / MATCHING)):
        asked[place] = flipped(rng, [planted[place % PLANTED]])[0]
    told = index.search(words(asked))
    return asked, _by_query(told)


def _by_query(told: Matches) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row, number in zip(told.query_rows.tolist(), told.entry_numbers.tolist(), strict=True):
        found.setdefault(row, []).append(number)
    return found


@contextmanager
def _service(folder: Path) -> "Iterator[tuple[str, subprocess.Popen[str]]]":
    """`softfall serve lookup` on that folder: its address, and its process."""
    settings = {
        "CUSTODIAN__DATA_DIR": folder / "custodian",
        "CUSTODIAN__TLS_DIR": folder / "tls",
        "LOOKUP__PORT": 0,
        "LOOKUP__WORKERS": len(os.sched_getaffinity(0)),
        "LOOKUP__HASHES_PER_HOUR": UNLIMITED,
        "LOOKUP__MATCHES_PER_HOUR": UNLIMITED,
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "softfall", "serve", "lookup"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **{f"SOFTFALL__{key}": str(v) for key, v in settings.items()}},
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise SystemExit(f"the service did not start: {(folder / 'log').read_text()}")
            yield line.split()[-1], process
        finally:
            process.terminate()
            process.wait(60)


def _exactness(
    target: Target, tls_dir: Path, asked: list[bytes], expected: dict[int, list[int]]
) -> Check:
    """Every question packed, and a few alone in JSON, beside the plain index."""
    wrong = 0
    with _client(target, tls_dir) as client:
        for start in range(0, len(asked), BATCH):
            body = b"".join(asked[start : start + BATCH])
            reply = client.post("/v1/lookup", content=body, headers={"Content-Type": OCTETS})
            wrong += _told(reply, start) != _part(expected, start, BATCH)
        for start in range(0, len(asked), len(asked) // 128):
            reply = client.post("/v1/lookup", json={"hashes": [asked[start].hex()]})
            wrong += _told(reply, start) != _part(expected, start, 1)
    return Check(not wrong, f"all {len(asked):,} answers are the plain index's")


OCTETS = "application/octet-stream"


def _part(expected: dict[int, list[int]], start: int, count: int) -> dict[int, list[int]]:
    return {row: expected[row] for row in range(start, start + count) if row in expected}


def _told(reply: httpx.Response, start: int) -> dict[int, list[int]]:
    reply.raise_for_status()
    matches = json.loads(reply.content)["matches"]
    return {start + each["query"]: [e["entry"] for e in each["entries"]] for each in matches}


def _rates(
    target: Target, asked: list[bytes], check: Check, peak_bytes: int | None
) -> list[Figure]:
    """Single and batched lookups, turn about."""
    packed = b"".join(asked)
    requests = {size: packed_requests(target, packed, size) for size in CONNECTIONS}
    for size, connections in CONNECTIONS.items():
        load(target, requests[size], connections, 1.0)
    runs = {
        size: [load(target, requests[size], CONNECTIONS[size], SECONDS) for _ in range(ROUNDS)]
        for size in CONNECTIONS
    }
    found = []
    for size, name in ((1, "single"), (BATCH, "batched")):
        failed = sum(run.failed for run in runs[size])
        all_well = Check(check.holds and not failed, f"{check.shown}; no request failed")
        of = f"{SHOWN} entries, {CONNECTIONS[size]} connections"
        work = "single lookups" if size == 1 else f"lookups in batches of {size}"
        rate = median(run.per_second for run in runs[size]) * size
        found.append(
            all_well.figure(
                f"lookup.{name}.{SHOWN}", f"{work}, {of}", rate, "lookups/s", peak_bytes
            )
        )
        for percent in (50, 99):
            value = median(run.percentile_ms(percent) for run in runs[size])
            found.append(
                all_well.figure(
                    f"lookup.{name}.p{percent}", f"p{percent} of a request, {work}", value, "ms"
                )
            )
    return found


def _of_pictures(target: Target, tls_dir: Path) -> list[Figure]:
    picture = photograph(*PICTURE_SIDES)
    request = target.request("image/jpeg", picture)
    with _client(target, tls_dir) as client:
        reply = client.post("/v1/lookup", content=picture, headers={"Content-Type": "image/jpeg"})
    looked_up = reply.json().get("looked_up", 0)
    told = load(target, [request], 2, SECONDS)
    check = Check(bool(looked_up) and not told.failed, "every picture was hashed and looked up")
    return [
        check.figure("lookup.pictures", "2 MP JPEG files looked up", told.per_second, "pictures/s"),
        check.figure("lookup.pictures.p99", "p99 of a picture", told.percentile_ms(99), "ms"),
    ]


def _of_change(target: Target, tls_dir: Path, data_dir: Path, rng: np.random.Generator) -> Figure:
    """From an entry's commit to when every connection, of either worker, is told of it."""
    catalogue, times_ms = Catalogue.open(data_dir), list[float]()
    with ExitStack() as stack:
        clients = [stack.enter_context(_client(target, tls_dir)) for _ in range(CONNECTIONS[BATCH])]
        for pdq in balanced(rng, CHANGES):
            waiting, start = list(clients), time.perf_counter()
            catalogue.add(Statement(pdq, "bench"), 1_700_000_000_000)
            while waiting and time.perf_counter() - start < PATIENCE_SECONDS:
                waiting = [each for each in waiting if not _is_told(each, pdq)]
            times_ms.append((time.perf_counter() - start) * 1000)
    catalogue.close()
    check = Check(not waiting, "every connection is told of every new entry")
    what = "a new entry is told by every worker, the slowest of some"
    return check.figure(f"lookup.change.{SHOWN}", what, max(times_ms), "ms")


def _is_told(client: httpx.Client, pdq: bytes) -> bool:
    return bool(client.post("/v1/lookup", json={"hashes": [pdq.hex()]}).json()["matches"])


def _of_hasher() -> list[Figure]:
    """One picture in confinement: by a fork of the template, and by a process started afresh."""
    picture, limits = photograph(*PICTURE_SIDES), PictureLimits(100_000_000, 4 << 30)
    code = "import os, sys; from softfall.hasher.main import main; os._exit(main(sys.argv[2:]))"
    hashers = {
        "template": HasherProcess(limits),
        "afresh": HasherProcess(limits, Afresh((sys.executable, "-I", "-c", code))),
    }
    hashes = {name: hasher.hash(picture, 60) for name, hasher in hashers.items()}
    times_ms: dict[str, list[float]] = {name: [] for name in hashers}
    for turn in range(PICTURE_ROUNDS):
        for name in list(hashers)[:: -1 if turn % 2 else 1]:
            times_ms[name].append(_time_ms(lambda name=name: hashers[name].hash(picture, 60)))
    same = isinstance(hashes["template"], PdqHash) and hashes["template"] == hashes["afresh"]
    check = Check(same, "the same hash both ways")
    what = {
        "template": "a 2 MP JPEG hashed in a process forked from the template",
        "afresh": "the same, in a process started afresh",
    }
    return [
        check.figure(f"lookup.hasher.{name}", what[name], median(times), "ms")
        for name, times in times_ms.items()
    ]


def _time_ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _client(target: Target, tls_dir: Path) -> httpx.Client:
    return httpx.Client(
        base_url=f"https://{target.host}:{target.port}",
        verify=client_context(tls_dir),
        headers={"Authorization": f"Bearer {target.token}"},
        timeout=60,
    )


def _memory(process: "subprocess.Popen[str]") -> int | None:
    """What the service's processes hold; pages that they share count once."""
    import psutil

    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
        return sum(each.memory_full_info().pss for each in family)
    except (psutil.Error, AttributeError):
        return None
