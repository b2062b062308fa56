"""Small counts hidden, and as many others as it takes that no hidden one can be computed.

Guarantees: a count below the limit (but zero) is shown as fewer than it; from everything that is
published, the sums included, no such count can be worked out: for each there is a second table of
counts with the same published values, in which it is one more or one less, still small, and in
which every other hidden count is still what its mark says. Sums that tables share are one count.
Refuses nothing.
Limits: a reader learns that a hidden count lies between 1 and the limit, and may narrow it down;
figures of overlapping periods can be subtracted from each other; what else a reader knows is not in
these tables. Pure.
Source: secondary cell suppression, Hundepool et al., "Statistical Disclosure Control", 2012,
chapter 4; here by alternating moves, found cheapest first.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MOST_STEPS: Final = 20_000  # of one search; tables that need more are withheld whole


@dataclass(frozen=True, slots=True)
class Sum:
    """`whole` is the sum of `parts`: names of counts."""

    whole: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exactly:
    """The count itself."""

    count: int

    def __str__(self) -> str:
        return str(self.count)


@dataclass(frozen=True, slots=True)
class FewerThan:
    """At least one, and fewer than `limit`."""

    limit: int

    def __str__(self) -> str:
        return f"fewer than {self.limit}"


@dataclass(frozen=True, slots=True)
class Withheld:
    """Not shown, so that another count can't be computed from it."""

    def __str__(self) -> str:
        return "withheld"


Shown = Exactly | FewerThan | Withheld
Move = dict[str, int]


def suppress(counts: Mapping[str, int], sums: Sequence[Sum], small_count: int) -> dict[str, Shown]:
    """What may be shown of each count.

    counts: whole numbers by name, for which every sum holds. small_count: at least 3.
    """
    small = {name for name, count in counts.items() if 0 < count < small_count}
    hidden = set(small)
    unsaid: set[str] = set()  # of tables that are too hard: not even the marks are shown
    for name in sorted(small, key=lambda each: (counts[each], each)):
        if name in unsaid:
            continue
        move = _cheapest_move(name, counts, sums, hidden, small_count)
        if move is None:
            unsaid |= _linked(name, sums)
        else:
            hidden |= move.keys()
    shown: dict[str, Shown] = {}
    for name, count in counts.items():
        if name in unsaid:
            shown[name] = Withheld()
        elif name in small:
            shown[name] = FewerThan(small_count)
        else:
            shown[name] = Withheld() if name in hidden else Exactly(count)
    return shown


def _linked(name: str, sums: Sequence[Sum]) -> set[str]:
    """Every count that sums tie to this one, by whatever way."""
    found = {name}
    while grown := {
        each
        for one in sums
        if found & {one.whole, *one.parts}
        for each in (one.whole, *one.parts)
        if each not in found
    }:
        found |= grown
    return found


def _cheapest_move(
    name: str, counts: Mapping[str, int], sums: Sequence[Sum], hidden: set[str], limit: int
) -> Move | None:
    """The change by one of `name`, and of what must change with it, that hides the least more.

    Best first: a move that is unbalanced in one sum is mended there by each count that may change.
    """
    waiting: list[tuple[int, int, Move]] = []
    seen: set[frozenset[tuple[str, int]]] = set()
    made = 0

    def add(cost: int, move: Move) -> None:
        nonlocal made
        key = frozenset(move.items())
        if key not in seen:
            seen.add(key)
            made += 1
            heapq.heappush(waiting, (cost, made, move))

    for step in (1, -1):
        if _may_change(name, step, counts, limit):
            add(0, {name: step})
    while waiting and made < MOST_STEPS:
        cost, _, move = heapq.heappop(waiting)
        wrong = next((each for each in sums if _balance(each, move) != 0), None)
        if wrong is None:
            return move
        for other, step in _mending(wrong, move):
            if _may_change(other, step, counts, limit):
                add(cost + (0 if other in hidden else counts[other] + 1), {**move, other: step})
    return None


def _may_change(name: str, step: int, counts: Mapping[str, int], limit: int) -> bool:
    """Whether the count may be one more or less, and still be what its mark says."""
    count = counts[name]
    if count == 0:
        return False  # a zero is always shown
    if count < limit:
        return 1 <= count + step < limit
    return count + step >= limit


def _balance(total: Sum, move: Move) -> int:
    """By how much the parts change more than the whole does."""
    return sum(move.get(part, 0) for part in total.parts) - move.get(total.whole, 0)


def _mending(total: Sum, move: Move) -> Iterator[tuple[str, int]]:
    """Each change that brings a sum nearer to its balance."""
    step = 1 if _balance(total, move) > 0 else -1
    if total.whole not in move:
        yield total.whole, step
    for part in total.parts:
        if part not in move:
            yield part, -step
