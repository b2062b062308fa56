"""The compiled part of `shuffling`: see there for what it guarantees, and for its oracles.

Loaded only where it has to be compiled.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import array, exported

_LOW = np.uint64(0xFFFFFFFF)


@exported("void(uint32*, int64, int64, uint32*)")
def permute(draws: Any, draw_count: int, rows: int, into: Any) -> None:
    """Sets `into` to an order of 0 ... rows - 1, drawn from the last place to the first."""
    given, order = array(draws, (draw_count,)), array(into, (rows,))
    for row in range(rows):
        order[row] = np.uint32(row)
    spare = draw_count - rows
    at = 0
    for last in range(rows - 1, 0, -1):
        size = np.uint64(last + 1)
        product = np.uint64(given[at]) * size
        at += 1
        if (product & _LOW) < size:
            least = (np.uint64(1 << 32) - size) % size
            while (product & _LOW) < least and spare > 0:
                spare -= 1
                product = np.uint64(given[at]) * size
                at += 1
        place = np.int64(product >> np.uint64(32))
        kept = order[last]
        order[last] = order[place]
        order[place] = kept


@exported("void(uint16*, uint32*, uint16*, int64, uint16*)")
def shuffle(given: Any, places: Any, added: Any, rows: int, into: Any) -> None:
    """into[j] = given[places[j]] + added[j], modulo 512."""
    values, order = array(given, (rows,)), array(places, (rows,))
    more, moved = array(added, (rows,)), array(into, (rows,))
    for row in range(rows):
        moved[row] = (values[order[row]] + more[row]) & np.uint16(511)


@exported("void(uint16*, uint32*, int64, uint16*)")
def unshuffle(given: Any, places: Any, rows: int, into: Any) -> None:
    """into[places[j]] = given[j]."""
    values, order, moved = array(given, (rows,)), array(places, (rows,)), array(into, (rows,))
    for row in range(rows):
        moved[order[row]] = values[row]
