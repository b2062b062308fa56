"""Files of the map: what a hostile one gets, and what an honest one shows."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.options.on_device import segment, wire
from softfall.options.on_device.parameters import (
    DEFAULT_PARAMETERS,
    BadMapParameters,
    OnDeviceParameters,
)
from softfall.options.on_device.publishing import NumbersDoNotFit, slotted
from softfall.options.on_device.segment import BadSegment, MapKeys
from softfall.options.on_device.stack import Stack
from softfall.wire import Value
from tests.options.on_device.parties import FIRST, PARAMETERS, Parties, quiet
from tests.options.split.parties import random_hash


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(seed) for seed in range(40)])


@pytest.fixture(scope="module")
def delta(parties: Parties) -> bytes:
    added = [(1000 + i, random_hash(500 + i).bits) for i in range(5)]
    return parties.custodian.extend(added, [FIRST, FIRST + 3], 1, quiet)


def sealed(head: dict[str, Value], body: bytes) -> bytes:
    """A file with this header and body, and the checksum that belongs to it."""
    header = wire.SEGMENT.encode(head)
    file = segment.MAGIC + len(header).to_bytes(4, "big") + header + body
    return file + hashlib.sha256(file).digest()


def taken_apart(file: bytes) -> tuple[dict[str, Value], bytes]:
    size = int.from_bytes(file[8:12], "big")
    return wire.SEGMENT.decode(file[12 : 12 + size]), file[12 + size : -32]


def test_a_segment_survives_its_bytes(parties: Parties, delta: bytes) -> None:
    for file in (parties.prepared.artefact, delta):
        assert segment.decode(file).encode() == file
        head, body = taken_apart(file)
        assert sealed(head, body) == file


def test_a_memory_mapped_file_is_read_without_a_copy_of_its_cells(
    parties: Parties, tmp_path: Path
) -> None:
    path = tmp_path / "0.segment"
    path.write_bytes(parties.prepared.artefact)
    mapped = np.memmap(path, dtype=np.uint8, mode="r")
    read = segment.decode(mapped)
    assert np.shares_memory(read.cells, mapped)
    assert not read.cells.flags.writeable


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_altered_or_truncated_file_is_read(
    parties: Parties, delta: bytes, data: st.DataObject
) -> None:
    whole = data.draw(st.sampled_from([parties.prepared.artefact, delta]))
    file = bytearray(whole)
    bit = data.draw(st.integers(0, 8 * len(file) - 1))
    file[bit // 8] ^= 1 << (bit % 8)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for bad in (bytes(file), cut, whole + b"\0"):
        with pytest.raises(BadSegment):
            segment.decode(bad)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_by_name(body: bytes) -> None:
    checked = segment.MAGIC + body
    for bad in (body, checked, checked + hashlib.sha256(checked).digest()):
        with pytest.raises(BadSegment):
            segment.decode(bad)


LIES: dict[str, Callable[[dict[str, Value]], dict[str, Value]]] = {
    "another version": lambda head: {**head, "version": 0},
    "huge counts": lambda head: {**head, "keys": 2**31, "entries": 2**28},
    "a huge shape": lambda head: {**head, "starts": 2**31, "segment_bits": 18},
    "a tiny shape": lambda head: {**head, "segment_bits": 0},
    "no segment to begin in": lambda head: {**head, "starts": 0},
    "more pieces than entries have": lambda head: {**head, "entries": 3},
    "entries without pieces": lambda head: {**head, "keys": 0},
    "withdrawn that are not there": lambda head: {**head, "withdrawn": 2**28},
    "a range too small for its entries": lambda head: {**head, "highest": head["lowest"]},
    "parameters that are none": lambda head: {**head, "parameters": b"\x80"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_a_file_that_lies_about_itself_is_refused_though_its_checksum_holds(
    parties: Parties, lie: Callable[[dict[str, Value]], dict[str, Value]]
) -> None:
    head, body = taken_apart(parties.prepared.artefact)
    with pytest.raises(BadSegment):
        segment.decode(sealed(lie(head), body))


def test_withdrawn_numbers_that_do_not_increase_are_refused(delta: bytes) -> None:
    head, body = taken_apart(delta)
    for last in (body[-4:] + body[-8:-4], body[-4:] * 2):
        with pytest.raises(BadSegment):
            segment.decode(sealed(head, body[:-8] + last))


def test_a_map_says_nothing_to_whoever_has_no_tag(parties: Parties) -> None:
    """Two keys over one list give unrelated bytes, uniform ones, with no hash or number in them."""
    listed = [random_hash(seed) for seed in range(400)]
    maps = [Parties(listed, seed=bytes([s]) * 32).view._segments[0] for s in (1, 2)]
    for one in maps:
        bits = np.unpackbits(one.cells[:-8])
        assert abs(bits.mean() - 0.5) < 4 * 0.5 / len(bits) ** 0.5
        counts = np.bincount(one.cells[:-8], minlength=256)
        expected = len(one.cells[:-8]) / 256
        assert float(((counts - expected) ** 2 / expected).sum()) < 380  # 255 degrees of freedom
    shorter = min(len(one.cells) for one in maps) - 8
    differing = np.unpackbits(maps[0].cells[:shorter] ^ maps[1].cells[:shorter]).mean()
    assert 0.47 < differing < 0.53
    haystack = maps[0].encode()
    assert not any(media.bits[at : at + 5] in haystack for media in listed for at in range(28))


def test_a_strangers_key_gives_numbers_that_chance_would(parties: Parties) -> None:
    one = parties.view._segments[0]
    strangers = MapKeys.of([i.to_bytes(8, "big") for i in range(20_000)], [0] * 20_000)
    codes, hit = Stack([one]).find(strangers)
    expected = 2.0**-PARAMETERS.check_bits * 40 / 2**PARAMETERS.code_bits
    assert hit.mean() <= 20 * expected
    wider = replace(one, lowest=0, highest=2**16 - 1)
    codes, hit = Stack([wider]).find(strangers)
    assert hit.mean() == pytest.approx(2.0**-PARAMETERS.check_bits, rel=0.3)
    assert abs(codes.mean() / 2**15 - 1) < 0.05


def test_of_many_entries_with_one_piece_the_lowest_numbers_get_the_slots() -> None:
    tags = np.array([[7, 7, 9, 7], [1, 2, 3, 4]], dtype=np.uint64)
    numbers = np.array([30, 10, 40, 20], dtype=np.uint32)
    rows, slots, codes = slotted(tags, numbers, 2)
    made = sorted(zip(rows, slots, codes.tolist(), strict=True))
    assert [(int.from_bytes(tag, "big"), slot, code) for tag, slot, code in made] == [
        (1, 0, 30), (2, 0, 10), (3, 0, 40), (4, 0, 20), (7, 0, 10), (7, 1, 20), (9, 0, 40),
    ]  # fmt: skip


def test_numbers_that_do_not_fit_or_come_twice_are_refused(parties: Parties) -> None:
    for numbers in ([2**16], [1, 1]):
        entries = [(number, random_hash(i).bits) for i, number in enumerate(numbers)]
        with pytest.raises(NumbersDoNotFit):
            parties.custodian.prepare(entries, quiet)
    assert PARAMETERS.with_room_for(2**16).code_bits == 17
    assert PARAMETERS.with_room_for(3) == PARAMETERS


@pytest.mark.parametrize("entries", [0, 1, 2, 3])
def test_the_shortest_lists_have_maps_too(entries: int) -> None:
    parties = Parties([random_hash(seed) for seed in range(entries)])
    assert segment.decode(parties.prepared.artefact).entries == entries
    for seed in range(entries):
        assert FIRST + seed in parties.view.candidates(parties.rows(random_hash(seed)))
    assert parties.view.candidates(parties.rows(random_hash(99))) == ()


def test_parameters_survive_their_bytes() -> None:
    for parameters in (PARAMETERS, DEFAULT_PARAMETERS):
        assert OnDeviceParameters.decode(parameters.encode()) == parameters


@pytest.mark.parametrize(
    "change",
    [
        {"code_bits": 0},
        {"code_bits": 29},
        {"check_bits": 17},
        {"code_bits": 28, "check_bits": 5},
        {"slots": 0},
        {"slots": 17},
        {"lag_versions": -1},
    ],
)
def test_impossible_parameters_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(BadMapParameters):
        replace(PARAMETERS, **change)  # type: ignore[arg-type]
