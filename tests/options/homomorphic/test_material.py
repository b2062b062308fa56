"""What is dealt: halves that fit, by their first rows, each used once, no stream used twice."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import columns, comparing, equality, shuffling
from softfall.crypto.columns import U16Array, bits_of
from softfall.options.dealt import AlreadySpent
from softfall.options.homomorphic import dealer, dealt_wire, material
from softfall.options.homomorphic.dealt_wire import (
    DEALT_KEYHOLDER,
    DEALT_PROVIDER,
    capacity_of,
    columns_bytes,
)
from softfall.options.homomorphic.material import (
    DealtKeyholder,
    DealtProvider,
    OneBitKeyholder,
    OneBitProvider,
    PermutedKeyholder,
    PermutedProvider,
    TooFewRows,
)
from softfall.options.homomorphic.parameters import Mode
from softfall.wire import MalformedMessage

MODES = list(Mode)


def halves(
    mode: Mode, rows: int, seed: int = 1, serial: int = 5
) -> tuple[DealtProvider, DealtKeyholder]:
    dealt = dealer.deal(serial, mode, rows, random.Random(seed).randbytes)
    return DealtProvider.decode(dealt.provider), DealtKeyholder.decode(dealt.keyholder)


def one_bit(rows: int, seed: int = 1) -> tuple[OneBitProvider, OneBitKeyholder]:
    ours, theirs = (half.spend() for half in halves(Mode.ONE_BIT, rows, seed))
    assert isinstance(ours, OneBitProvider)
    assert isinstance(theirs, OneBitKeyholder)
    return ours, theirs


def permuted(rows: int, seed: int = 1) -> tuple[PermutedProvider, PermutedKeyholder]:
    ours, theirs = (half.spend() for half in halves(Mode.PERMUTED, rows, seed))
    assert isinstance(ours, PermutedProvider)
    assert isinstance(theirs, PermutedKeyholder)
    return ours, theirs


def result_of(distances: U16Array, ours: OneBitProvider, theirs: OneBitKeyholder) -> list[bytes]:
    """Both parties' shares of the result, as the option's two round trips make them."""
    rows = len(distances)
    opened = comparing.masked(comparing.masked(distances, ours.masks(rows)), theirs.masks(rows))
    found = [comparing.look_up(opened, half.tables(rows)) for half in (ours, theirs)]
    triples = [half.triple(rows) for half in (ours, theirs)]
    told = [comparing.opening(*each) for each in zip(found, triples, strict=True)]
    one = comparing.result(found[0], triples[0], told[0], told[1], first=True)
    other = comparing.result(found[1], triples[1], told[1], told[0], first=False)
    return [columns.octets(one), columns.octets(other)]


@settings(max_examples=40, deadline=None)
@given(capacity=st.integers(1, 300), unused=st.integers(0, 299), seed=st.integers(0, 2**32))
def test_halves_of_any_capacity_serve_any_list_with_as_many_rows_or_fewer(
    capacity: int, unused: int, seed: int
) -> None:
    rows = max(0, capacity - unused)
    source = np.random.default_rng(seed)
    distances = source.choice([0, 30, 31, 32, 128, 256], rows).astype(np.uint16)
    ours, theirs = one_bit(capacity, seed)
    one, other = (columns.plane(share) for share in result_of(distances, ours, theirs))
    assert np.array_equal(bits_of(one ^ other, rows), distances <= 31)


@pytest.mark.parametrize("rows", [65_535, 65_536, 65_537, 131_136])
def test_halves_of_several_parts_fit_to_the_last_row(rows: int) -> None:
    distances = np.random.default_rng(rows).integers(20, 44, rows).astype(np.uint16)
    ours, theirs = one_bit(rows + 999)
    one, other = (columns.plane(share) for share in result_of(distances, ours, theirs))
    assert np.array_equal(bits_of(one ^ other, rows), distances <= 31)


@pytest.mark.parametrize(("nearest", "expected"), [(32, True), (31, False), (0, False)])
def test_the_equality_test_that_is_dealt_tells_whether_nothing_matched(
    nearest: int, expected: bool
) -> None:
    distances = np.full(4800, 128, np.uint16)
    distances[1234] = nearest
    ours, theirs = one_bit(5000)
    own, others = result_of(distances, ours, theirs)
    assert ours.digest_key == theirs.digest_key
    asked = equality.ask(equality.digest(ours.digest_key, own), ours.asking)
    answered = equality.answer(equality.digest(theirs.digest_key, others), asked, theirs.answering)
    assert equality.equal(answered, ours.asking) is expected


@settings(max_examples=30, deadline=None)
@given(capacity=st.integers(1, 300), unused=st.integers(0, 299), seed=st.integers(0, 2**32))
def test_shuffles_that_are_dealt_give_the_very_distances_in_a_new_order(
    capacity: int, unused: int, seed: int
) -> None:
    rows = max(0, capacity - unused)
    distances = np.random.default_rng(seed).integers(0, 257, rows).astype(np.uint16)
    ours, theirs = permuted(capacity, seed)
    sent = shuffling.hidden(comparing.masked(distances, ours.masks(rows)), theirs.hiding())
    back = shuffling.shuffled(sent, ours.masks(rows), ours.shuffling())
    seen = shuffling.distances(back, theirs.hiding())
    assert np.array_equal(np.sort(seen[seen != shuffling.ABSENT]), np.sort(distances))
    assert int((seen == shuffling.ABSENT).sum()) == capacity - rows


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rows", [1, 24, 300, 1024, 70_000])
def test_sizes_depend_on_mode_and_rows_alone_and_pieces_are_the_message(
    mode: Mode, rows: int
) -> None:
    source = random.Random(rows)
    for serial in (0, 2**62):
        seeds = dealer.draw(source.randbytes)
        whole = b"".join(dealer.keyholder_half(serial, mode, rows, seeds))
        assert len(whole) == dealer.keyholder_half_bytes(serial, mode, rows)
        values = DEALT_KEYHOLDER.decode(whole)  # what was put together is the one encoding
        assert DEALT_KEYHOLDER.encode(values) == whole
        told = values["columns"]
        assert isinstance(told, bytes)
        assert len(told) == columns_bytes(mode, rows)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 23, 24])
def test_a_batch_in_pieces_is_the_message_and_holds_the_very_halves(mode: Mode, count: int) -> None:
    source = random.Random(count)
    serials = [(serial, dealer.draw(source.randbytes)) for serial in range(count)]
    whole = b"".join(dealer.keyholder_stock(serials, mode, 300))
    assert len(whole) == dealer.keyholder_stock_bytes(serials, mode, 300)
    assert whole == dealt_wire.STOCK_KEYHOLDER.encode(dealt_wire.STOCK_KEYHOLDER.decode(whole))
    halves_held = dealt_wire.decode_keyholder_stock(whole)
    assert [serial for serial, _ in halves_held] == list(range(count))
    for (serial, seeds), (_, half) in zip(serials, halves_held, strict=True):
        assert half == b"".join(dealer.keyholder_half(serial, mode, 300, seeds))


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_holds_a_few_halves_of_a_large_list_and_many_of_a_small_one(mode: Mode) -> None:
    assert dealt_wire.halves_an_answer(mode, 1000) == 1024
    assert 1 <= dealt_wire.halves_an_answer(mode, 2**24) <= 2
    for rows in (1, 1000, 1_015_808, 2**24):
        assert dealt_wire.answer_bytes(mode, rows) <= dealt_wire.STOCK_KEYHOLDER.max_bytes


def test_a_million_entries_cost_less_than_twenty_megabytes_and_a_small_seed() -> None:
    rows = capacity_of(48 * -(-1_000_000 // 48))
    assert columns_bytes(Mode.ONE_BIT, rows) <= 6_500_000
    assert columns_bytes(Mode.PERMUTED, rows) <= 1_200_000
    assert DEALT_PROVIDER.max_bytes <= 80


@settings(max_examples=200, deadline=None)
@given(rows=st.integers(1, 2**24))
def test_a_capacity_is_enough_and_wastes_little(rows: int) -> None:
    capacity = capacity_of(rows)
    assert rows <= capacity <= max(rows + rows // 16 + 1, 1024 * -(-rows // 1024))
    assert capacity <= 2**24
    assert capacity_of(capacity) == capacity


@pytest.mark.parametrize("rows", [0, 2**24 + 1])
def test_no_list_has_so_many_rows(rows: int) -> None:
    with pytest.raises(ValueError, match="a list has"):
        capacity_of(rows)
    head = dealt_wire.head(bytes(8), Mode.ONE_BIT, rows)
    with pytest.raises(MalformedMessage):
        DealtProvider.decode(DEALT_PROVIDER.encode({**head, "seed": bytes(32)}))


@pytest.mark.parametrize("mode", MODES)
def test_a_half_is_spent_once_and_says_before_for_what_it_serves(mode: Mode) -> None:
    for half in halves(mode, 100):
        assert (half.serial, half.mode, half.capacity) == (5, mode, 100)
        half.spend()
        with pytest.raises(AlreadySpent):
            half.spend()


def test_more_rows_than_were_dealt_are_refused() -> None:
    ours, theirs = one_bit(100)
    for half in (ours, theirs):
        for use in (half.masks, half.triple, lambda rows, half=half: list(half.tables(rows))):
            with pytest.raises(TooFewRows):
                use(101)
    with pytest.raises(TooFewRows):
        permuted(100)[0].masks(101)


def changed(body: bytes, **fields: object) -> bytes:
    return DEALT_KEYHOLDER.encode({**DEALT_KEYHOLDER.decode(body), **fields})  # type: ignore[dict-item]


def test_a_keyholders_half_of_another_form_is_refused() -> None:
    dealt = dealer.deal(5, Mode.ONE_BIT, 100, random.Random(1).randbytes).keyholder
    DealtKeyholder.decode(dealt)
    for fields in (
        {"rows": 101}, {"rows": 99}, {"rows": 0}, {"mode": 1}, {"version": 0}, {"equality": b""},
        {"equality": bytes(47)}, {"columns": b""}, {"serial": b"\xff" * 8},
    ):  # fmt: skip
        with pytest.raises(MalformedMessage):
            DealtKeyholder.decode(changed(dealt, **fields))
    for cut in (dealt[:-1], dealt + b"\x00", b""):
        with pytest.raises(MalformedMessage):
            DealtKeyholder.decode(cut)


def every_column(expansion: material.Expansion) -> dict[str, bytes]:
    """The beginning of each stream that a party's half is made of."""
    names = (
        "mask", "below", "equal", "left", "right", "product", "digest key", "equality", "factor",
        "order", "added", "taken off",
    )  # fmt: skip
    return {name: expansion.octets(name, 32) for name in names}


