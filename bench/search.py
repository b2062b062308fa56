"""Every list entry within 31 bits of a hash: 100,000, 1,000,000 and 10,000,000 entries.

Peers, each in a process of its own with one thread, turn about: `threatexchange`'s PDQIndex, which
platforms run today (multi-index hashing by faiss), and faiss's IndexBinaryFlat, a plain pass. All
are exact, and must find the same entries. Each is asked in the way of its users, with hashes in
hexadecimal: alone (one call a hash) or together (32 a call); no two rounds
ask the same.

Lists are of random bits; every second query is an entry with up to 31 bits flipped, the others are
nowhere listed. Worst cases are such as real lists have, and worse: a tenth of the list one hash, or
a tenth crowded just beyond the radius of the queries, so that tables can tell nothing apart.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.figures import Check, Figure
from bench.processes import Process
from bench.rows import Row

Words = Any  # (N, 4) uint64

ENTRIES = {"100k": 100_000, "1M": 1_000_000, "10M": 10_000_000}
SAME_SIZE = "1M"
OURS = "bench.search_contenders:Ring"
PLAIN = "bench.search_contenders:Pass"
PEERS = {
    "PDQIndex": ("threatexchange", "bench.search_contenders:ThreatExchange"),
    "IndexBinaryFlat": ("faiss-cpu", "bench.search_contenders:Flat"),
}
ROUNDS = 7
CHECKED = 100  # queries whose answers are compared
AT_ONCE = 32  # queries that are asked together: few, so that other programs seldom come between
ASKED = 64 * AT_ONCE  # queries in a round; of a peer, the first of them:
ASKED_OF_PEERS = AT_ONCE
WORST_ASKED = 10  # (each may find a tenth of the list)
QUERIES = 2 * ROUNDS * ASKED
TOGETHER = 8000  # queries of one thread, where two are compared with one


@dataclass
class Times:
    """Microseconds a query, and what building took."""

    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    build: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)


HOW: dict[str, Callable[[Times], list[float]]] = {
    "a hash alone": lambda times: times.alone,
    "hashes together": lambda times: times.together,
}


def rows() -> list[Row]:
    return [row for size in ENTRIES for row in _rows_of(size)]


def figures() -> list[Figure]:
    largest = _measured("10M")
    ours, count = largest[OURS], ENTRIES["10M"]
    held = _agreed(largest, f"the peers find the same {ours.answers['pairs']} pairs")
    return [
        held.figure(
            "search.bytes_a_hash", "memory among 10M entries, at the peak of building",
            ours.build["peak_bytes"] / count, "B a hash", int(ours.build["peak_bytes"]),
        ),
        held.figure("search.build", "building among 10M entries", ours.build["seconds"], "s"),
        held.figure(
            "search.p99", "a hash alone among 10M entries, 99 of 100 within",
            quantiles(ours.alone, n=100)[98] / 1000, "ms",
        ),
        held.figure(
            "search.together", "together, of the time alone, 10M entries",
            median(ours.together) / median(ours.alone), "times",
        ),
        *_growth_and_threads(held),
        *(_worst_case(kind) for kind in WORST_CASES),
    ]  # fmt: skip


def _rows_of(size: str) -> list[Row]:
    measured = _measured(size)
    ours = measured[OURS]
    made = []
    for title, (distribution, contender) in PEERS.items():
        theirs = measured[contender]
        check = _agreed({OURS: ours, contender: theirs}, f"the same {ours.answers['pairs']} pairs")
        for how, times_of in HOW.items():
            mine_ms, peer_ms = (median(times_of(each)) / 1000 for each in (ours, theirs))
            made.append(
                Row(
                    work=f"{how} among {size} entries, {title}",
                    peer=f"{distribution} {version(distribution)}",
                    our_median_ms=mine_ms,
                    peer_median_ms=peer_ms,
                    ratio=peer_ms / mine_ms,
                    our_peak_bytes=_whole(ours.build["peak_bytes"]),
                    peer_peak_bytes=_whole(theirs.build["peak_bytes"]),
                    rounds=ROUNDS,
                    exact=check.holds,
                    exactness=check.shown,
                )
            )
    return made


@cache
def _measured(size: str) -> dict[str, Times]:
    listed, queries = random_list(ENTRIES[size])
    return _side_by_side(listed, queries, [OURS, *(name for _, name in PEERS.values())])


def _side_by_side(
    listed: Words,
    queries: Words,
    names: list[str],
    asked: int | None = None,
) -> dict[str, Times]:
    """asked: queries of each in a round, and to be checked; None for as many as time allows."""
    measured = {name: Times() for name in names}
    checked = asked or CHECKED
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        _write(folder, listed, queries)
        running = {name: stack.enter_context(Process(name, folder)) for name in names}
        for name, process in running.items():
            measured[name].build = process.ask("build")
            measured[name].answers = process.ask("answers", 0, checked)
        for turn in range(ROUNDS):
            for name in names[:: -1 if turn % 2 else 1]:
                count = asked or (ASKED if name == OURS else ASKED_OF_PEERS)
                alone, together = _ask(running[name], turn, count)
                measured[name].alone += alone
                measured[name].together += together
    return measured


def _ask(process: Process, turn: int, count: int) -> tuple[list[float], list[float]]:
    """Microseconds of queries alone, and of as many others together.

    No round asks what another did: a large cache would still hold what that takes.
    """
    first = 2 * turn * ASKED
    alone = process.ask("one", first, count)
    return alone, process.ask("many", first + ASKED, count, AT_ONCE)


def _growth_and_threads(held: Check) -> list[Figure]:
    """Ten times the list, and two threads: ours alone, turn about."""
    times: dict[str, list[float]] = {"small": [], "large": [], "small+": [], "large+": []}
    threads: dict[int, list[float]] = {1: [], 2: []}
    with ExitStack() as stack:
        running = {}
        for name, size in (("small", "1M"), ("large", "10M")):
            folder = Path(stack.enter_context(TemporaryDirectory()))
            _write(folder, *random_list(ENTRIES[size]))
            running[name] = stack.enter_context(Process(OURS, folder))
            running[name].ask("build")
        for turn in range(ROUNDS):
            for name, process in running.items():
                alone, together = _ask(process, turn, ASKED)
                times[name] += alone
                times[f"{name}+"] += together
            for count, taken in threads.items():
                taken.append(running["large"].ask("threads", TOGETHER, count))
    middle = {name: median(taken) for name, taken in times.items()}
    return [
        held.figure(
            "search.growth_alone", "a hash alone, 10M entries after 1M",
            middle["large"] / middle["small"], "times",
        ),
        held.figure(
            "search.growth_together", "hashes together, 10M entries after 1M",
            middle["large+"] / middle["small+"], "times",
        ),
        held.figure(
            "search.threads", "two threads over one, 10M entries",
            median(threads[1]) / median(threads[2]), "times",
        ),
    ]  # fmt: skip


def _worst_case(kind: str) -> Figure:
    """Such a list, beside a plain pass over it in the same machine code."""
    listed, queries = WORST_CASES[kind](ENTRIES[SAME_SIZE])
    measured = _side_by_side(listed, queries, [OURS, PLAIN], WORST_ASKED)
    ours, plain = measured[OURS], measured[PLAIN]
    check = _agreed(
        measured, f"a plain pass finds the same {ours.answers['pairs']} pairs", WORST_ASKED
    )
    return check.figure(
        f"search.worst.{kind}", f"{SAME_SIZE} entries, {kind}: of a plain pass",
        median(ours.alone) / median(plain.alone), "times",
    )  # fmt: skip


def random_list(count: int) -> tuple[Words, Words]:
    """Random hashes, and queries of which every second is near one of them."""
    rng = np.random.default_rng(1)
    listed = rng.integers(0, 2**64, (count, 4), dtype=np.uint64)
    queries = flipped(rng, listed[rng.integers(0, count, QUERIES)], 0, 31)
    queries[::2] = rng.integers(0, 2**64, (QUERIES // 2, 4), dtype=np.uint64)
    return listed, queries


def a_tenth_the_same(count: int) -> tuple[Words, Words]:
    """A tenth of the list is one hash; every query is near it."""
    listed, queries = random_list(count)
    listed[: count // 10] = listed[0]
    rng = np.random.default_rng(2)
    return listed, flipped(rng, np.broadcast_to(listed[0], queries.shape), 0, 31)


def a_tenth_just_beyond(count: int) -> tuple[Words, Words]:
    """A tenth of the list is 34 to 40 bits from blank, the queries at most 2."""
    listed, queries = random_list(count)
    rng = np.random.default_rng(3)
    listed[: count // 10] = flipped(rng, np.zeros((count // 10, 4), np.uint64), 34, 40)
    return listed, flipped(rng, np.zeros_like(queries), 0, 2)


def all_share_pieces(count: int) -> tuple[Words, Words]:
    """Every piece of every entry is one of two: tables tell hardly anything apart."""
    rng = np.random.default_rng(4)
    known = rng.integers(0, 2**16, (2, 16), dtype=np.uint64)
    shifts = np.arange(48, -1, -16, dtype=np.uint64)

    def drawn(rows: int) -> Words:
        chosen = known[rng.integers(0, 2, (rows, 16)), np.arange(16)]
        return (chosen.reshape(rows, 4, 4) << shifts).sum(axis=2, dtype=np.uint64)

    return drawn(count), drawn(QUERIES)


WORST_CASES = {
    "a tenth the same": a_tenth_the_same,
    "a tenth just beyond the radius": a_tenth_just_beyond,
    "all share pieces": all_share_pieces,
}


def flipped(rng: np.random.Generator, hashes: Words, fewest: int, most: int) -> Words:
    """Each with so many bits the other way. (In parts: a byte for each bit.)"""
    made = []
    for part in np.array_split(hashes, len(hashes) // 20_000 + 1):
        ranks = rng.permuted(np.tile(np.arange(256), (len(part), 1)), axis=1)
        flips = ranks < rng.integers(fewest, most + 1, (len(part), 1))
        packed = np.ascontiguousarray(np.packbits(flips, axis=1)).view(">u8").astype(np.uint64)
        made.append(part ^ packed)
    return np.concatenate(made)


def _agreed(measured: dict[str, Times], what: str, checked: int = CHECKED) -> Check:
    digests = {times.answers["digest"] for times in measured.values()}
    return Check(len(digests) == 1, f"{what} for {checked} hashes")


def _write(folder: Path, listed: Words, queries: Words) -> None:
    np.save(folder / "listed.npy", listed)
    np.save(folder / "queries.npy", queries)


def _whole(size_bytes: float | None) -> int | None:
    return None if size_bytes is None else int(size_bytes)
