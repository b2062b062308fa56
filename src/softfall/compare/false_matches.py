"""Do views make a list match pictures that it should not? Unrelated pictures against two lists.

The photographs are dealt into two halves that share none. One half makes lists: with views, of few
pictures; without, of more pictures, so that both have the same number of entries. The other half is
asked for: plainly, and as the product asks (the whole picture, and stripped where it has a border).
Many crops of each photograph stand in for more pictures, on either side.

Guarantees: no picture is ever compared with one of the same photograph. What is counted is pairs of
a picture asked for and an entry, within several radii: at PDQ's own there are hardly any, so the
wider ones show whether views resemble other people's pictures more than pictures do. The ratio's
interval is a bootstrap over photographs, of both halves, since crops of one are not independent.
Limits: near-duplicates among the photographs count as false matches; they are named.
Source: B. Efron, "Bootstrap methods: another look at the jackknife", 1979 (percentile intervals).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from softfall.compare.everyday import for_study
from softfall.compare.robustness import in_parallel
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.media.pdq import PdqHash
from softfall.media.pdq_oracle import PixelArray
from softfall.media.query import pixels_hashes
from softfall.media.views import WHOLE, ViewSet, view_hashes

RADII_BITS: Final = (MATCH_RADIUS_BITS, 60, 70, 80, 90)
DRAWS: Final = 400
LEAST_CROP_SHARE: Final = 0.3
_NAMED: Final = 10
_QUERIES_AT_ONCE: Final = 256

U64Array = npt.NDArray[np.uint64]
F64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pieces:
    """The hashes that one photograph's crops make.

    plain, viewed: (N, 4) uint64, to be listed; asked: (Q, 4), whole, as plain PDQ asks; stripped:
    (S, 4), what the product asks besides.
    """

    name: str
    plain: U64Array
    viewed: U64Array
    asked: U64Array
    stripped: U64Array


@dataclass(frozen=True, slots=True)
class Radius:
    """What was counted within one radius.

    plain, viewed: pairs within it, of so many compared. ratio: views' rate over the plain one, with
    its 95 % interval; None where the plain list had none to compare with.
    """

    bits: int
    plain: int
    viewed: int
    plain_pairs: int
    viewed_pairs: int
    ratio: tuple[float, float, float] | None

    @property
    def unchanged(self) -> bool:
        """Whether the interval holds 1, or neither list had any."""
        if self.ratio is None:
            return self.viewed == 0
        return self.ratio[1] <= 1 <= self.ratio[2]


@dataclass(frozen=True, slots=True)
class FalseMatches:
    """The whole count. entries: of either list; asked: pictures asked for, and hashes for them.

    named: pairs of photographs (listed, asked for) with a match within PDQ's radius, some of them.
    """

    listed_photographs: int
    asked_photographs: int
    entries: int
    asked_pictures: int
    asked_hashes: int
    radii: tuple[Radius, ...]
    named: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many crops stand in for pictures. seed: draws the crops."""

    viewed_crops: int
    asked_crops: int
    chosen: ViewSet = ViewSet.DEFAULT
    seed: int = 1


def count(
    photographs: Iterable[tuple[str, PixelArray]], plan: Plan, processes: int = 1
) -> FalseMatches:
    """The count over (name, pixels). Needs two photographs at least, each in one half."""
    work = enumerate(photographs)
    made = list(in_parallel(partial(_pieces, plan=plan), work, processes))
    return compared(made[::2], made[1::2], plan.seed)


def compared(listed: Sequence[Pieces], asked: Sequence[Pieces], seed: int = 1) -> FalseMatches:
    """The count, of pieces that are there already."""
    entries = min(sum(map(len, (p.plain for p in listed))), sum(len(p.viewed) for p in listed))
    plain_lists = _first([piece.plain for piece in listed], entries)
    viewed_lists = _first([piece.viewed for piece in listed], entries)
    plainly = [piece.asked for piece in asked]
    fully = [np.concatenate([piece.asked, piece.stripped]) for piece in asked]
    plain, viewed = _counts(plain_lists, plainly), _counts(viewed_lists, fully)
    plain_pairs, viewed_pairs = _pairs(plain_lists, plainly), _pairs(viewed_lists, plainly)
    near = zip(*np.nonzero(viewed[0] + plain[0]), strict=True)
    return FalseMatches(
        len(listed),
        len(asked),
        entries,
        sum(map(len, plainly)),
        sum(map(len, fully)),
        tuple(
            _radius(bits, plain[at], viewed[at], plain_pairs, viewed_pairs, seed)
            for at, bits in enumerate(RADII_BITS)
        ),
        tuple((listed[row].name, asked[column].name) for row, column in near)[:_NAMED],
    )


