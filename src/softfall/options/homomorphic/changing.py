"""From one version of a list to the next: which blocks a change touches, which segments are joined.

Guarantees: a block goes on unchanged, or is dead and its entries are laid anew; nothing is altered
in its place. Work grows with the change, not with the list: besides what the change touches, a
version joins segments no larger than what is new anyway, and at most one that is worn.
Refuses: added numbers that the list has, and withdrawn ones that it has not (BadEntryNumbers).
Why joined: each version adds a segment; joining as sizes double keeps their number logarithmic.
Why sparse blocks are laid anew: single entries would else take a block each.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from softfall.options.homomorphic import wire
from softfall.options.homomorphic.laying import BadEntryNumbers, Entries, taken_out
from softfall.options.homomorphic.listing import ListVersion, SegmentEntry
from softfall.options.homomorphic.segments import (
    LIST_ROWS,
    NO_ENTRY,
    BoolArray,
    Rows,
    U32Array,
)

WORN_SHARE: Final = 4  # a segment is worn once more than one block in four is dead
SPARSE_PLACES: Final = LIST_ROWS // 2


class Survey(NamedTuple):
    """The segments as they go on, fewer blocks alive; and the entries that lost their block."""

    segments: list[SegmentEntry]
    displaced: Entries


def surveyed(
    before: ListVersion,
    read_rows: Callable[[SegmentEntry], Rows],
    added: U32Array,
    withdrawn: U32Array,
) -> Survey:
    """What a change of these numbers does to a version's blocks. Raises BadEntryNumbers."""
    segments = []
    displaced = [Entries(np.empty(0, np.uint32), np.empty((0, wire.HASH_BYTES), np.uint8))]
    found = 0
    for segment in before.segments:
        rows = read_rows(segment)
        touched, numbers = _touched(rows, segment.live, withdrawn)
        if np.isin(numbers, added).any():
            raise BadEntryNumbers("an added entry's number is on the list already")
        found += int(np.isin(numbers, withdrawn).sum())
        displaced.append(taken_out(rows.chosen(touched), withdrawn))
        segments.append(
            SegmentEntry.of(segment.rows_sha256, segment.hint_sha256, segment.live & ~touched)
        )
    if found != len(withdrawn):
        raise BadEntryNumbers("a withdrawn entry's number is not on the list")
    return Survey([each for each in segments if each.live_blocks], Entries.joined(displaced))


def parted(
    segments: Sequence[SegmentEntry], new_blocks: int
) -> tuple[list[SegmentEntry], list[SegmentEntry]]:
    """Which segments stay as they are, and which are copied into what is new."""
    joining: set[int] = set()
    worn = sorted(
        (each.live_blocks / each.blocks, place)
        for place, each in enumerate(segments)
        if WORN_SHARE * (each.blocks - each.live_blocks) > each.blocks
    )
    if worn:
        joining.add(worn[0][1])
    gathered = new_blocks
    for live_blocks, place in sorted((s.live_blocks, p) for p, s in enumerate(segments)):
        if live_blocks > gathered or gathered + live_blocks > wire.MAX_SEGMENT_BLOCKS:
            break
        joining.add(place)
        gathered += live_blocks
    staying = [each for place, each in enumerate(segments) if place not in joining]
    return staying, [segments[place] for place in sorted(joining)]


def _touched(rows: Rows, live: BoolArray, withdrawn: U32Array) -> tuple[BoolArray, U32Array]:
    """Which living blocks lose an entry or are sparse; and the numbers in all living ones."""
    numbers = rows.numbers[live]
    hit = np.isin(numbers, withdrawn).any(axis=1)
    filled = (numbers != NO_ENTRY).sum(axis=1)
    touched = np.zeros(len(live), np.bool_)
    touched[live] = hit | (filled < SPARSE_PLACES)
    return touched, numbers[numbers != NO_ENTRY]
