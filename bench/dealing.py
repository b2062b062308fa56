"""What is dealt for `homomorphic`: its size, the dealer's time, and each party's work with it.

Rows: one party's thresholds of a million shared distances, and a fresh order of them, beside plain
numpy's. Figures: processor time of one thread, from seeds and encoded halves, in both modes.
"""

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bench.figures import Check, Figure, processor_ms
from bench.rows import Row, compare
from softfall.crypto import comparing, shuffling
from softfall.crypto.columns import U16Array, bits_of
from softfall.options.dealt import Stream
from softfall.options.homomorphic import dealer
from softfall.options.homomorphic.dealt_wire import capacity_of
from softfall.options.homomorphic.material import (
    DealtKeyholder,
    DealtProvider,
    OneBitKeyholder,
    OneBitProvider,
    PermutedKeyholder,
    PermutedProvider,
)
from softfall.options.homomorphic.parameters import Mode

SIZES = {"100k": 100_000, "1M": 1_000_000}
LIST_ROWS = 48  # of a block
MODES = {"one bit": Mode.ONE_BIT, "permuted": Mode.PERMUTED}


def rows() -> list[Row]:
    source = np.random.default_rng(1)
    count = _rows_of(SIZES["1M"])
    opened = source.integers(0, 512, count).astype(np.uint16)
    tables = comparing.Tables(
        source.integers(0, 2**32, count, np.uint32), source.integers(0, 2**16, count, np.uint16)
    )
    parts = [
        comparing.Tables(tables.below[start:stop], tables.equal[start:stop])
        for start, stop in comparing.parts(count)
    ]
    key = source.bytes(32)
    return [
        compare(
            "thresholds of 1,000,000 shared distances, one party's look-up",
            peer="numpy",
            ours=lambda: comparing.look_up(opened, parts),
            theirs=lambda: comparing.looked_up_plain(opened, tables),
            same="same shares in every row",
            differ=_planes_differ,
        ),
        compare(
            "a uniform order of 1,000,000 rows from a seed",
            peer="numpy",
            ours=lambda: _order(key, count),
            theirs=lambda: np.random.default_rng(1).permutation(count).astype(np.uint32),
            same="each row once",
            differ=_orders_differ,
        ),
    ]


def figures() -> list[Figure]:
    found = []
    for size, entries in SIZES.items():
        for name, mode in MODES.items():
            found += _of_mode(size, name, mode, _rows_of(entries))
    return found


def _order(key: bytes, count: int) -> shuffling.U32Array:
    """As a provider makes it; the peer's generator is quicker, and not for secrets."""
    draws = np.empty(shuffling.draws_of(count), np.uint32)
    Stream(key).fill(draws.data.cast("B"))
    return shuffling.permutation(draws, count)


class _Dealt(NamedTuple):
    ours: Any
    theirs: Any
    keyholder: bytes


def _rows_of(entries: int) -> int:
    """The list's rows: whole blocks."""
    return -(-entries // LIST_ROWS) * LIST_ROWS


def _of_mode(size: str, name: str, mode: Mode, count: int) -> list[Figure]:
    capacity = capacity_of(count)
    encoded = dealer.deal(1, mode, capacity, secrets.token_bytes)
    dealt = _Dealt(
        DealtProvider.decode(encoded.provider).spend(),
        DealtKeyholder.decode(encoded.keyholder).spend(),
        encoded.keyholder,
    )
    distances = np.random.default_rng(2).integers(0, 257, count).astype(np.uint16)
    check, works = (_one_bit if mode is Mode.ONE_BIT else _permuted)(dealt, distances)
    serials = iter(range(2, 10_000))
    works["dealer"] = lambda: dealer.deal(next(serials), mode, capacity, secrets.token_bytes)
    took_ms = processor_ms(works)
    what = f"{name}, a list of {size}: "
    key = f"dealing.{name.replace(' ', '_')}.{size}."
    halves = len(encoded.provider) + len(encoded.keyholder)
    return [
        check.figure(key + "bytes", what + "dealt a picture, both halves", halves, "bytes"),
        *(
            check.figure(key + party, what + f"{party}'s work with it", took_ms[party], "ms")
            for party in ("dealer", "provider", "keyholder")
        ),
    ]


Works = dict[str, Callable[[], object]]


def _one_bit(dealt: _Dealt, distances: U16Array) -> tuple[Check, Works]:
    ours, theirs, count = dealt.ours, dealt.theirs, len(distances)
    assert isinstance(ours, OneBitProvider)
    assert isinstance(theirs, OneBitKeyholder)
    values = comparing.masked(distances, ours.masks(count))
    opened = comparing.masked(values, theirs.masks(count))
    told = [
        comparing.opening(comparing.look_up(opened, half.tables(count)), half.triple(count))
        for half in (ours, theirs)
    ]

    def provider() -> Any:
        ours.masks(count)
        found, triple = comparing.look_up(opened, ours.tables(count)), ours.triple(count)
        own = comparing.opening(found, triple)
        return comparing.result(found, triple, own, told[1], first=True)

    def keyholder() -> Any:
        half = DealtKeyholder.decode(dealt.keyholder).spend()
        assert isinstance(half, OneBitKeyholder)
        x = comparing.masked(values, half.masks(count))
        found, triple = comparing.look_up(x, half.tables(count)), half.triple(count)
        own = comparing.opening(found, triple)
        return comparing.result(found, triple, own, told[0], first=False)

    bits = bits_of(provider() ^ keyholder(), count)
    right = bool(np.array_equal(bits, distances <= comparing.RADIUS_BITS))
    return Check(right, "every row's bit right"), {"provider": provider, "keyholder": keyholder}


def _permuted(dealt: _Dealt, distances: U16Array) -> tuple[Check, Works]:
    ours, theirs, count = dealt.ours, dealt.theirs, len(distances)
    assert isinstance(ours, PermutedProvider)
    assert isinstance(theirs, PermutedKeyholder)
    values = comparing.masked(distances, ours.masks(count))
    sent = shuffling.hidden(values, theirs.hiding())
    back = shuffling.shuffled(sent, ours.masks(count), ours.shuffling())

    def provider() -> Any:
        return shuffling.shuffled(sent, ours.masks(count), ours.shuffling())

    def keyholder() -> Any:
        half = DealtKeyholder.decode(dealt.keyholder).spend()
        assert isinstance(half, PermutedKeyholder)
        hiding = half.hiding()
        shuffling.hidden(values, hiding)
        return shuffling.distances(back, hiding)

    seen = keyholder()
    right = bool(np.array_equal(np.sort(seen[seen != shuffling.ABSENT]), np.sort(distances)))
    return Check(right, "the same distances"), {"provider": provider, "keyholder": keyholder}


def _planes_differ(ours: comparing.LookedUp, theirs: comparing.LookedUp) -> str:
    same = all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    return "" if same else "some shares differ"


def _orders_differ(ours: shuffling.U32Array, theirs: shuffling.U32Array) -> str:
    return "" if np.array_equal(np.sort(ours), np.sort(theirs)) else "a row twice, or never"
