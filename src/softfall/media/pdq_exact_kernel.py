"""PDQ as machine code: what `pdq_oracle` computes, bit for bit, in one pass over the picture.

Guarantees: every float32 sum keeps the reference's order, and nothing is contracted or reordered;
sixteen rows, or sixteen columns, go side by side instead. Where a filter has nothing to add or to
take away, it adds or takes away 0, which changes no sum.
Refuses: nothing; the caller (`pdq_kernels`) sees to it that each array is as large as said.
Source: see `pdq_oracle`, the oracle that the tests hold against this.

The way of sixteen rows: their luminance, turned into columns (`light`); its means along the rows
(`means`); these, turned back, into the `ring`, whose sums go down the columns; the second filter's
input, turned again (`middle`); its sums along the rows, kept where the 64x64 picture samples them
(`sampled`), and down the columns in `second`.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import exported, helper
from softfall.compiled.lanes import LANES, sink_means, slide, slide_means, turn, turn_light
from softfall.media.pdq_tail_kernel import SIDE, measured


@helper
def _lighten(
    rows: Any, rest: Any, top: int, height: int, wide: int, light: Any, before: int
) -> None:
    """The luminance of the rows from `top` on, as columns; `rest` holds the last, incomplete 16."""
    whole = top + LANES <= height
    source = rows if whole else rest
    at = top * 3 * wide if whole else 0
    for block in range((wide + LANES - 1) // LANES):
        x = min(block * LANES, wide - LANES)  # the last block may overlap the one before
        turn_light(source, at + 3 * x, 3 * wide, light, (before + x) * LANES)


@helper
def _means(
    light: Any, width: int, window: int, ahead: int, held: Any, inverse: Any, sums: Any, means: Any
) -> None:
    """Means along the rows, sixteen rows side by side."""
    for lane in range(LANES):
        sums[lane] = np.float32(0)
    slide(light, window * LANES, window * LANES, ahead, sums)
    at = (window + ahead) * LANES
    slide_means(light, at, window * LANES, width, sums, held, inverse, means)


@helper
def _samples(
    middle: Any, window: int, ahead: int, held: Any, points: Any, sums: Any, sampled: Any
) -> None:
    """Means along the rows again, where the 64x64 picture samples them."""
    for lane in range(LANES):
        sums[lane] = np.float32(0)
    done = 0
    for j in range(SIDE):
        steps = points[j] + ahead + 1 - done
        slide(middle, (window + done) * LANES, window * LANES, steps, sums)
        done += steps
        for lane in range(LANES):
            sampled[j * LANES + lane] = sums[lane] / held[points[j]]


@helper
def _sink(
    rows: Any,
    at: int,
    second: Any,
    kept: int,
    step: int,
    height: int,
    window: int,
    ahead: int,
    sums: Any,
    points: Any,
    done: int,
    small: Any,
) -> Any:
    """One step of the second filter's 64 sums down the columns; how many rows are sampled now."""
    if step < height:
        place = step % kept * SIDE
        for j in range(SIDE):
            second[place + j] = rows[at + j]
            sums[j] += rows[at + j]
    if step >= window:
        place = (step - window) % kept * SIDE
        for j in range(SIDE):
            sums[j] -= second[place + j]
    held = np.float32(min(step, height - 1) - max(step - window, -1))
    while done < SIDE and points[done] == step - ahead:
        for j in range(SIDE):
            small[done * SIDE + j] = sums[j] / held
        done += 1
    return done


@exported(
    "int64(uint8*, uint8*, int64, int64, int64, int64, int64, int64, int64, "
    "float32*, float32*, float32*, float32*, int64*, int64*, float32*, "
    "float32*, float32*, float32*, float32*, int64, int64*, float32*, float32*, float32*, "
    "float32*, float32*, int64, float32*, float32*, float32*, float32*)"
)
def measure(
    rows: Any,
    rest: Any,
    height: int,
    width: int,
    wide: int,
    along: int,
    along_ahead: int,
    down: int,
    down_ahead: int,
    held_along: Any,
    inverse_along: Any,
    held_down: Any,
    inverse_down: Any,
    points_along: Any,
    points_down: Any,
    turned: Any,
    light: Any,
    means: Any,
    middle: Any,
    ring: Any,
    ring_rows: int,
    leaving: Any,
    totals: Any,
    lanes: Any,
    sampled: Any,
    sampled_rows: Any,
    second: Any,
    second_rows: int,
    sums: Any,
    half: Any,
    small: Any,
    coefficients: Any,
) -> int:
    """Fills `small` (64x64) and `coefficients` (16x16); returns the sum of the gradients.

    rows: (height, wide, 3) uint8, `wide` being `width` or 16 if that is more (zeros behind it).
    rest: (16, wide, 3), the rows behind the last whole 16, and zeros.
    held, inverse: by how much each mean is divided (down: by step), and 1 over it.
    Scratch, all zeros: light and middle, (along + padded + along_ahead, 16), where padded is `wide`
    rounded up to 16s; means, (padded, 16); ring, (ring_rows + 1, padded), ring_rows being a
    multiple of 16 and at least down + 16; leaving and lanes, 16; totals, padded; sampled and
    sampled_rows, 1024; second, (second_rows, 64), second_rows being more than `down`; sums, 64.
    """
    padded = (wide + LANES - 1) // LANES * LANES
    done = 0
    for top in range(0, height + 2 * down_ahead, LANES):
        if top < height:
            _lighten(rows, rest, top, height, wide, light, along)
            _means(light, width, along, along_ahead, held_along, inverse_along, lanes, means)
        else:
            for place in range(width * LANES):
                means[place] = np.float32(0)
        for lane in range(LANES):
            gone = top + lane - down
            leaving[lane] = (gone % ring_rows if gone >= 0 else ring_rows) * padded
        entering = top % ring_rows * padded
        for x in range(0, padded, LANES):
            sink_means(
                means, x * LANES, ring, entering + x, padded, leaving, totals, x,
                held_down, inverse_down, top, middle, (along + x) * LANES,
            )  # fmt: skip
        _samples(middle, along, along_ahead, held_along, points_along, lanes, sampled)
        for j in range(0, SIDE, LANES):
            turn(sampled, j * LANES, LANES, sampled_rows, j, SIDE)
        for lane in range(LANES):
            y = top + lane - down_ahead
            if 0 <= y < height + down_ahead:
                done = _sink(
                    sampled_rows, lane * SIDE, second, second_rows, y, height, down, down_ahead,
                    sums, points_down, done, small,
                )  # fmt: skip
    gradients: int = measured(small, turned, half, coefficients)
    return gradients


@exported("int64(float32*, float32*, float32*, float32*)")
def measure_small(small: Any, turned: Any, half: Any, coefficients: Any) -> int:
    """As `measure`, of a picture that has 64x64 pixels and is taken as it is."""
    gradients: int = measured(small, turned, half, coefficients)
    return gradients