def test_no_serials_masks_ever_repeat_across_parties_modes_capacities_serials_and_seeds() -> None:
    seen: set[bytes] = set()
    count = 0
    for party, mode, capacity, serial, seed in itertools.product(
        ("provider", "keyholder"), Mode, (1, 11, 1024), (0, 1, 2**62), (bytes(32), bytes(31) + b"1")
    ):
        expansion = material.Expansion(party, mode, capacity, serial, seed)
        columns_here = every_column(expansion)
        seen.update(columns_here.values())
        count += len(columns_here)
    assert len(seen) == count == 2 * 2 * 3 * 3 * 2 * 12


def test_the_same_seed_under_another_serial_yields_other_material() -> None:
    """So a dealer that draws a seed twice, by whatever mistake, still repeats no mask."""
    seeds = dealer.draw(random.Random(1).randbytes)
    one, other = (
        DealtProvider.decode(dealer.provider_half(serial, Mode.ONE_BIT, 640, seeds)).spend()
        for serial in (1, 2)
    )
    same = int((one.masks(640) == other.masks(640)).sum())
    assert same < 20  # by chance about one


def test_a_half_prints_nothing_of_its_seed() -> None:
    ours, theirs = one_bit(10)
    for half in (ours, theirs):
        assert half.expansion.seed.hex() not in repr(half)
        assert repr(half.expansion.seed) not in repr(half)
    assert repr(theirs.columns) not in repr(theirs)


def test_masks_are_uniform() -> None:
    ours, theirs = one_bit(512 * 200)
    for values in (ours.masks(512 * 200), theirs.masks(512 * 200)):
        counts = np.bincount(values, minlength=512)
        assert float(((counts - 200) ** 2 / 200).sum()) < 511 + 10 * 1022**0.5
