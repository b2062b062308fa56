from pathlib import Path

import numpy as np
import pytest

from softfall.compare.known import (
    EmptyKnownList,
    make_list,
    random_hashes,
    read_list,
)
from softfall.lists.formats.lines import UnreadableList
from softfall.media.pdq import PdqHash, Unhashable

MARGINS = np.zeros(256, dtype=np.float32)


def flipped(pdq: bytes, count: int) -> bytes:
    bits = np.unpackbits(np.frombuffer(pdq, np.uint8))
    bits[:count] ^= 1
    return np.packbits(bits).tobytes()


def test_random_hashes_are_balanced_distinct_and_the_same_for_the_same_seed():
    hashes = random_hashes(12_345, seed=3)
    assert len(set(hashes)) == 12_345
    assert {int.from_bytes(each).bit_count() for each in hashes} == {128}
    assert hashes == random_hashes(12_345, seed=3)
    assert hashes[0] != random_hashes(1, seed=4)[0]


def test_bits_of_random_hashes_are_spread_evenly():
    bits = np.unpackbits(np.frombuffer(b"".join(random_hashes(20_000, 5)), np.uint8))
    shares = bits.reshape(-1, 256).mean(axis=0)
    assert abs(shares - 0.5).max() < 0.02  # five standard deviations


def test_distances_are_to_the_nearest_entry_and_none_beyond_the_radius():
    entry = random_hashes(1, 9)[0]
    known = make_list([entry, flipped(entry, 20)], 50, seed=1, origin="test")
    asked = [
        PdqHash(flipped(entry, 4), 100, MARGINS),
        PdqHash(flipped(entry, 17), 100, MARGINS),
        PdqHash(flipped(entry, 52), 100, MARGINS),
        Unhashable("flat", 0),
        PdqHash(flipped(entry, 51), 100, MARGINS),
    ]
    assert known.distances_bits(asked) == [4, 3, None, None, 31]


def test_a_list_file_of_another_form_is_read(tmp_path: Path):
    first, second = random_hashes(2, 1)
    path = tmp_path / "list.csv"
    path.write_text(f"hash,source,label\n{first.hex()},a,b\n{second.hex()},a,b\nnot a hash,a,b\n")
    hashes, told = read_list(path)
    assert set(hashes) == {first, second}
    assert "2 active entries" in told
    assert "1 bad lines left out" in told


def test_a_list_writes_what_it_reads(tmp_path: Path):
    known = make_list([], 100, seed=2, origin="test")
    known.write(tmp_path / "list.txt")
    assert set(read_list(tmp_path / "list.txt")[0]) == set(known.hashes)


def test_a_list_of_withdrawn_entries_is_refused(tmp_path: Path):
    path = tmp_path / "list.csv"
    hashed = random_hashes(1, 1)[0].hex()
    path.write_text(
        f"hash,source,added,withdrawn\n{hashed},a,2020-01-01T00:00:00Z,2021-01-01T00:00:00Z\n"
    )
    with pytest.raises(EmptyKnownList):
        read_list(path)


def test_a_list_that_is_not_there_is_refused_by_name(tmp_path: Path):
    with pytest.raises(UnreadableList):
        read_list(tmp_path / "nothing.txt")


def test_an_empty_list_is_refused():
    with pytest.raises(EmptyKnownList):
        make_list([], 0, seed=1, origin="test")
