"""What provider and keyholder exchange: exact to the bit, and right to the edge of the noise."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.lattice.masking import (
    BLOCK_BYTES,
    MalformedMasked,
    masked,
    masked_plain,
    opened,
    opened_plain,
)
from softfall.crypto.lattice.parameters import (
    HALF_LEVEL,
    LEVELS,
    LIST_ROWS,
    NOISE_LIMIT,
    SLOTS,
    Q,
)
from tests.crypto.lattice import schoolbook
from tests.crypto.lattice.test_what_is_left import numbers_sent

CORNERS = (0, 1, Q - 1, Q // 2, Q // 2 + 1, Q // 4)


def drawn(seed: int, blocks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values, hidden = rng.integers(0, Q, (2, blocks, SLOTS), np.uint32)
    if blocks:
        values[0, : len(CORNERS)] = CORNERS
        hidden[-1, : len(CORNERS)] = CORNERS
    return values, rng.integers(0, LEVELS, blocks * LIST_ROWS).astype(np.uint16), hidden


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), blocks=st.sampled_from([0, 1, 2, 7]))
def test_kernels_and_plain_numpy_agree(seed: int, blocks: int) -> None:
    values, masks, hidden = drawn(seed, blocks)
    packed = masked(values, masks)
    assert packed == masked_plain(values, masks)
    assert len(packed) == BLOCK_BYTES * blocks
    received = np.random.default_rng(seed).bytes(len(packed))
    for each in (packed, received):
        assert np.array_equal(opened(each, hidden), opened_plain(each, hidden))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_plain_numpy_and_fractions_agree(seed: int) -> None:
    values, masks, hidden = drawn(seed, 1)
    sent = [
        schoolbook.sent(int(value), int(mask))
        for value, mask in zip(values[0, :LIST_ROWS], masks, strict=True)
    ]
    packed = b"".join(
        (first | second << 12).to_bytes(3, "little")
        for first, second in zip(sent[::2], sent[1::2], strict=True)
    )
    assert masked_plain(values, masks) == packed
    expected = [
        schoolbook.level(received, int(own))
        for received, own in zip(sent, hidden[0, :LIST_ROWS], strict=True)
    ]
    assert opened_plain(packed, hidden).tolist() == expected


@pytest.mark.parametrize("use", [masked, masked_plain])
def test_a_mask_adds_eight_steps_each_and_leaves_what_is_below_them_alone(
    use: Callable[..., bytes],
) -> None:
    """So whether distance and mask together pass 512 shows nowhere: no mask is rounded."""
    steps = np.arange(22 * SLOTS).reshape(22, SLOTS) * 2 + 1
    values = (-(-steps * Q // 8192)).astype(np.uint32)  # the first numbers above each cut's ties
    masks = (np.arange(22 * LIST_ROWS) % LEVELS).astype(np.uint16)
    bare, hidden = (numbers_sent(use(values, each)) for each in (np.zeros_like(masks), masks))
    assert np.array_equal((hidden - bare) % 4096, 8 * masks.astype(np.int64))


def test_every_twelve_bits_open_alike_where_nothing_is_hidden() -> None:
    """Where rounding ties: hidden numbers of 0."""
    numbers = np.arange(4128) % 4096
    pairs = (numbers[::2] | numbers[1::2] << 12).astype("<u4").view(np.uint8).reshape(-1, 4)
    packed, hidden = pairs[:, :3].tobytes(), np.zeros((86, SLOTS), np.uint32)
    assert np.array_equal(opened(packed, hidden), opened_plain(packed, hidden))
    assert opened(packed, hidden)[:9].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def opened_distance(distances: np.ndarray, masks: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """What the keyholder opens when products have just this noise; hidden numbers of all kinds."""
    blocks = len(distances) // LIST_ROWS
    hidden = np.random.default_rng(7).integers(0, Q, (blocks, SLOTS), np.uint32)
    values = hidden.astype(np.int64).copy()
    encrypted = (2 * distances - 256) * HALF_LEVEL + noise
    values[:, :LIST_ROWS] += encrypted.reshape(blocks, LIST_ROWS)
    moved = opened(masked((values % Q).astype(np.uint32), masks), hidden)
    return (moved.astype(np.int64) - masks) % LEVELS


@pytest.mark.parametrize("sign", [-1, 1])
def test_every_distance_and_mask_survives_the_greatest_noise(sign: int) -> None:
    distances = np.repeat(np.arange(288) % 257, 512)
    masks = np.tile(np.arange(512), 288).astype(np.uint16)
    noise = np.full(len(distances), sign * NOISE_LIMIT)
    assert np.array_equal(opened_distance(distances, masks, noise), distances)


@pytest.mark.parametrize("sign", [-1, 1])
def test_noise_beyond_the_limit_is_not_survived(sign: int) -> None:
    """The limit is the true one: a little more than half a level is always wrong."""
    distances = np.repeat(np.arange(288) % 257, 512)
    masks = np.tile(np.arange(512), 288).astype(np.uint16)
    beyond = Q // 1024 + Q // 8192 + 2  # half a level, all of the rounding and of the encoding
    noise = np.full(len(distances), sign * beyond)
    assert not (opened_distance(distances, masks, noise) == distances).any()
    between = np.full(len(distances), sign * (NOISE_LIMIT + 1500))
    right = opened_distance(distances, masks, between) == distances
    assert 0 < right.mean() < 1, "between the two it depends on the rounding"


@pytest.mark.parametrize("size", [0, BLOCK_BYTES - 1, BLOCK_BYTES + 1, 2 * BLOCK_BYTES])
def test_bytes_of_another_number_of_blocks_are_refused(size: int) -> None:
    for use in (opened, opened_plain):
        with pytest.raises(MalformedMasked):
            use(bytes(size), np.zeros((1, SLOTS), np.uint32))
