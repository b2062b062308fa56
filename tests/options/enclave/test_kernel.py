"""The scan: exact, without a branch on data, and as quick with a match as without."""

import platform

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.compiled.exported import Exported
from softfall.compiled.native import Native
from softfall.options.enclave import scan_kernel
from softfall.options.enclave.blocks import BLOCK_ROWS, in_blocks
from softfall.options.enclave.kernel import scan, scan_plain
from tests.options.enclave import inspection, planted_kernels, timing

RADIUS_BITS = 31
WORD = st.integers(0, 2**64 - 1)


def near(entries: np.ndarray, queries: np.ndarray, radius_bits: int = RADIUS_BITS) -> np.ndarray:
    found = np.zeros(len(queries), np.uint64)
    scan(in_blocks(entries), queries, radius_bits, found)
    return found


def random_words(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, (rows, 4), np.uint64, endpoint=False)


def moved(entry: np.ndarray, bits: int, seed: int) -> np.ndarray:
    """The entry with so many bits flipped, anywhere."""
    flips = np.zeros(256, np.uint8)
    flips[np.random.default_rng(seed).permutation(256)[:bits]] = 1
    return entry ^ np.packbits(flips).view(">u8").astype(np.uint64)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([0, 1, 3, 100, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 5000]),
    distances=st.lists(st.integers(0, 256), min_size=1, max_size=9),
    radius_bits=st.sampled_from([0, 1, 30, 31, 32, 255]),
)
def test_the_kernel_and_plain_numpy_agree(
    seed: int, rows: int, distances: list[int], radius_bits: int
) -> None:
    entries = random_words(rows, seed)
    queries = np.array(
        [
            moved(entries[(seed + 7 * i) % rows], bits, seed + i) if rows else entries.sum(axis=0)
            for i, bits in enumerate(distances)
        ],
        np.uint64,
    )
    expected = scan_plain(entries, queries, radius_bits)
    assert near(entries, queries, radius_bits).tolist() == expected.tolist()


@given(entry=st.tuples(WORD, WORD, WORD, WORD), query=st.tuples(WORD, WORD, WORD, WORD))
def test_distances_are_counted_as_python_counts_them(entry: tuple[int], query: tuple[int]) -> None:
    bits = sum((a ^ b).bit_count() for a, b in zip(entry, query, strict=True))
    entries, queries = np.array([entry], np.uint64), np.array([query], np.uint64)
    for radius_bits in {max(bits - 1, 0), min(bits, 255)}:
        assert near(entries, queries, radius_bits).tolist() == [int(bits <= radius_bits)]


@pytest.mark.parametrize("place", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, 4999])
@pytest.mark.parametrize(("bits", "expected"), [(0, 1), (30, 1), (31, 1), (32, 0), (128, 0)])
def test_the_radius_is_exact_wherever_the_entry_stands(
    place: int, bits: int, expected: int
) -> None:
    entries = random_words(5000, 9)
    assert near(entries, moved(entries[place], bits, place)[None, :]).tolist() == [expected]


def test_scanning_in_parts_into_one_array_gives_the_whole() -> None:
    entries = random_words(3000, 4)
    queries = np.array([moved(entries[5], 20, 1), moved(entries[2900], 20, 2)])
    found = np.zeros(2, np.uint64)
    for part in np.array_split(in_blocks(entries), 3):
        scan(part, queries, RADIUS_BITS, found)
    assert found.tolist() == [1, 1]


def test_no_branch_and_no_address_of_the_compiled_kernel_depends_on_data() -> None:
    found = inspection.inspect(scan_kernel.scan)
    assert found.branches > 0, "it has loops"
    assert found.data_branches == []
    assert found.data_addresses == []
    assert found.calls == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the jumps of x86-64 only")
def test_the_machine_code_has_no_more_conditional_jumps_than_the_loops_need() -> None:
    found = inspection.inspect(scan_kernel.scan)
    assert 0 < found.conditional_jumps <= found.branches


def test_the_inspection_sees_a_planted_branch() -> None:
    assert inspection.inspect(planted_kernels.scan_that_stops).data_branches


def test_the_inspection_sees_a_planted_index() -> None:
    assert inspection.inspect(planted_kernels.scan_that_notes).data_addresses


@pytest.mark.parametrize("kernel", [scan_kernel.scan, planted_kernels.scan_that_stops])
def test_what_is_called_runs_the_inspected_code_and_nothing_else(kernel: Exported) -> None:
    inspection.check_entry(kernel)


def test_an_entry_that_does_more_is_seen() -> None:
    with pytest.raises(AssertionError):
        inspection.check_entry(planted_kernels.scan_that_may_fail)


def test_a_match_takes_as_long_as_no_match_and_a_planted_early_end_does_not() -> None:
    entries = random_words(4000, 1)
    match, other = entries[40], random_words(1, 2)[0]
    stops = Native(planted_kernels.__name__, "scan_that_stops")
    blocks = in_blocks(entries)

    def leaky(query: np.ndarray) -> None:
        stops(entries, len(entries), query, len(query), RADIUS_BITS, np.zeros(1, np.uint64))

    def ours(query: np.ndarray) -> None:
        scan(blocks, query, RADIUS_BITS, np.zeros(1, np.uint64))

    assert timing.told_apart(leaky, match, other), "the measurement sees a leak"
    assert not timing.told_apart(ours, match, other)
