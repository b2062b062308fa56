"""The compiled part of `construction`: peeling a hypergraph, and assigning cells along its order.

Loaded only where it has to be compiled. Nothing is checked: the caller keeps cells below `cells`.
Oracles: `construction.peel_oracle` and `assign_oracle`.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import array, exported

_CELLS_A_KEY = 4


@exported("int64(uint32*, int64, int64, uint32*, uint32*, uint32*, uint32*, uint32*)")
def peel(  # a kernel takes addresses and numbers, one by one
    rows: Any,
    keys: int,
    cells: int,
    use_counts: Any,
    use_keys: Any,
    to_visit: Any,
    ordered: Any,
    owned: Any,
) -> int:
    """An order in which each key has a cell that no later key uses, and that cell.

    rows: (keys, 4), the cells of each key. Fills `ordered` and `owned`, (keys,) each, from their
    start, and returns how many keys are in the order; fewer than `keys`: there is no such order.
    use_counts, use_keys, to_visit: scratch, (cells,) each; the first two hold zeros.
    """
    used_by = array(rows, (keys, _CELLS_A_KEY))
    uses = array(use_counts, (cells,))
    users = array(use_keys, (cells,))  # the exclusive or of the keys that use a cell
    waiting = array(to_visit, (cells,))  # a cell gets down to one user at most once
    order, through = array(ordered, (keys,)), array(owned, (keys,))
    for key in range(keys):
        for place in range(_CELLS_A_KEY):
            cell = used_by[key, place]
            uses[cell] += np.uint32(1)
            users[cell] ^= np.uint32(key)
    top, done = 0, 0
    for each in range(cells):
        if uses[each] == 1:
            waiting[top] = each
            top += 1
    while top > 0:
        top -= 1
        alone = waiting[top]
        if uses[alone] != 1:
            continue
        only = users[alone]
        order[done], through[done] = only, alone
        done += 1
        for place in range(_CELLS_A_KEY):
            cell = used_by[only, place]
            uses[cell] -= np.uint32(1)
            users[cell] ^= only
            if uses[cell] == 1:
                waiting[top] = cell
                top += 1
    return done


@exported("void(uint32*, uint32*, int64, uint32*, uint32*, uint32*, int64)")
def assign(  # as above
    rows: Any, values: Any, keys: int, ordered: Any, owned: Any, into: Any, count: int
) -> None:
    """Set each key's own cell, last key first, so that its four give its value. In place.

    values: (keys,); into: (count,) cells; the rest as `peel` takes and fills it.
    """
    used_by, wanted = array(rows, (keys, _CELLS_A_KEY)), array(values, (keys,))
    order, through = array(ordered, (keys,)), array(owned, (keys,))
    cells = array(into, (count,))
    for at in range(keys - 1, -1, -1):
        key = order[at]
        value = wanted[key]
        for place in range(_CELLS_A_KEY):
            cell = used_by[key, place]
            if cell != through[at]:
                value ^= cells[cell]
        cells[through[at]] = value
