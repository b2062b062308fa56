"""Orders of a hash's bits: what was reordered can be had back."""

import numpy as np
import pytest

from softfall.lists.index.order import ORDERS, reordered, restored


@pytest.mark.parametrize("name", list(ORDERS))
@pytest.mark.parametrize("count", [0, 1, 16_384, 16_385])
def test_hashes_are_restored_from_every_order(name: str, count: int) -> None:
    hashes = np.random.default_rng(count).integers(0, 2**64, (count, 4), np.uint64)
    assert np.array_equal(restored(reordered(hashes, ORDERS[name]), ORDERS[name].copy()), hashes)
