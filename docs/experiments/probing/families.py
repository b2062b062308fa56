"""Ways to choose the bits of each table: from chance alone to learned from photographs.

A family draws position sets, (tables, k) bit positions, from a random generator; learned ones were
first shown edited pairs and innocent hashes of the training photographs, and of no others.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from probing.hashes import EditedPairs, Hashes, Indices
from softfall.options.tags.parameters import HASH_BITS, low_frequency_positions

Family = Callable[[int, int, np.random.Generator], Indices]


def overlapping(tables: int, k_bits: int, rng: np.random.Generator) -> Indices:
    """Independent random sets: two may share bits."""
    return np.array([rng.choice(HASH_BITS, k_bits, replace=False) for _ in range(tables)])


def disjoint(tables: int, k_bits: int, rng: np.random.Generator) -> Indices:
    """Random sets of all 256 bits, none used twice."""
    return rng.permutation(HASH_BITS)[: tables * k_bits].reshape(tables, k_bits)


def low_frequency(tables: int, k_bits: int, rng: np.random.Generator) -> Indices:
    """The product's own rule: the lowest frequencies, dealt at random."""
    return np.array(low_frequency_positions(str(rng.integers(2**62)), tables, k_bits))


def learned(pairs: EditedPairs, innocent: Hashes, training: Indices) -> dict[str, Family]:
    """Families that know which bits everyday edits flip, and which go together, from `training`."""
    shown = np.isin(pairs.edited.source, training)
    flips = pairs.original[shown] != pairs.edited.bits[shown]
    close = flips.sum(axis=1) <= 31
    steadiest = np.argsort(flips[close].mean(axis=0), kind="stable")
    seen = innocent.bits[np.isin(innocent.source, training)]
    together = np.abs(np.corrcoef(seen[:: max(1, len(seen) // 20_000)].T.astype(np.float32)))
    return {
        "steadiest, dealt": partial(_dealt, steadiest),
        "steadiest, decorrelated": partial(_decorrelated, steadiest, np.nan_to_num(together)),
        "steadiest together": partial(_together, steadiest),
    }


def _dealt(order: Indices, tables: int, k_bits: int, rng: np.random.Generator) -> Indices:
    return rng.permutation(order[: tables * k_bits]).reshape(tables, k_bits)


def _together(order: Indices, tables: int, k_bits: int, rng: np.random.Generator) -> Indices:
    """The steadiest k bits in the first table, the next in the second, and so on."""
    return order[: tables * k_bits].reshape(tables, k_bits)


def _decorrelated(
    order: Indices,
    together: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    tables: int,
    k_bits: int,
    rng: np.random.Generator,
) -> Indices:
    """Each bit to the table whose bits it goes along with least; bits in random order."""
    sets: list[list[int]] = [[] for _ in range(tables)]
    for bit in rng.permutation(order[: tables * k_bits]):
        room = [table for table in range(tables) if len(sets[table]) < k_bits]
        sets[min(room, key=lambda table: together[bit, sets[table]].sum())].append(int(bit))
    return np.array(sets)
