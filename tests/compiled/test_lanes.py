"""What goes side by side gives the bits that one step after another gives."""

import numpy as np
import pytest

from softfall.compiled.lanes import GREATEST_DIVISOR
from softfall.compiled.native import Native

_WRONG = Native("tests.compiled.lanes_kernel", "wrong_quotients")
_LIGHTS = Native("tests.compiled.lanes_kernel", "lights")
_TURNED = Native("tests.compiled.lanes_kernel", "turned")


def wrong_quotients(divisor: int) -> int:
    one, sixteen = np.zeros((2, 1), np.float32), np.zeros((4, 16), np.float32)
    rows, sums, means = sixteen[:2].reshape(-1), sixteen[2], sixteen[3]
    return int(_WRONG(divisor, rows, sums, one[0], one[1], means))


@pytest.mark.parametrize("first", range(1, 64, 2))
def test_a_quotient_is_that_of_the_division_for_every_mantissa_and_divisor(first):
    # Twice a divisor has the same mantissas, so the odd ones stand for all.
    assert GREATEST_DIVISOR == 511
    for divisor in range(first, GREATEST_DIVISOR + 1, 64):
        assert wrong_quotients(divisor) == 0, divisor


def test_the_luminance_of_every_colour_is_the_references():
    blue = np.arange(256, dtype=np.uint8)
    row = np.empty((256, 256, 3), np.uint8)
    row[:, :, 1], row[:, :, 2] = blue[:, None], blue[None, :]
    out = np.empty((256, 16, 16), np.float32)
    for red in range(256):
        row[:, :, 0] = red
        reference = row[:, :, 0] * 0.299 + row[:, :, 1] * 0.587 + row[:, :, 2] * 0.114
        _LIGHTS(row.reshape(-1), 256, out.reshape(-1))
        blocks = reference.astype(np.float32).reshape(256, 16, 16)
        assert np.array_equal(out, blocks.transpose(0, 2, 1)), red


def test_sixteen_rows_become_sixteen_columns():
    rows = np.arange(320, dtype=np.float32).reshape(16, 20)
    out = np.full((16, 24), -1, np.float32)
    _TURNED(rows, out)
    assert np.array_equal(out[:, :16], rows[:, :16].T)
    assert (out[:, 16:] == -1).all()
