"""How a static function is made from its keys and values (the custodian's work, once an epoch).

Guarantees: every key gets its value; the same input gives the same bytes. Cells that no key needs
keep the caller's filler, so that a map's bytes don't show which ones those are.
Refuses: keys that are not distinct (NotBuilt).
Oracle: `peel_oracle` and `assign_oracle`, in plain Python.
Source: peeling of a random hypergraph, Graf and Lemire 2022; 6 million keys take a few seconds.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from softfall.compiled.native import Native
from softfall.errors import InputError
from softfall.options.on_device.static_function import (
    Shape,
    U32Array,
    U64Array,
    positions,
    shape_for,
)

_KERNELS: Final = "softfall.options.on_device.construction_kernel"
_PEEL: Final = Native(_KERNELS, "peel")
_ASSIGN: Final = Native(_KERNELS, "assign")
_TRIES: Final = 200
_TRIES_AT_A_SIZE: Final = 4

Filler = Callable[[int], U32Array]


class NotBuilt(InputError):
    """No static function over these keys was found: two of them are equal."""

    remedy = "Check that no two list entries have the same number, then publish again."


def build(keys: U64Array, values: U32Array, filler: Filler) -> tuple[Shape, U32Array]:
    """A static function from (n, 2) uint64 uniform keys to (n,) uint32 values: shape and cells.

    filler(n) gives n numbers for the cells that no key needs. Raises NotBuilt.
    """
    for attempt in range(_TRIES):
        shape = shape_for(len(keys), attempt, attempt // _TRIES_AT_A_SIZE)
        if shape.keys == 0:
            return shape, np.zeros(0, dtype=np.uint32)
        rows = positions(keys, shape).astype(np.uint32)
        order, through = peel(rows, shape.cells)
        if len(order) == shape.keys:
            cells = filler(shape.cells).astype(np.uint32)
            wanted = np.ascontiguousarray(values, np.uint32)
            _ASSIGN(rows, wanted, len(rows), order, through, cells, len(cells))
            return shape, cells
    raise NotBuilt(f"no order was found for {len(keys)} keys in {_TRIES} tries")


def peel(rows: U32Array, cells: int) -> tuple[U32Array, U32Array]:
    """An order in which each key has a cell that no later key uses, and that cell.

    rows: (n, 4) uint32, the cells of each key, each below `cells`. Returns (m,) keys and (m,)
    cells; m < n: there is no such order.
    """
    order, through = np.empty(len(rows), np.uint32), np.empty(len(rows), np.uint32)
    uses, users, waiting = np.zeros((3, cells), np.uint32)
    done = _PEEL(rows, len(rows), cells, uses, users, waiting, order, through)
    return order[:done], through[:done]


def peel_oracle(rows: Sequence[Sequence[int]]) -> list[tuple[int, int]] | None:
    """(key, its own cell) in an order in which no later key uses that cell; None: there is none."""
    left, order = dict(enumerate(rows)), []
    while left:
        uses: dict[int, list[int]] = {}
        for key, row in left.items():
            for cell in row:
                uses.setdefault(cell, []).append(key)
        alone = {users[0]: cell for cell, users in uses.items() if len(users) == 1}
        if not alone:
            return None
        key, cell = min(alone.items())
        order.append((key, cell))
        del left[key]
    return order


def assign_oracle(
    rows: Sequence[Sequence[int]],
    values: Sequence[int],
    order: Sequence[tuple[int, int]],
    cells: list[int],
) -> None:
    """What `assign` must do with such an order, in place."""
    for key, own in reversed(order):
        cells[own] = values[key]
        for cell in rows[key]:
            if cell != own:
                cells[own] ^= cells[cell]
