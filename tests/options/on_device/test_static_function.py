import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.options.on_device import construction, static_function
from softfall.options.on_device.construction import NotBuilt
from softfall.options.on_device.static_function import Shape

SIZES = st.one_of(st.integers(0, 40), st.integers(41, 700))


def drawn(keys: int, value_bits: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2**value_bits, keys, dtype=np.uint64).astype(np.uint32)
    return rng.integers(0, 2**64, (keys, 2), dtype=np.uint64), values


def zeros(count: int) -> np.ndarray:
    return np.zeros(count, dtype=np.uint32)


def packed(cells: np.ndarray, value_bits: int) -> np.ndarray:
    return np.frombuffer(static_function.pack(cells, value_bits), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(SIZES, st.integers(1, 32), st.integers(0, 2**32))
def test_every_key_gets_its_value(keys: int, value_bits: int, seed: int) -> None:
    asked, values = drawn(keys, value_bits, seed)
    shape, cells = construction.build(asked, values, zeros)
    found = static_function.lookup(packed(cells, value_bits), value_bits, asked, shape)
    assert (found == values).all()


@settings(max_examples=30, deadline=None)
@given(SIZES, st.integers(1, 32), st.integers(0, 2**32))
def test_the_compiled_construction_agrees_with_plain_python(
    keys: int, value_bits: int, seed: int
) -> None:
    asked, values = drawn(keys, value_bits, seed)
    shape, cells = construction.build(asked, values, zeros)
    rows = static_function.positions(asked, shape).tolist()
    order = construction.peel_oracle(rows)
    assert order is not None
    plain = [0] * shape.cells
    construction.assign_oracle(rows, values.tolist(), order, plain)
    for at, row in enumerate(rows):  # the solutions may differ; what they say of a key may not
        ours, oracle = 0, 0
        for cell in row:
            ours, oracle = ours ^ int(cells[cell]), oracle ^ plain[cell]
        assert ours == oracle == values[at]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(1, 32), st.integers(0, 2**32))
def test_looking_up_agrees_with_whole_numbers_for_keys_and_strangers(
    keys: int, value_bits: int, seed: int
) -> None:
    asked, values = drawn(keys, value_bits, seed)
    shape, cells = construction.build(asked, values, zeros)
    body = static_function.pack(cells, value_bits)
    strangers = drawn(20, value_bits, seed + 1)[0]
    both = np.concatenate((asked, strangers))
    found = static_function.lookup(np.frombuffer(body, np.uint8), value_bits, both, shape)
    whole = body[: -static_function.GUARD_BYTES]
    for key, value in zip(both.tolist(), found.tolist(), strict=True):
        assert static_function.lookup_oracle(whole, value_bits, key, shape) == value


@pytest.mark.parametrize("keys", [0, 1, 2, 3, 4, 5, 7, 8, 9, 100, 5_000])
def test_a_keys_four_cells_are_four_cells_of_the_map(keys: int) -> None:
    shape = static_function.shape_for(keys, seed=3)
    cells = static_function.positions(drawn(500, 8, keys)[0], shape)
    if keys:
        assert cells.min() >= 0
        assert cells.max() < shape.cells
    assert all(len(set(row)) == 4 for row in cells.tolist())
    assert shape.cells % 8 == 0


def test_a_large_map_takes_less_than_a_tenth_more_than_its_values() -> None:
    for keys in (1_000_000, 5_000_000, 40_000_000):
        assert 1 <= static_function.shape_for(keys, 0).cells / keys < 1.1


def test_equal_keys_are_refused_by_name() -> None:
    asked, values = drawn(20, 8, 1)
    with pytest.raises(NotBuilt):
        construction.build(np.concatenate((asked, asked)), np.concatenate((values, values)), zeros)


def test_an_order_that_is_not_there_is_not_found_by_either() -> None:
    rows = [[0, 8, 16, 24], [0, 8, 16, 24]]
    assert construction.peel_oracle(rows) is None
    order, _ = construction.peel(np.array(rows, dtype=np.uint32), 32)
    assert len(order) == 0


def test_cells_that_no_key_needs_keep_the_filler() -> None:
    asked, values = drawn(300, 16, 5)
    filler = drawn(2_000, 16, 6)[1]
    shape, cells = construction.build(asked, values, lambda count: filler[:count])
    kept = (cells == filler[: shape.cells]).mean()
    free = 1 - shape.keys / shape.cells
    assert kept == pytest.approx(free, abs=0.01)


def test_the_same_input_gives_the_same_cells() -> None:
    asked, values = drawn(1_000, 16, 5)
    first, again = (construction.build(asked, values, zeros) for _ in range(2))
    assert first[0] == again[0] == Shape(1_000, 5, first[0].starts, first[0].seed)
    assert (first[1] == again[1]).all()
