"""The compiled part of `construction`. Imported only where a map is built: it loads numba.

Oracle: `construction.peel_oracle`.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

U32Array = npt.NDArray[np.uint32]


@numba.njit(cache=True, nogil=True)
def peel(rows: U32Array, cells: int) -> Any:
    """An order in which each key has a cell that no later key uses, and that cell.

    rows: (n, 4) cells of each key. Returns (m,) keys and (m,) cells; m < n: there is no such order.
    """
    keys = len(rows)
    uses = np.zeros(cells, np.uint32)
    users = np.zeros(cells, np.uint32)  # the exclusive or of the keys that use a cell
    for key in range(keys):
        for place in range(4):
            cell = rows[key, place]
            uses[cell] += np.uint32(1)
            users[cell] ^= np.uint32(key)
    order = np.empty(keys, np.uint32)
    through = np.empty(keys, np.uint32)
    waiting = np.empty(cells, np.uint32)  # a cell gets down to one user at most once
    top, done = 0, 0
    for cell in range(cells):
        if uses[cell] == 1:
            waiting[top] = cell
            top += 1
    while top > 0:
        top -= 1
        alone = waiting[top]
        if uses[alone] != 1:
            continue
        key = users[alone]
        order[done], through[done] = key, alone
        done += 1
        for place in range(4):
            cell = rows[key, place]
            uses[cell] -= np.uint32(1)
            users[cell] ^= key
            if uses[cell] == 1:
                waiting[top] = cell
                top += 1
    return order[:done], through[:done]


@numba.njit(cache=True, nogil=True)
def assign(
    rows: U32Array, values: U32Array, order: U32Array, through: U32Array, cells: U32Array
) -> None:
    """Set each key's own cell, last key first, so that its four give its value. In place."""
    for at in range(len(order) - 1, -1, -1):
        key = order[at]
        value = values[key]
        for place in range(4):
            cell = rows[key, place]
            if cell != through[at]:
                value ^= cells[cell]
        cells[through[at]] = value
