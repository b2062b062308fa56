"""Small counts: whoever has every published figure can't work one out. The attack is tried out."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.casework.transparency import suppression
from softfall.casework.transparency.suppression import (
    Exactly,
    FewerThan,
    Shown,
    Sum,
    Withheld,
    suppress,
)

HIGHEST = 9  # what the attack tries for each count that it does not know


def list_of(counts: Sequence[int]) -> tuple[dict[str, int], list[Sum]]:
    """Parts and their total."""
    parts = {f"p{i}": count for i, count in enumerate(counts)}
    return {**parts, "total": sum(counts)}, [Sum("total", tuple(parts))]


def table_of(rows: Sequence[Sequence[int]]) -> tuple[dict[str, int], list[Sum]]:
    """Rows and columns with their totals, and the whole."""
    cells = {f"{r}{c}": count for r, row in enumerate(rows) for c, count in enumerate(row)}
    width = range(len(rows[0]))
    sums = [Sum(f"row{r}", tuple(f"{r}{c}" for c in width)) for r in range(len(rows))]
    sums += [Sum(f"column{c}", tuple(f"{r}{c}" for r in range(len(rows)))) for c in width]
    totals = {each.whole: sum(cells[part] for part in each.parts) for each in sums}
    rows_sum = Sum("all", tuple(f"row{r}" for r in range(len(rows))))
    columns_sum = Sum("all", tuple(f"column{c}" for c in width))
    everything = sum(map(sum, rows))
    return {**cells, **totals, "all": everything}, [*sums, rows_sum, columns_sum]


def possible(
    shown: Mapping[str, Shown], sums: Sequence[Sum], leaves: Sequence[str]
) -> Iterator[dict[str, int]]:
    """Every table of counts that fits what is published: the attacker's view, by brute force.

    The attacker knows the marks' meaning, and that only counts of the limit or more are withheld.
    """
    limit = next((s.limit for s in shown.values() if isinstance(s, FewerThan)), 0)
    everything_withheld = all(isinstance(s, Withheld) for s in shown.values())

    def fits(name: str, count: int) -> bool:
        match shown[name]:
            case Exactly(known):
                return count == known
            case FewerThan(below):
                return 1 <= count < below
            case _:
                return everything_withheld or count >= limit

    choices = [[n for n in range(HIGHEST + 1) if fits(name, n)] for name in leaves]
    for values in itertools.product(*choices):
        counts = dict(zip(leaves, values, strict=True))
        for each in sums:
            if each.whole not in counts:
                counts[each.whole] = sum(counts[part] for part in each.parts)
        sound = all(counts[s.whole] == sum(counts[p] for p in s.parts) for s in sums)
        if sound and all(fits(name, count) for name, count in counts.items()):
            yield counts


def assert_no_small_count_can_be_computed(
    counts: dict[str, int], sums: list[Sum], leaves: list[str], small_count: int
) -> None:
    shown = suppress(counts, sums, small_count)
    for name, count in counts.items():
        assert not (isinstance(shown[name], Exactly) and 0 < count < small_count)
        assert shown[name] in (Exactly(count), FewerThan(small_count), Withheld())
    found = list(possible(shown, sums, leaves))
    assert counts in found  # the attack's search holds the truth
    for name, count in counts.items():
        if 0 < count < small_count:
            assert len({table[name] for table in found}) > 1, name


SMALL = st.integers(3, 6)
COUNT = st.integers(0, HIGHEST - 1)


@given(counts=st.lists(COUNT, min_size=1, max_size=4), small_count=SMALL)
def test_no_part_of_a_list_can_be_computed_from_its_total(
    counts: list[int], small_count: int
) -> None:
    named, sums = list_of(counts)
    assert_no_small_count_can_be_computed(named, sums, [*named][:-1], small_count)


@settings(max_examples=60)
@given(
    rows=st.lists(st.lists(COUNT, min_size=2, max_size=2), min_size=2, max_size=2),
    small_count=SMALL,
)
def test_no_cell_of_a_table_can_be_computed_from_its_margins(
    rows: list[list[int]], small_count: int
) -> None:
    named, sums = table_of(rows)
    assert_no_small_count_can_be_computed(named, sums, ["00", "01", "10", "11"], small_count)


@settings(max_examples=60)
@given(first=st.lists(COUNT, min_size=2, max_size=2), second=COUNT, small_count=SMALL)
def test_no_count_can_be_computed_from_a_sum_of_sums(
    first: list[int], second: int, small_count: int
) -> None:
    counts = {"a": first[0], "b": first[1], "c": second}
    counts["ab"] = counts["a"] + counts["b"]
    counts["all"] = counts["ab"] + counts["c"]
    counts["bc"] = counts["b"] + counts["c"]  # another table that shares two of the counts
    sums = [Sum("ab", ("a", "b")), Sum("all", ("ab", "c")), Sum("bc", ("b", "c"))]
    assert_no_small_count_can_be_computed(counts, sums, ["a", "b", "c"], small_count)


def test_a_large_table_hides_little() -> None:
    rows = [[40, 3, 25, 60, 11, 0], [12, 80, 0, 33, 21, 9], [7, 15, 30, 2, 50, 16]]
    named, sums = table_of(rows)
    shown = suppress(named, sums, 5)
    hidden = [name for name, each in shown.items() if not isinstance(each, Exactly)]
    assert shown["01"] == shown["23"] == FewerThan(5)
    assert shown["all"] == Exactly(414)
    assert len(hidden) <= 8


def test_zeros_and_large_counts_are_shown() -> None:
    named, sums = list_of([0, 5, 700])
    assert suppress(named, sums, 5) == {name: Exactly(count) for name, count in named.items()}


def test_a_single_small_count_takes_its_total_along() -> None:
    named, sums = list_of([3, 0, 0])
    shown = suppress(named, sums, 5)
    assert shown == {
        "p0": FewerThan(5), "p1": Exactly(0), "p2": Exactly(0), "total": FewerThan(5),
    }  # fmt: skip


def test_a_table_that_is_too_hard_is_withheld_whole_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(suppression, "MOST_STEPS", 1)
    named, sums = list_of([3, 40])
    shown = suppress({**named, "another": 50}, sums, 5)
    assert shown.pop("another") == Exactly(50)
    assert set(shown.values()) == {Withheld()}
