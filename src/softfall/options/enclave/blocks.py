"""How the enclave lays its list out, so that one instruction takes the same word of many entries.

Guarantees: blocks hold every entry, and nothing else: what fills the last one is an entry again.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

U64Array = npt.NDArray[np.uint64]

WORDS: Final = 4
BLOCK_ROWS: Final = 512  # 16 KiB stay in the first cache while every query passes over them


def in_blocks(entries: U64Array) -> U64Array:
    """Entries, (N, 4) uint64, in blocks of columns: (B, 4, BLOCK_ROWS), a copy.

    The last block is filled with the last entry, which changes no answer.
    """
    if len(entries) == 0:
        return np.empty((0, WORDS, BLOCK_ROWS), np.uint64)
    filled = np.repeat(entries[-1:], -len(entries) % BLOCK_ROWS, axis=0)
    blocks = np.concatenate([entries, filled]).reshape(-1, BLOCK_ROWS, WORDS)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1))
