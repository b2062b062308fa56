"""The share of edited copies that plain PDQ matches, and the share of those that tags recover.

Guarantees: every pair within PDQ's radius is probed exactly; intervals resample photographs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from probing.census import RADIUS_BITS
from probing.false_holds import table_hits
from probing.hashes import EditedPairs, Indices
from probing.ordering import Ranks
from softfall.compare.edits import EDITS

HARD_BITS: Final = 24  # matches at this distance or more are the ones that pieces may miss


@dataclass(frozen=True, slots=True)
class Matches:
    """The pairs that plain PDQ matches: rows of the edited pairs, distances in bits."""

    pairs: EditedPairs
    rows: Indices
    distance: Indices

    def tables_hit(self, sets: Indices, probes: int) -> Ranks:
        """(matches, tables), as `table_hits`."""
        original = self.pairs.original[self.rows]
        return table_hits(original, self.pairs.edited, self.rows, sets, probes)


def distances(pairs: EditedPairs) -> Indices:
    """(n,) Hamming distances in bits between originals and copies."""
    differing: Indices = (pairs.original != pairs.edited.bits).sum(axis=1)
    return differing


def plain_matches(pairs: EditedPairs, photographs: Indices | None = None) -> Matches:
    """The pairs within PDQ's radius, of the given photographs only, if given."""
    distance = distances(pairs)
    inside = distance <= RADIUS_BITS
    if photographs is not None:
        inside &= np.isin(pairs.edited.source, photographs)
    rows = np.flatnonzero(inside)
    return Matches(pairs, rows, distance[rows])


def plain_recall(pairs: EditedPairs) -> list[dict[str, float | int | str]]:
    """For each edit: copies, median distance in bits, share within PDQ's radius."""
    distance = distances(pairs)
    table: list[dict[str, float | int | str]] = []
    for number, edit in enumerate(EDITS):
        own = distance[pairs.edit == number]
        share = float((own <= RADIUS_BITS).mean())
        median = float(np.median(own))
        table.append({"edit": edit.name, "copies": len(own), "median": median, "plain": share})
    return table


def interval(
    recovered: npt.NDArray[np.bool_], source: Indices, resampled: Indices
) -> tuple[float, float]:
    """95 % interval of the mean, by resampled photographs."""
    count = resampled.shape[1]
    hit = np.bincount(source, weights=recovered, minlength=count)
    every = np.bincount(source, minlength=count)
    shares = (resampled @ hit) / (resampled @ every)
    low, high = np.quantile(shares, (0.025, 0.975))
    return float(low), float(high)
