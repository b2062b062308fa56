"""Can two inputs be told apart by how long something takes? A statistical test, no time limit.

After dudect (Reparaz et al. 2017): both classes in random order, so that noise falls on both alike;
the slowest runs are cut; Welch's t. What differs shows in every attempt; what only looks so by
chance does not, hence the attempts.
"""

import random
import time
from collections.abc import Callable

import numpy as np

RUNS = 1500
THRESHOLD = 10.0  # dudect calls a leak definite above this
ATTEMPTS = 4


def told_apart(run: Callable[[np.ndarray], object], one: np.ndarray, other: np.ndarray) -> bool:
    """Whether every attempt finds the two classes different."""
    return all(
        abs(welch_t(*measure(run, one, other, seed))) > THRESHOLD for seed in range(ATTEMPTS)
    )


def measure(
    run: Callable[[np.ndarray], object], one: np.ndarray, other: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Nanoseconds of each class. The input always lies in the same place of memory."""
    order = random.Random(seed).choices((0, 1), k=2 * RUNS)
    place = np.zeros((1, one.size), one.dtype)
    took: tuple[list[int], list[int]] = ([], [])
    for kind in order:
        place[0] = (one, other)[kind]
        start = time.perf_counter_ns()
        run(place)
        took[kind].append(time.perf_counter_ns() - start)
    return np.array(took[0], float), np.array(took[1], float)


def welch_t(one: np.ndarray, other: np.ndarray) -> float:
    """Welch's t of two samples, both cut at the median of all: the rest is the machine's noise."""
    limit = np.median(np.concatenate([one, other]))
    # An honest cut must keep both classes; where one lies whole above it, they differ plainly.
    kept = [times[times <= limit] for times in (one, other)]
    if min(map(len, kept)) < RUNS // 10:
        return float("inf")
    error = np.sqrt(sum(times.var(ddof=1) / len(times) for times in kept))
    return float((kept[0].mean() - kept[1].mean()) / error) if error else 0.0
