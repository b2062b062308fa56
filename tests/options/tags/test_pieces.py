import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.media.pdq import cut, spectrum
from softfall.options.tags import pieces
from softfall.options.tags.parameters import (
    BadParameters,
    TagParameters,
    disjoint_positions,
    low_frequency_positions,
    random_positions,
)
from softfall.wire import MalformedMessage
from tests.options.split.parties import PARAMETERS, random_hash

MARGINS = st.lists(st.floats(0, 500, width=32), min_size=1, max_size=9)


@settings(max_examples=150, deadline=None)
@given(MARGINS, st.integers(1, 512))
def test_cheapest_masks_agree_with_trying_every_subset(margins: list[float], count: int) -> None:
    count = min(count, 2 ** len(margins))
    fast = pieces.cheapest_masks(margins, count)
    slow = pieces.cheapest_masks_oracle(margins, count)
    assert fast[0] == slow[0] == 0
    assert len(set(fast)) == count
    # Sets of equal sums may come in either order; the sums themselves may not.
    sums = [exact_sum(mask, margins) for mask in slow]
    assert [exact_sum(mask, margins) for mask in fast] == sums
    everything = [exact_sum(mask, margins) for mask in range(2 ** len(margins))]
    if len(set(everything)) == len(everything):  # no tie, not even with a set left out
        assert fast == slow


def exact_sum(mask: int, margins: list[float]) -> int:
    units = [round(margin * 2**24) for margin in margins]
    return sum(unit for i, unit in enumerate(reversed(units)) if mask >> i & 1)


def test_every_subset_is_listed_once_when_all_are_asked_for() -> None:
    masks = pieces.cheapest_masks([3.0, 1.0, 2.0, 1.0], 16)
    assert sorted(masks) == list(range(16))


def test_asking_for_more_than_there_are_gives_what_there_is() -> None:
    assert len(pieces.cheapest_masks([1.0, 2.0], 100)) == 4


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_piece_is_its_positions_bits_read_as_a_number(seed: int) -> None:
    media = random_hash(seed)
    whole = int.from_bytes(media.bits, "big")
    found = pieces.pieces(np.frombuffer(media.bits, np.uint8)[None, :], PARAMETERS)
    for table, piece in zip(PARAMETERS.positions, found[:, 0], strict=True):
        expected = "".join(str(whole >> (255 - position) & 1) for position in table)
        assert int(piece) == int(expected, 2)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_the_pieces_of_one_hash_are_those_of_a_list_of_one(hash_bits: bytes) -> None:
    among_many = pieces.pieces(np.frombuffer(hash_bits, np.uint8)[None, :], PARAMETERS)
    assert pieces.pieces_of_one(hash_bits, PARAMETERS) == among_many[:, 0].tolist()


def test_no_two_questions_share_an_oprf_input() -> None:
    media = random_hash(1)
    masks = pieces.probe_masks(media.margins, PARAMETERS)
    inputs = pieces.oprf_inputs("split", media.bits, masks, PARAMETERS)
    assert len(set(inputs)) == PARAMETERS.questions


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_masks_survive_packing(seed: int) -> None:
    masks = pieces.probe_masks(random_hash(seed).margins, PARAMETERS)
    packed = pieces.pack_masks(masks, PARAMETERS)
    assert pieces.unpack_masks(packed, PARAMETERS) == masks


def test_masks_that_repeat_or_leave_the_piece_are_refused() -> None:
    parameters = TagParameters(12, 3, 1, random_positions("t", 2, 12))
    good = pieces.pack_masks([[0, 1, 2], [0, 4, 5]], parameters)
    assert pieces.unpack_masks(good, parameters) == [[0, 1, 2], [0, 4, 5]]
    for bad in ([[0, 1, 1], [0, 4, 5]], [[0, 1, 0], [0, 4, 5]], [[0, 1, 2], [0, 4, 4096]]):
        assert pieces.unpack_masks(pieces.pack_masks(bad, parameters), parameters) is None
    assert pieces.unpack_masks(good[:-2], parameters) is None


def test_parameters_survive_their_bytes() -> None:
    sets = (random_positions("a", 5, 20), disjoint_positions("b", 8, 32))
    for positions in sets:
        parameters = TagParameters(len(positions[0]), 4, 2, positions)
        assert TagParameters.decode(parameters.encode()) == parameters


def test_position_sets_come_again_from_their_seed() -> None:
    assert random_positions("a", 3, 24) == random_positions("a", 3, 24)
    assert random_positions("a", 3, 24) != random_positions("b", 3, 24)
    flat = [bit for table in disjoint_positions("a", 8, 32) for bit in table]
    assert sorted(flat) == list(range(256))
    with pytest.raises(BadParameters):
        disjoint_positions("a", 9, 32)
    with pytest.raises(BadParameters):
        low_frequency_positions("a", 9, 32)


def test_low_frequency_sets_take_the_low_corner_of_the_transform_first() -> None:
    tables = low_frequency_positions("a", 2, 3)
    corner = [255, 254, 239, 238, 253, 223]  # (1,1) (1,2) (2,1) (2,2) (1,3) (3,1)
    assert sorted(bit for table in tables for bit in table) == sorted(corner)
    everything = low_frequency_positions("a", 8, 32)
    assert sorted(bit for table in everything for bit in table) == list(range(256))


@pytest.mark.parametrize(("waves_across", "waves_down"), [(1, 1), (1, 2), (2, 1), (3, 5), (16, 16)])
def test_a_pure_wave_stands_out_in_the_bit_of_its_frequency(
    waves_across: int, waves_down: int
) -> None:
    """The bit order that low frequencies rest on."""
    place = (np.arange(512) + 0.5) / 512
    wave = np.outer(np.cos(np.pi * waves_down * place), np.cos(np.pi * waves_across * place))
    _, margins = cut(spectrum(np.uint8(128 + 100 * wave)))
    strongest = 255 - int(np.argmax(margins))
    assert {strongest // 16 + 1, strongest % 16 + 1} == {waves_down, waves_across}


@pytest.mark.parametrize(
    ("k_bits", "probes", "hits", "positions"),
    [
        (7, 1, 1, (tuple(range(7)),)),
        (8, 0, 1, (tuple(range(8)),)),
        (8, 1, 2, (tuple(range(8)),)),
        (8, 257, 1, (tuple(range(8)),)),
        (8, 1, 1, ()),
        (8, 1, 1, (tuple(range(7)),)),
        (8, 1, 1, ((0, 1, 2, 3, 4, 5, 6, 6),)),
        (8, 1, 1, ((0, 1, 2, 3, 4, 5, 6, 256),)),
        (8, 200, 1, (tuple(range(8)),) * 3),
    ],
)
def test_impossible_parameters_are_refused(
    k_bits: int, probes: int, hits: int, positions: tuple[tuple[int, ...], ...]
) -> None:
    with pytest.raises(BadParameters):
        TagParameters(k_bits, probes, hits, positions)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_parameters_or_refused_by_name(body: bytes) -> None:
    with pytest.raises((MalformedMessage, BadParameters)):
        TagParameters.decode(body)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 8 * len(PARAMETERS.encode()) - 1))
def test_altered_parameters_are_other_parameters_or_refused(bit: int) -> None:
    body = bytearray(PARAMETERS.encode())
    body[bit // 8] ^= 1 << (bit % 8)
    with contextlib.suppress(MalformedMessage, BadParameters):
        assert TagParameters.decode(bytes(body)) != PARAMETERS
