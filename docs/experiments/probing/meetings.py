"""The check on the estimate: every pair that meets in some table, found by joins and counted.

Guarantees: exact over all ordered pairs of innocent pictures from different photographs, those that
plain PDQ matches left out; no model, and therefore few events where holds are rare.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.progress import track

from probing.census import RADIUS_BITS
from probing.hashes import Hashes, Indices
from probing.ordering import plain_keys, probe_keys

_ROWS_AT_A_TIME: Final = 4096


def held_pairs(hashes: Hashes, sets: Indices, probes: int) -> dict[int, int]:
    """For 1, 2, ... hits: how many ordered pairs (query, entry) meet in at least so many tables."""
    met = [
        np.concatenate(list(_meetings(hashes, positions, probes)))
        for positions in track(sets, "joining tables")
    ]
    pair, tables = np.unique(np.concatenate(met), return_counts=True)
    several = np.flatnonzero(tables > 1)
    query, entry = np.divmod(pair[several], len(hashes.bits))
    distance = (hashes.bits[query] != hashes.bits[entry]).sum(axis=1)
    far = several[distance > RADIUS_BITS]
    held = {1: len(pair)}
    held.update({hits: int((tables[far] >= hits).sum()) for hits in range(2, len(sets) + 1)})
    return held


def _meetings(hashes: Hashes, positions: Indices, probes: int) -> Iterator[npt.NDArray[np.int64]]:
    """One table's meetings, as query * number of hashes + entry."""
    keys = plain_keys(hashes.bits[:, positions])
    by_key = np.argsort(keys, kind="stable")
    keys = keys[by_key]
    for start in range(0, len(keys), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        asked = probe_keys(hashes.bits[rows, positions], hashes.margins[rows, positions], probes)
        asked = asked.ravel()
        low = np.searchsorted(keys, asked, side="left")
        count = np.searchsorted(keys, asked, side="right") - low
        owner = np.repeat(np.arange(len(asked)), count)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        entry = by_key[np.repeat(low, count) + within]
        query = owner // probes + start
        other = hashes.source[query] != hashes.source[entry]
        yield query[other] * len(keys) + entry[other]
