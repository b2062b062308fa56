"""An index that follows a list which changes, without being built again for each change.

A large base that never changes, and on top of it a few small layers of what was listed or withdrawn
since: a log-structured merge tree. A layer names entries by their numbers; what it says of a number
holds against everything below it. So an entry of the base is withdrawn by being named above it.

Guarantees: exact after every change: what `scan` finds in the list as it then is. A `LiveIndex`
never changes: `changed` makes a new one that shares nearly everything, so that searches neither
wait for a change nor see half of one.
Refuses: `BadEdits`, where arrays don't fit each other.
Cost: a change is sorted into the newest layer (some thousand entries); a full layer is folded into
the one below, unless that is far larger, and the tables of both are built anew as one.
Source: O'Neil et al. 1996 (the log-structured merge tree); oracle: a dictionary and `scan`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from softfall.errors import InputError
from softfall.lists.entries import MATCH_RADIUS_BITS, PDQ_BYTES
from softfall.lists.index.choose import build_index
from softfall.lists.index.hamming import WORDS, HammingIndex, I64Array, Matches, U64Array, words

NEWEST_LAYER_ENTRIES = 4096
"""A larger newest layer is folded into the one below it."""

_FOLD_RATIO = 4  # a layer is at least so many times the one above: few layers, seldom built anew

BoolArray = npt.NDArray[np.bool_]


class BadEdits(InputError):
    """Changes whose parts don't fit each other."""

    remedy = "Pass M numbers, (M, 4) uint64 hashes and M truth values."


@dataclass(frozen=True, slots=True, eq=False)
class Edits:
    """What became of M entries, in the order in which it did: a later line holds.

    numbers: (M,) int64. hashes: (M, 4) uint64; of what was withdrawn, anything. listed: (M,) bool,
    False where the entry was withdrawn. Raises BadEdits.
    """

    numbers: I64Array
    hashes: U64Array
    listed: BoolArray

    def __post_init__(self) -> None:
        count = len(self.numbers)
        if self.hashes.shape != (count, WORDS) or self.listed.shape != (count,):
            raise BadEdits(f"{count} numbers with {self.hashes.shape} hashes")

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def of(cls, changes: Iterable[tuple[int, bytes | None]]) -> "Edits":
        """From entry numbers, each with its hash of 32 bytes, or None where it was withdrawn."""
        told = list(changes)
        return cls(
            np.array([number for number, _ in told], np.int64),
            words([pdq or bytes(PDQ_BYTES) for _, pdq in told]),
            np.array([pdq is not None for _, pdq in told], np.bool_),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """What one layer says: each number once, in order, and an index over those that are listed."""

    edits: Edits
    index: HammingIndex

    @classmethod
    def of(cls, edits: Edits) -> "_Layer":
        """From edits in any order, of which the last on a number holds."""
        last_first = edits.numbers[::-1]
        numbers, places = np.unique(last_first, return_index=True)
        rows = len(last_first) - 1 - places
        kept = Edits(numbers, edits.hashes[rows], edits.listed[rows])
        return cls(kept, build_index(kept.hashes[kept.listed], numbers[kept.listed]))

    def under(self, later: Edits) -> "_Layer":
        """This layer with what was said later."""
        mine = self.edits
        return _Layer.of(
            Edits(
                np.concatenate((mine.numbers, later.numbers)),
                np.concatenate((mine.hashes, later.hashes)),
                np.concatenate((mine.listed, later.listed)),
            )
        )


class Base(HammingIndex, Protocol):
    """An index that can tell what it was built from."""

    def entries(self) -> tuple[U64Array, I64Array]:
        """(N, 4) uint64 hashes and (N,) int64 entry numbers, in any order."""


class LiveIndex:
    """An index over a base and what has changed since."""

    def __init__(self, base: Base, *layers: _Layer) -> None:
        """base: an exact index whose entry numbers are each there once. layers: oldest first."""
        self.base = base
        self._layers = layers
        # What the layers above say of: for the base first, then for each layer.
        self._hidden = _hidden(layers)

    @property
    def pending(self) -> int:
        """How many entries have changed since the base was built."""
        return len(self._hidden[0])

    def changed(self, edits: Edits) -> "LiveIndex":
        """The index after these changes. Numbers that are not there may be withdrawn as well."""
        if not len(edits):
            return self
        if not self._layers:
            return LiveIndex(self.base, _Layer.of(edits))
        *below, newest = self._layers
        if len(newest.edits) + len(edits) <= NEWEST_LAYER_ENTRIES:
            return LiveIndex(self.base, *below, newest.under(edits))
        while below and len(below[-1].edits) < _FOLD_RATIO * len(newest.edits):
            newest = below.pop().under(newest.edits)
        return LiveIndex(self.base, *below, newest, _Layer.of(edits))

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """Every entry within the radius of each query; see `HammingIndex.search`."""
        found = self.base.search(queries, radius_bits)
        if not self._layers:
            return found
        parts = [_without(found, self._hidden[0])]
        for layer, hidden in zip(self._layers, self._hidden[1:], strict=True):
            parts.append(_without(layer.index.search(queries, radius_bits), hidden))
        parts = [part for part in parts if len(part)] or parts[:1]
        if len(parts) == 1:
            return parts[0]
        return Matches.in_order(
            np.concatenate([part.query_rows for part in parts]),
            np.concatenate([part.entry_numbers for part in parts]),
            np.concatenate([part.distances_bits for part in parts]),
        )

    def merged(self) -> tuple[U64Array, I64Array]:
        """Hashes and entry numbers of everything that is listed, to build a new base from."""
        parts = [self.base.entries()]
        parts += [(each.hashes[each.listed], each.numbers[each.listed]) for each in self._edits()]
        kept = [~_among(part[1], hidden) for part, hidden in zip(parts, self._hidden, strict=True)]
        hashes = [part[0][stays] for part, stays in zip(parts, kept, strict=True)]
        numbers = [part[1][stays] for part, stays in zip(parts, kept, strict=True)]
        return np.concatenate(hashes), np.concatenate(numbers)

    def _edits(self) -> list[Edits]:
        return [layer.edits for layer in self._layers]


def _hidden(layers: tuple[_Layer, ...]) -> tuple[I64Array, ...]:
    """For the base and for each layer, the numbers that any layer above names, in order."""
    hidden = [np.empty(0, np.int64)]
    for layer in reversed(layers):
        hidden.append(np.union1d(hidden[-1], layer.edits.numbers))
    return tuple(reversed(hidden))


def _without(found: Matches, hidden: I64Array) -> Matches:
    """The matches whose entry number is not among these, which are in order."""
    gone = _among(found.entry_numbers, hidden)
    if not gone.any():
        return found
    stays = ~gone
    return Matches(found.query_rows[stays], found.entry_numbers[stays], found.distances_bits[stays])


def _among(numbers: I64Array, those: I64Array) -> BoolArray:
    """Which of the numbers are among those, which are in order."""
    if not len(numbers) or not len(those):
        return np.zeros(len(numbers), np.bool_)
    places = np.minimum(np.searchsorted(those, numbers), len(those) - 1)
    among: BoolArray = those[places] == numbers
    return among
