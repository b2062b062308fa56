"""From a list's tags to a segment: which entry goes into which slot, and under which pad.

Guarantees: an entry is in the map once for each table in which its piece still has a free slot;
entries with the lowest numbers go first, in every table alike, so that of many near copies on a
list some are found by all their tables. The same list and key give the same bytes.
Refuses: entry numbers beyond the epoch's code bits, or given twice (NumbersDoNotFit).
"""

import hashlib
from collections.abc import Iterable

import numpy as np

from softfall.errors import InputError
from softfall.options.on_device import static_function
from softfall.options.on_device.construction import Filler, build
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.on_device.segment import MapKeys, Segment
from softfall.options.on_device.static_function import U32Array, U64Array


class NumbersDoNotFit(InputError):
    """Entry numbers that this epoch's map can't name, or that two entries share."""

    remedy = "Publish a new epoch, whose code bits are counted from the list's highest number."


def make_segment(
    *,
    epoch: int,
    list_version: int,
    follows: int | None,
    parameters: OnDeviceParameters,
    numbers: U32Array,
    tags: U64Array,
    withdrawn: Iterable[int],
    filler_key: bytes,
) -> Segment:
    """A segment over entries (n,) and their tags (tables, n). Raises NumbersDoNotFit.

    filler_key: secret; fills the cells that no key needs, so that they look like the others.
    """
    if len(np.unique(numbers)) != len(numbers):
        raise NumbersDoNotFit("two entries have the same number")
    highest = int(numbers.max(initial=0))
    if highest >= 1 << parameters.code_bits:
        raise NumbersDoNotFit(f"entry {highest} has more than {parameters.code_bits} bits")
    rows, slots, codes = slotted(tags, numbers, parameters.slots)
    asked = MapKeys.of(rows, slots)
    mask = np.uint32((1 << parameters.value_bits) - 1)
    values = (codes << np.uint32(parameters.check_bits)) ^ (asked.pads & mask)
    label = f"softfall map filler v1|{epoch}|{list_version}|".encode()
    shape, cells = build(asked.keys, values, _filler(label + filler_key, mask))
    packed = static_function.pack(cells, parameters.value_bits)
    return Segment(
        epoch=epoch,
        list_version=list_version,
        follows=follows,
        parameters=parameters,
        entries=len(numbers),
        lowest=int(numbers.min()) if len(numbers) else 0,
        highest=highest,
        shape=shape,
        cells=np.frombuffer(packed, dtype=np.uint8),
        withdrawn=np.unique(np.array(list(withdrawn), dtype=np.uint32)),
    )


def slotted(
    tags: U64Array, numbers: U32Array, slots: int
) -> tuple[list[bytes], list[int], U32Array]:
    """The tag, slot and number of everything that goes into the map.

    tags: (tables, n). Of the entries that share a tag, the `slots` lowest numbers.
    """
    kept_tags, kept_slots, kept_numbers = [], [], []
    for row in tags:
        order = np.lexsort((numbers, row))
        sorted_tags = row[order]
        begins = np.flatnonzero(np.r_[True, sorted_tags[1:] != sorted_tags[:-1]][: len(row)])
        counts = np.diff(np.r_[begins, len(row)])
        rank = np.arange(len(row)) - np.repeat(begins, counts)
        kept = rank < slots
        kept_tags.append(sorted_tags[kept])
        kept_slots.append(rank[kept])
        kept_numbers.append(numbers[order][kept])
    stream = np.concatenate(kept_tags).astype(">u8").tobytes()
    rows = [stream[at : at + 8] for at in range(0, len(stream), 8)]
    return rows, np.concatenate(kept_slots).tolist(), np.concatenate(kept_numbers)


def _filler(secret_label: bytes, mask: np.uint32) -> Filler:
    def fill(count: int) -> U32Array:
        stream = hashlib.shake_256(secret_label).digest(4 * count)
        return np.frombuffer(stream, dtype=np.uint32) & mask

    return fill
