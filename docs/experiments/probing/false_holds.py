"""How often an innocent picture would be held by mistake against a list of N real pictures.

Guarantees: the rate is the expected number of unrelated entries that hold one innocent picture, so
the share of pictures held is at most that. Pairs that plain PDQ matches too are not counted here.
Method: near pairs (`census.NEAR_BITS`) are probed one by one with their true margins, over many
draws of the position sets, middle ones over few; farther ones, where flips are nearly random, go by
the exact law of the flips that fall into each table.
Bounds: the larger of two, photographs resampled (1,000 times) and the gamma bound for a weighted
sum of Poisson counts, a pair of photographs being one count (Fay and Feuer 1997); where nothing was
held at all, three pairs of pictures. They hold for photographs like these.
"""

from dataclasses import dataclass
from functools import cache
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import gamma, hypergeom

from probing.census import NEAR_BITS, RADIUS_BITS, Census
from probing.families import Family
from probing.hashes import Hashes, Indices
from probing.ordering import NEVER, Ranks, needed_rank, possible_flips

LIST_SIZE: Final = 1_000_000
RESAMPLES: Final = 1000
MIDDLE_DRAWS: Final = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """False holds expected of one innocent picture: the kept pairs' part, the others' part, and a
    95 % upper bound of the sum.
    """

    kept: float
    far: float
    upper: float


def table_hits(
    original: npt.NDArray[np.bool_], query: Hashes, rows: Indices, sets: Indices, probes: int
) -> Ranks:
    """(n, tables): at which probe the 1st, 2nd, ... table is hit, rising; NEVER where none is.

    original: (n, 256) listed bits; rows: (n,) which of `query` asks.
    """
    ranks = np.full((len(rows), len(sets)), NEVER, np.int32)
    for table, positions in enumerate(sets):
        asked = np.ix_(rows, positions)
        ranks[:, table] = needed_rank(
            original[:, positions], query.bits[asked], query.margins[asked], probes
        )
    return np.sort(ranks, axis=1)


class KeptPairs:
    """The kept pairs of a census under one family, k and T: held in which share of the draws."""

    def __init__(
        self,
        hashes: Hashes,
        counted: Census,
        sets: list[Indices],
        probes: int,
        resampled: Indices,
    ) -> None:
        near = counted.distance <= NEAR_BITS
        self._hits = []
        rows = []
        for band, drawn in ((near, sets), (~near, sets[:MIDDLE_DRAWS])):
            query, entry = counted.query[band], counted.entry[band]
            original = hashes.bits[entry]
            self._hits.append([table_hits(original, hashes, query, s, probes) for s in drawn])
            rows.append(np.stack((hashes.source[query], hashes.source[entry])))
        self._source = np.concatenate(rows, axis=1)
        self._ordered_pairs = 2 * counted.total
        self._resampled = resampled

    def held(self, probes: int, hits: int) -> Floats:
        """(kept pairs,) the share of the draws that hold each; near ones first."""
        shares = [
            np.mean([ranks[:, hits - 1] < probes for ranks in band], axis=0) for band in self._hits
        ]
        return np.concatenate(shares)

    def rate(self, probes: int, hits: int, far: float) -> Rate:
        """The rate at N = LIST_SIZE, with its 95 % upper bound."""
        held = self.held(probes, hits)
        scale = LIST_SIZE / self._ordered_pairs
        some = np.flatnonzero(held)
        one, other = self._source[:, some]
        drawn_anew = (self._resampled[:, one] * self._resampled[:, other]) @ held[some]
        bound = max(float(np.quantile(drawn_anew, 0.95)), gamma_bound(self.counts(held)))
        return Rate(float(held.sum()) * scale, far, bound * scale + far)

    def counts(self, held: Floats) -> Floats:
        """What each pair of photographs adds to the sum of `held`, without the zeros."""
        some = np.flatnonzero(held)
        few, many = np.sort(self._source[:, some], axis=0)
        _, pair = np.unique(few * len(self._resampled[0]) + many, return_inverse=True)
        return np.bincount(pair, weights=held[some]).astype(np.float64)


def gamma_bound(counts: Floats, unseen: float = 0.0) -> float:
    """The 95 % upper bound of the sum of weighted Poisson counts; 3 where all are 0.

    unseen: the least weight that the next, unseen count is given; the largest seen one otherwise.
    """
    largest = max(float(counts.max(initial=0)), unseen) or 1.0
    mean, variance = counts.sum() + largest, (counts**2).sum() + largest**2
    return float(gamma.ppf(0.95, mean**2 / variance, scale=variance / mean))


def resampled_photographs(count: int, seed: int) -> Indices:
    """(RESAMPLES, count): how often each photograph is drawn when as many are drawn anew."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)


def draws(family: Family, tables: int, k_bits: int, count: int, seed: int) -> list[Indices]:
    """`count` draws of position sets."""
    return [family(tables, k_bits, np.random.default_rng([seed, i])) for i in range(count)]


def far_rate(
    counted: Census, kept_bits: int, sizes: tuple[float, ...], k_bits: int, tables: int, hits: int
) -> float:
    """The rate from pairs beyond `kept_bits`, for disjoint sets and flips that fall at random.

    sizes: how many probes flip 0, 1, 2, ... bits. At a distance of d bits, the flips in one table
    are hypergeometric; each probe meets one of comb(k, size) equally likely patterns.
    """
    distances = np.arange(257)
    distances = distances[(distances > max(kept_bits, RADIUS_BITS)) & (counted.pairs > 0)]
    left: dict[int, Floats] = {0: np.ones(len(distances))}
    for table in range(hits):
        following: dict[int, Floats] = {}
        for used, chance in left.items():
            for size, many in enumerate(sizes):
                remaining = np.clip(distances - used, 0, 256 - k_bits * table)
                falls = hypergeom.pmf(size, 256 - k_bits * table, remaining, k_bits)
                met = chance * np.nan_to_num(falls) * many / comb(k_bits, size)
                following[used + size] = following.get(used + size, np.zeros(len(met))) + met
        left = following
    held = comb(tables, hits) * sum(left.values(), np.zeros(len(distances)))
    return float(LIST_SIZE * (counted.pairs[distances] * held).sum() / counted.total)


def random_list_rate(k_bits: int, tables: int, probes: int, hits: int) -> float:
    """The rate against a list of random hashes, whatever the picture: pieces are uniform."""
    chance = probes / 2**k_bits
    at_least = sum(
        comb(tables, n) * chance**n * (1 - chance) ** (tables - n) for n in range(hits, tables + 1)
    )
    return float(LIST_SIZE * at_least)


def probe_sizes(margins: npt.NDArray[np.float32], probes: int) -> tuple[float, ...]:
    """How many of the first probes flip 0, 1, 2, ... bits, on average. margins: (n, k)."""
    flips = possible_flips(margins.shape[1], probes)
    costs = np.sort(margins, axis=1) @ flips.member.T
    first = np.argpartition(costs, probes - 1, axis=1)[:, :probes]
    size = flips.member.sum(axis=1).astype(np.int64)
    return tuple(np.bincount(size[first].ravel(), minlength=int(size.max()) + 1) / len(margins))


@cache
def balanced_tail(most_bits: int) -> float:
    """The share of pairs of random balanced hashes within `most_bits`."""
    return sum(comb(128, i) ** 2 for i in range(most_bits // 2 + 1)) / comb(256, 128)
