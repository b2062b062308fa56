"""What a benchmark prints: the work, the peer and its version, both medians, the ratio from one
interleaved run, both peaks of memory, and whether the answers are the same. Never a bare time.

A bench module offers `rows() -> list[Row]`, and makes each with `compare`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from typing import Any

from bench.memory import peak_bytes

ROUNDS = 9
LEAST_SECONDS = 0.02  # shorter work is repeated within a round, so that the clock can tell


@dataclass(frozen=True, slots=True)
class Row:
    """One line. Times are of one piece of work; `ratio` is the peer's median over ours."""

    work: str
    peer: str
    our_median_ms: float
    peer_median_ms: float
    ratio: float
    our_peak_bytes: int | None
    peer_peak_bytes: int | None
    rounds: int
    exact: bool
    exactness: str


def compare(
    work: str,
    *,
    peer: str,
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    same: str,
    differ: Callable[[Any, Any], str] = lambda our, their: "" if our == their else "they differ",
    rounds: int = ROUNDS,
) -> Row:
    """Time the same work done by us and by a peer, turn about, first here and then there.

    peer: the name of an installed distribution; its version is looked up.
    differ: what is wrong with (our answer, the peer's), in words, or "" if they are the same.
    same: what the check has shown when nothing is wrong.
    """
    wrong = differ(ours(), theirs())  # which also warms both up
    sides = (ours, theirs)
    repeats = [_repeats(side) for side in sides]
    times_ms: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        for side in (0, 1) if turn % 2 else (1, 0):
            times_ms[side].append(_time_ms(sides[side], repeats[side]))
    our_ms, peer_ms = median(times_ms[0]), median(times_ms[1])
    return Row(
        work=work,
        peer=f"{peer} {version(peer)}",
        our_median_ms=our_ms,
        peer_median_ms=peer_ms,
        ratio=peer_ms / our_ms,
        our_peak_bytes=peak_bytes(ours),
        peer_peak_bytes=peak_bytes(theirs),
        rounds=rounds,
        exact=not wrong,
        exactness=wrong or same,
    )


def _repeats(work: Callable[[], Any]) -> int:
    return max(1, round(LEAST_SECONDS * 1000 / max(_time_ms(work, 1), 0.001)))


def _time_ms(work: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) * 1000 / repeats
