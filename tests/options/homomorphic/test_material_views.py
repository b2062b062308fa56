"""What one party alone sees of a comparison is the same whatever the distances: many rows at once.

Two lists of distances, all rows alike; each compared with fresh material. What a party holds,
receives and can work out, row by row, is counted, and the counts of the two lists are compared by a
chi-square test of two samples. Leaks that are planted, one column of zeros at a time, show that
the test would see one. All randomness is from fixed seeds.
"""

import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from softfall.crypto import comparing
from softfall.crypto.columns import U16Array, bits_of, plane
from softfall.options.dealt import Stream
from softfall.options.homomorphic import dealer
from softfall.options.homomorphic.material import (
    DealtKeyholder,
    DealtProvider,
    Expansion,
    OneBitKeyholder,
    OneBitProvider,
)
from softfall.options.homomorphic.parameters import Mode

ROWS = 100_000
Numbers = npt.NDArray[np.int64]
Seen = dict[str, Numbers]


def seen_by(distances: U16Array, seed: int) -> dict[str, Seen]:
    """What each party sees of one comparison: features, a number a row each."""
    rows = len(distances)
    dealt = dealer.deal(seed, Mode.ONE_BIT, rows, random.Random(seed).randbytes)
    ours, theirs = (
        DealtProvider.decode(dealt.provider).spend(),
        DealtKeyholder.decode(dealt.keyholder).spend(),
    )
    assert isinstance(ours, OneBitProvider)
    assert isinstance(theirs, OneBitKeyholder)
    opened = comparing.masked(comparing.masked(distances, ours.masks(rows)), theirs.masks(rows))
    halves = {"provider": ours, "keyholder": theirs}
    found = {party: comparing.look_up(opened, half.tables(rows)) for party, half in halves.items()}
    told = {
        party: comparing.opening(found[party], half.triple(rows)) for party, half in halves.items()
    }
    both = bytes(a ^ b for a, b in zip(*told.values(), strict=True))
    half_size = len(both) // 2
    opened_bits = [bits_of(plane(part), rows) for part in (both[:half_size], both[half_size:])]
    return {
        party: _features(opened, half, found[party], opened_bits, rows)
        for party, half in halves.items()
    }


def _features(
    opened: U16Array, half: Any, found: comparing.LookedUp, opened_bits: list[Any], rows: int
) -> Seen:
    x = opened.astype(np.int64)
    tables = list(half.tables(rows))
    below = np.concatenate([each.below for each in tables])
    equal = np.concatenate([each.equal for each in tables]).astype(np.uint32)
    own = [bits_of(words, rows) for words in (*found, *half.triple(rows))]
    low_mask = np.bitwise_count(below).astype(np.int64)
    high_mask = np.bitwise_count((equal & -equal.astype(np.int64)) - 1).astype(np.int64)
    return {
        "x": x,
        "x less its own mask": (x - half.masks(rows)) % 512,
        "lower bits by its table": (x - low_mask) % 32,
        "upper bits by its table": (x // 32 - high_mask) % 16,
        "bits": sum(
            (bit.astype(np.int64) << place for place, bit in enumerate([*own, *opened_bits])),
            np.zeros(rows, np.int64),
        ),
    }


def difference(left: Seen, right: Seen) -> float:
    """The strongest two-sample chi-square, in standard deviations above what chance gives."""
    worst = -np.inf
    for name, mine in left.items():
        bins = 1 + int(max(mine.max(), right[name].max()))
        one, other = np.bincount(mine, minlength=bins), np.bincount(right[name], minlength=bins)
        used = (one + other) > 0
        statistic = float((((one - other)[used]) ** 2 / (one + other)[used]).sum())
        freedom = max(1, int(used.sum()) - 1)
        worst = max(worst, (statistic - freedom) / (2 * freedom) ** 0.5)
    return worst


LIMIT = 8.0
NEAR, FAR = np.full(ROWS, 3, np.uint16), np.full(ROWS, 200, np.uint16)


@pytest.mark.parametrize("party", ["provider", "keyholder"])
@pytest.mark.parametrize(
    ("one", "other"), [(0, 30), (33, 256), (31, 32)], ids=["both within", "both beyond", "across"]
)
def test_one_partys_view_is_independent_of_the_distances(party: str, one: int, other: int) -> None:
    left, right = (
        seen_by(np.full(ROWS, distance, np.uint16), seed)[party]
        for seed, distance in enumerate((one, other))
    )
    assert difference(left, right) < LIMIT


class _Zeros(Stream):
    def fill(self, target: memoryview) -> None:
        target[:] = bytes(len(target))


# Whose column is spoilt, and who then learns of the distances.
PLANTED = {
    ("provider", "mask"): "keyholder",
    ("provider", "below"): "keyholder",
    ("provider", "equal"): "keyholder",
    ("provider", "left"): "keyholder",
    ("provider", "right"): "keyholder",
    ("provider", "product"): "keyholder",
    ("keyholder", "mask"): "provider",
    ("keyholder", "left"): "provider",
    ("keyholder", "right"): "provider",
}


@pytest.mark.parametrize("planted", PLANTED, ids=" ".join)
def test_a_planted_leak_is_caught(
    planted: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = Expansion.stream

    def spoilt(self: Expansion, column: str) -> Stream:
        stream = sound(self, column)
        return _Zeros(bytes(32)) if (self.party, column) == planted else stream

    monkeypatch.setattr(Expansion, "stream", spoilt)
    views = [seen_by(distances, seed) for seed, distances in enumerate((NEAR, FAR), 10)]
    learns = PLANTED[planted]
    assert difference(*(view[learns] for view in views)) > LIMIT
    other = "provider" if learns == "keyholder" else "keyholder"
    assert difference(*(view[other] for view in views)) < LIMIT
