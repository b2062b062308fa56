"""The compiled part of `masking`: see there for the form, and for the oracles.

Guarantees: no branch and no address depends on what is read. Rounding by float64 is exact: every
number is below 2^37, and none lies within 2^-27 of a tie but at one, which is moved up.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import array, exported
from softfall.crypto.lattice.parameters import LEVELS, LIST_ROWS, SENT_LEVELS, SLOTS, Q

_MIDDLE: Final = SENT_LEVELS // 4
_STEPS: Final = SENT_LEVELS // LEVELS
_SENT: Final = SENT_LEVELS / Q
_LEVEL: Final = LEVELS / (SENT_LEVELS * Q)
_NEAREST: Final = 0.5 + 2.0**-28
_PAIRS: Final = LIST_ROWS // 2
_Q: Final = float(Q)


@exported("void(uint32*, uint16*, int64, uint16*, uint8*)")
def mask(values_: Any, masks_: Any, blocks: Any, sent_: Any, packed_: Any) -> None:
    """(blocks, 64) products and (blocks, 48) masks into (blocks, 72) bytes. sent: (48) scratch."""
    values, masks = array(values_, (blocks, SLOTS)), array(masks_, (blocks, LIST_ROWS))
    sent, packed = array(sent_, (LIST_ROWS,)), array(packed_, (blocks, _PAIRS, 3))
    for block in range(blocks):
        for row in range(LIST_ROWS):
            cut = np.int64(np.float64(np.int64(values[block, row])) * _SENT + 0.5)
            moved = cut + _STEPS * np.int64(masks[block, row]) + _MIDDLE
            sent[row] = np.uint16(moved & (SENT_LEVELS - 1))
        for pair in range(_PAIRS):
            both = np.int64(sent[2 * pair]) | np.int64(sent[2 * pair + 1]) << 12
            packed[block, pair, 0] = np.uint8(both & 255)
            packed[block, pair, 1] = np.uint8(both >> 8 & 255)
            packed[block, pair, 2] = np.uint8(both >> 16)


@exported("void(uint8*, uint32*, int64, uint16*, uint16*)")
def unmask(packed_: Any, unmasking_: Any, blocks: Any, sent_: Any, opened_: Any) -> None:
    """(blocks, 72) bytes and (blocks, 64) numbers into (blocks, 48). sent: (48) scratch."""
    packed, unmasking = array(packed_, (blocks, _PAIRS, 3)), array(unmasking_, (blocks, SLOTS))
    sent, opened = array(sent_, (LIST_ROWS,)), array(opened_, (blocks, LIST_ROWS))
    for block in range(blocks):
        for pair in range(_PAIRS):
            middle = np.int64(packed[block, pair, 1])
            sent[2 * pair] = np.uint16(np.int64(packed[block, pair, 0]) | (middle & 15) << 8)
            sent[2 * pair + 1] = np.uint16(middle >> 4 | np.int64(packed[block, pair, 2]) << 4)
        for row in range(LIST_ROWS):
            left = np.float64(np.int64(sent[row])) * _Q
            left += SENT_LEVELS * (_Q - np.float64(np.int64(unmasking[block, row])))
            opened[block, row] = np.uint16(np.int64(left * _LEVEL + _NEAREST) & (LEVELS - 1))
