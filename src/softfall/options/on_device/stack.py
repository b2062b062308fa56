"""Several segments looked into at once: what a month of deltas costs is little more than one.

Guarantees: `find` says of each segment what it would say alone. A stack of one copies no cells, so
a memory-mapped base stays on disk; a stack of several copies theirs once (deltas are small).
Limit: where a segment's numbers have gaps, chance may find a number that is no entry; `confirm`
then finds nothing near it.
Oracle: `map_view.candidates_oracle`, one tag and one segment at a time.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from softfall.options.on_device import static_function
from softfall.options.on_device.segment import BoolArray, MapKeys, Segment
from softfall.options.on_device.static_function import U32Array


class Stack:
    """Segments of one epoch."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        """segments: one at least, all of the same parameters."""
        sizes = [len(segment.cells) for segment in segments]
        self._begins = [0, *itertools.accumulate(sizes[:-1])]
        self._shapes = [segment.shape for segment in segments]
        self._parameters = segments[0].parameters
        self._lowest, self._highest, self._entries = (
            np.array(values, dtype=np.uint32)[:, None]
            for values in zip(*((s.lowest, s.highest, s.entries) for s in segments), strict=True)
        )
        cells = [segment.cells for segment in segments]
        self._cells = cells[0] if len(cells) == 1 else np.concatenate(cells)

    def find(self, asked: MapKeys) -> tuple[U32Array, BoolArray]:
        """For each segment and key a number, and whether it may be an entry of that segment.

        Both (segments, n).
        """
        check_bits, value_bits = self._parameters.check_bits, self._parameters.value_bits
        found = static_function.lookup_all(
            self._cells, self._begins, value_bits, asked.keys, self._shapes
        )
        values = found ^ (asked.pads & np.uint32((1 << value_bits) - 1))
        codes = values >> np.uint32(check_bits)
        hit = (values & np.uint32((1 << check_bits) - 1)) == 0
        hit &= (codes >= self._lowest) & (codes <= self._highest) & (self._entries > 0)
        return codes, hit
