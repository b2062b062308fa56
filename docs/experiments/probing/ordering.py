"""Margin-ordered probing, vectorised: which flips of a piece come first, and who meets whom.

A piece is k bits of a hash. The device tries flips of its own piece in the order of their summed
margins, the unflipped piece first; a list entry has one piece a table and is never probed.
Guarantees: exact, not sampled: every probe of every query is looked up. `naive_order` is the
oracle. Source: multi-probe LSH, Lv et al. 2007, with the DCT margins of PDQ as costs.
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from probing.hashes import Bits, Margins

Ranks = npt.NDArray[np.int32]
NEVER = np.iinfo(np.int32).max  # the rank of a flip that no probe reaches


@dataclass(frozen=True, slots=True)
class Flips:
    """Every flip that can be among the first `probes` of a k-bit piece, whatever the margins.

    A flip is a set of places in the order of rising margin. member: (flips, k) float32 of 0 and 1;
    code: (flips,) the same as an integer, rising; places: (flips, most) padded with k.
    """

    member: npt.NDArray[np.float32]
    code: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


@cache
def possible_flips(k_bits: int, probes: int) -> Flips:
    """All flips with fewer than `probes` flips that are surely no dearer."""
    kept, frontier = {frozenset[int]()}, [frozenset[int]()]
    while frontier:
        flip = frontier.pop()
        moves = [flip - {place} | {place + 1} for place in flip]
        for dearer in [*moves, flip | {0}]:
            new = dearer not in kept and len(dearer) >= len(flip)
            if new and max(dearer) < k_bits and _surely_no_dearer(dearer) < probes:
                kept.add(dearer)
                frontier.append(dearer)
    ordered = sorted(kept, key=lambda flip: sum(1 << place for place in flip))
    most = max(map(len, ordered))
    member = np.zeros((len(ordered), k_bits), np.float32)
    places = np.full((len(ordered), most), k_bits, np.int64)
    for row, flip in enumerate(ordered):
        member[row, list(flip)] = 1
        places[row, : len(flip)] = sorted(flip)
    code = np.array([sum(1 << place for place in flip) for flip in ordered], np.int64)
    return Flips(member, code, places)


def _surely_no_dearer(flip: frozenset[int]) -> int:
    """How many other flips cost at most as much under every rising order of margins."""
    limits = sorted(flip, reverse=True)

    def count(at: int, below: int) -> int:
        if at == len(limits):
            return 1
        return 1 + sum(count(at + 1, place) for place in range(min(limits[at] + 1, below)))

    return count(0, limits[0] + 1 if limits else 0) - 1


def needed_rank(original: Bits, edited: Bits, margins: Margins, probes: int) -> Ranks:
    """At which probe of the edited piece the original's piece is met: (n,), or NEVER.

    original, edited, margins: (n, k), one table's piece.
    """
    flips = possible_flips(edited.shape[1], probes)
    order = np.argsort(margins, axis=1, kind="stable")
    rising = np.take_along_axis(margins, order, axis=1)
    differs = np.take_along_axis(original != edited, order, axis=1)
    wanted = differs @ (1 << np.arange(edited.shape[1], dtype=np.int64))
    at = np.minimum(np.searchsorted(flips.code, wanted), len(flips.code) - 1)
    reachable = flips.code[at] == wanted
    costs = rising @ flips.member.T
    own = np.take_along_axis(costs, at[:, None], axis=1)
    rank = (costs < own).sum(axis=1)
    return np.where(reachable & (rank < probes), rank, NEVER).astype(np.int32)


def probe_keys(bits: Bits, margins: Margins, probes: int) -> npt.NDArray[np.uint64]:
    """The first `probes` pieces to ask for, each as an integer, in order: (n, probes)."""
    k_bits = bits.shape[1]
    flips = possible_flips(k_bits, probes)
    order = np.argsort(margins, axis=1, kind="stable")
    costs = np.take_along_axis(margins, order, axis=1) @ flips.member.T
    first = np.argpartition(costs, probes - 1, axis=1)[:, :probes]
    by_cost = np.argsort(np.take_along_axis(costs, first, axis=1), axis=1, kind="stable")
    first = np.take_along_axis(first, by_cost, axis=1)
    bit_of_place = np.zeros((len(bits), k_bits + 1), np.uint64)  # the padding place flips nothing
    bit_of_place[:, :k_bits] = np.uint64(1) << order.astype(np.uint64)
    masks = np.zeros_like(first, np.uint64)
    for column in range(flips.places.shape[1]):
        masks |= np.take_along_axis(bit_of_place, flips.places[first, column], axis=1)
    return plain_keys(bits)[:, None] ^ masks


def plain_keys(bits: Bits) -> npt.NDArray[np.uint64]:
    """The unflipped pieces as integers: (n,)."""
    return bits @ (np.uint64(1) << np.arange(bits.shape[1], dtype=np.uint64))


def naive_order(margins: list[float], probes: int) -> list[tuple[int, ...]]:
    """The oracle: the first `probes` flips of one piece by summed margin, by trying them all."""
    places = range(len(margins))
    every = itertools.chain.from_iterable(
        itertools.combinations(places, size) for size in range(len(margins) + 1)
    )
    return sorted(every, key=lambda flip: sum(margins[place] for place in flip))[:probes]
