import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.compare import traces
from softfall.compare.traces import ListedHashes, Needles

HASHES = [bytes(range(start, start + 32)) for start in range(0, 200, 40)]


@given(st.binary(max_size=300), st.sampled_from(HASHES), st.binary(max_size=300))
def test_a_planted_hash_is_found_at_any_offset(before: bytes, planted: bytes, after: bytes):
    assert planted in ListedHashes(HASHES).found_in(before + planted + after)


@given(st.binary(max_size=100), st.sampled_from(HASHES), st.booleans())
def test_a_hash_written_in_hexadecimal_is_found(before: bytes, planted: bytes, upper: bool):
    digits = planted.hex().upper() if upper else planted.hex()
    assert planted in ListedHashes(HASHES).found_in(before + digits.encode() + b"\n")


@given(st.binary(max_size=500))
def test_what_is_said_to_be_found_is_there(data: bytes):
    needles = Needles([b"abcd", b"\0\0\0\0"])
    assert needles.found_in(data) == {each for each in (b"abcd", b"\0\0\0\0") if each in data}


@given(st.text("ab", max_size=60), st.integers(3, 9), st.data())
def test_needles_of_any_length_are_found_wherever_they_stand(
    text: str, length: int, data: st.DataObject
):
    needle = st.text("ab", min_size=length, max_size=length)
    wanted = {each.encode() for each in data.draw(st.lists(needle, min_size=1, max_size=4))}
    hay = text.encode()
    assert Needles(wanted).found_in(hay) == {each for each in wanted if each in hay}


def test_a_needle_across_two_chunks_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(traces, "CHUNK_WORDS", 16)
    planted = HASHES[1]
    for offset in range(30, 70):
        assert ListedHashes(HASHES).found_in(bytes(offset) + planted + bytes(40)) == {planted}


def test_a_cut_hash_is_not_a_hash():
    assert not ListedHashes(HASHES).found_in(HASHES[0][:31])


def test_needles_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        Needles([b"abc", b"abcd"])
