"""A live index finds what the plain scan finds in the list as it is, whatever happened to it."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from softfall.lists.index import live
from softfall.lists.index.hamming import Matches, words
from softfall.lists.index.live import BadEdits, Edits, LiveIndex
from softfall.lists.index.ring import RingIndex
from softfall.lists.index.scan import Scan

NEAR = [(1 << 255) + ones for ones in (0, 1, 3, 7, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**40 - 1)]
"""Few hashes, many of them within 31 bits of each other: numbers share hashes, and meet."""

QUERIES = words([pdq.to_bytes(32) for pdq in NEAR])


def pairs(matches: Matches) -> list[tuple[int, int, int]]:
    columns = (matches.query_rows, matches.entry_numbers, matches.distances_bits)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def expected(listed: dict[int, bytes], radius_bits: int) -> list[tuple[int, int, int]]:
    return pairs(Scan(words(list(listed.values())), listed).search(QUERIES, radius_bits))


def apply(listed: dict[int, bytes], changes: list[tuple[int, bytes | None]]) -> None:
    for number, pdq in changes:
        listed.pop(number, None)
        if pdq is not None:
            listed[number] = pdq


numbers = st.integers(1, 12)
hashes = st.sampled_from([pdq.to_bytes(32) for pdq in NEAR])
changes = st.lists(st.tuples(numbers, st.none() | hashes), max_size=6)


class Following(RuleBasedStateMachine):
    """A list and the index that follows it; layers of three entries, so that they fold."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: dict[int, bytes] = {}
        self.index = LiveIndex(Scan(words([])))
        self.kept: list[tuple[LiveIndex, dict[int, bytes]]] = []
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(live, "NEWEST_LAYER_ENTRIES", 3)

    def teardown(self) -> None:
        self.patch.undo()

    @initialize(listed=st.dictionaries(numbers, hashes, max_size=12))
    def begin(self, listed: dict[int, bytes]) -> None:
        self.listed = dict(listed)
        self.index = LiveIndex(Scan(words(list(listed.values())), listed))

    @rule(changes=changes)
    def change(self, changes: list[tuple[int, bytes | None]]) -> None:
        self.kept = [*self.kept[-3:], (self.index, dict(self.listed))]
        apply(self.listed, changes)
        self.index = self.index.changed(Edits.of(changes))

    @rule()
    def change_one_by_one_what_is_there(self) -> None:
        for number, pdq in list(self.listed.items()):
            self.index = self.index.changed(Edits.of([(number, None)]))
            self.index = self.index.changed(Edits.of([(number, pdq)]))

    @rule()
    def merge(self) -> None:
        found, numbers_ = self.index.merged()
        self.index = LiveIndex(Scan(found, numbers_))
        assert self.index.pending == 0

    @invariant()
    def the_index_finds_what_is_listed(self) -> None:
        for radius_bits in (0, 31):
            found = pairs(self.index.search(QUERIES, radius_bits))
            assert found == expected(self.listed, radius_bits)

    @invariant()
    def earlier_indexes_still_find_what_was_listed_then(self) -> None:
        for index, listed in self.kept:
            assert pairs(index.search(QUERIES)) == expected(listed, 31)

    @invariant()
    def merging_would_keep_exactly_the_list(self) -> None:
        found, numbers_ = self.index.merged()
        rows = [
            (int(n), b"".join(w.tobytes()[::-1] for w in row))
            for row, n in zip(found, numbers_, strict=True)
        ]
        assert sorted(rows) == sorted(self.listed.items())


Following.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestAnyOrderOfChanges = Following.TestCase


def random_edits(rng: np.random.Generator, count: int, numbers_up_to: int) -> Edits:
    """Hashes in clusters, so that many match; a third withdrawn."""
    centres = rng.integers(0, 2**64, (20, 4), dtype=np.uint64)
    noise = np.uint64(1) << rng.integers(0, 64, (count, 4), dtype=np.uint64)
    return Edits(
        rng.integers(1, numbers_up_to, count),
        centres[rng.integers(0, 20, count)] ^ noise,
        rng.random(count) < 0.66,
    )


@pytest.fixture(params=[1, 2, 3])
def grown(request: pytest.FixtureRequest) -> tuple[LiveIndex, dict[int, np.ndarray]]:
    """Thousands of changes in batches of all sizes, and the same in a dictionary."""
    rng = np.random.default_rng(request.param)
    index, listed = LiveIndex(Scan(words([]))), dict[int, np.ndarray]()
    for count in (9_000, 1, 700, 5_000, 3_000, 2_000, 1, 4_096, 10):
        edits = random_edits(rng, count, 15_000)
        index = index.changed(edits)
        for number, pdq, stays in zip(edits.numbers, edits.hashes, edits.listed, strict=True):
            listed.pop(int(number), None)
            if stays:
                listed[int(number)] = pdq
    return index, listed


def test_thousands_of_changes_are_found_as_the_scan_finds_them(
    grown: tuple[LiveIndex, dict[int, np.ndarray]],
) -> None:
    index, listed = grown
    queries = np.stack(list(listed.values())[:40])
    scan = Scan(np.stack(list(listed.values())), listed)
    for radius_bits in (0, 6, 31):
        assert pairs(index.search(queries, radius_bits)) == pairs(scan.search(queries, radius_bits))


def test_layers_are_few_however_many_changes_there_were(
    grown: tuple[LiveIndex, dict[int, np.ndarray]],
) -> None:
    index, listed = grown
    sizes = [len(layer.edits) for layer in index._layers]
    assert len(sizes) <= 4
    assert index.pending >= len(listed)


def test_one_query_finds_what_a_batch_finds() -> None:
    index = LiveIndex(Scan(QUERIES)).changed(Edits.of([(3, None), (99, NEAR[0].to_bytes(32))]))
    together = pairs(index.search(QUERIES))
    alone = [
        (row, number, bits)
        for row in range(len(QUERIES))
        for _, number, bits in pairs(index.search(QUERIES[row : row + 1]))
    ]
    assert together == alone


def test_an_empty_list_has_no_matches_before_and_after_a_change() -> None:
    index = LiveIndex(Scan(words([])))
    assert len(index.search(QUERIES)) == 0
    assert index.changed(Edits.of([])) is index
    assert len(index.changed(Edits.of([(7, None)])).search(QUERIES)) == 0


@pytest.mark.parametrize(
    "parts",
    [
        (np.zeros(2, np.int64), np.zeros((3, 4), np.uint64), np.ones(2, np.bool_)),
        (np.zeros(2, np.int64), np.zeros((2, 3), np.uint64), np.ones(2, np.bool_)),
        (np.zeros(2, np.int64), np.zeros((2, 4), np.uint64), np.ones(1, np.bool_)),
    ],
)
def test_changes_whose_parts_do_not_fit_are_refused(parts: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(BadEdits):
        Edits(*parts)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_ring_index_with_repeated_hashes_is_a_base_as_well(seed: int) -> None:
    rng = np.random.default_rng(seed)
    listed = random_edits(rng, 9_000, 2)
    base = RingIndex.build(listed.hashes)
    index = LiveIndex(base).changed(random_edits(rng, 6_000, 12_000))
    hashes, numbers_ = index.merged()
    merged = LiveIndex(RingIndex.build(hashes, numbers_))
    scan = Scan(hashes, numbers_)
    queries = listed.hashes[:30]
    for radius_bits in (0, 31):
        expected_ = pairs(scan.search(queries, radius_bits))
        assert pairs(index.search(queries, radius_bits)) == expected_
        assert pairs(merged.search(queries, radius_bits)) == expected_
    assert len(np.unique(numbers_)) == len(numbers_)