def _pieces(numbered: tuple[int, tuple[str, PixelArray]], plan: Plan) -> Pieces:
    place, (name, pixels) = numbered
    random = np.random.default_rng((plan.seed, place))
    picture = np.asarray(for_study(Image.fromarray(pixels)))
    empty = np.zeros((0, 4), np.uint64)
    if place % 2:
        asked = [pixels_hashes(_crop(picture, random)) for _ in range(plan.asked_crops)]
        whole = [each.found for seen in asked for each in seen if each.view == WHOLE]
        stripped = [each.found for seen in asked for each in seen if each.view != WHOLE]
        return Pieces(name, empty, empty, _words(whole), _words(stripped))
    seen = [
        list(view_hashes(_crop(picture, random), plan.chosen)) for _ in range(plan.viewed_crops)
    ]
    viewed = _words([view.found for each in seen for view in each])
    plain = [next(view_hashes(_crop(picture, random), ViewSet.NONE)) for _ in range(len(viewed))]
    return Pieces(name, _words([view.found for view in plain]), viewed, empty, empty)


def _crop(picture: PixelArray, random: np.random.Generator) -> PixelArray:
    """A part of the picture, from 30 % of each side up to all of it, somewhere in it."""
    sides = [
        max(1, round(side * random.uniform(LEAST_CROP_SHARE, 1))) for side in picture.shape[:2]
    ]
    top, left = (
        int(random.integers(0, whole - side + 1))
        for whole, side in zip(picture.shape[:2], sides, strict=True)
    )
    return np.ascontiguousarray(picture[top : top + sides[0], left : left + sides[1]])


def _words(found: Sequence[object]) -> U64Array:
    bits = b"".join(each.bits for each in found if isinstance(each, PdqHash))
    return np.frombuffer(bits, ">u8").reshape(-1, 4).astype(np.uint64)


def _first(lists: Sequence[U64Array], entries: int) -> list[U64Array]:
    """The same lists cut to so many entries in all, one from each in turn."""
    kept = [0] * len(lists)
    turns = zip_longest(*(range(len(each)) for each in lists))
    order = (at for turn in turns for at, entry in enumerate(turn) if entry is not None)
    for at, _ in zip(order, range(entries), strict=False):
        kept[at] += 1
    return [each[:size] for each, size in zip(lists, kept, strict=True)]


def _counts(lists: Sequence[U64Array], asked: Sequence[U64Array]) -> npt.NDArray[np.int64]:
    """(radii, listed photographs, asked photographs) int64: pairs within each radius."""
    entries = np.concatenate([*lists, np.zeros((0, 4), np.uint64)])
    ends = np.cumsum([len(each) for each in lists])
    counts = np.zeros((len(RADII_BITS), len(lists), len(asked)), np.int64)
    for column, queries in enumerate(asked):
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            some = queries[start : start + _QUERIES_AT_ONCE]
            bits = np.zeros((len(some), len(entries)), np.uint16)
            for word in range(4):
                bits += np.bitwise_count(some[:, word, None] ^ entries[None, :, word])
            for at, radius in enumerate(RADII_BITS):
                near = np.concatenate([[0], np.cumsum((bits <= radius).sum(axis=0))])
                counts[at, :, column] += np.diff(near[np.concatenate([[0], ends])])
    return counts


def _pairs(lists: Sequence[U64Array], asked: Sequence[U64Array]) -> F64Array:
    """(listed photographs, asked photographs): pairs of a picture asked for and an entry."""
    sizes = [np.array([len(each) for each in some], np.float64) for some in (lists, asked)]
    return np.outer(*sizes)


def _radius(
    bits: int,
    plain: npt.NDArray[np.int64],
    viewed: npt.NDArray[np.int64],
    plain_pairs: F64Array,
    viewed_pairs: F64Array,
    seed: int,
) -> Radius:
    random = np.random.default_rng((seed, bits))
    rows, columns = plain.shape
    ratios = []
    for _ in range(DRAWS):
        drawn = np.ix_(random.integers(0, rows, rows), random.integers(0, columns, columns))
        before = plain[drawn].sum() / plain_pairs[drawn].sum()
        if before:
            ratios.append(float(viewed[drawn].sum() / viewed_pairs[drawn].sum() / before))
    ratio = None
    if plain.sum() and ratios:
        value = float(viewed.sum() / viewed_pairs.sum() / (plain.sum() / plain_pairs.sum()))
        low, high = np.quantile(ratios, (0.025, 0.975))
        ratio = (value, float(low), float(high))
    totals = (int(plain_pairs.sum()), int(viewed_pairs.sum()))
    return Radius(bits, int(plain.sum()), int(viewed.sum()), *totals, ratio)
