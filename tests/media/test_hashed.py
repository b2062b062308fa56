"""The hasher's answer: exact where it is well formed, refused where it is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from softfall.media.hashed import (
    HASHED,
    Refused,
    decode,
    decode_asked,
    encode,
    encode_asked,
)
from softfall.media.pdq import PdqHash, Unhashable
from softfall.wire import MalformedMessage

MARGINS = arrays.arrays(
    np.float32, 256, elements=st.floats(0, 2**100, width=32, allow_subnormal=True)
)
HASHES = st.builds(
    PdqHash,
    st.binary(min_size=32, max_size=32),
    st.integers(50, 100),
    margins=MARGINS,
    luminance=st.binary(min_size=4096, max_size=4096),
    mode=st.sampled_from(["exact", "fast"]),
)


@settings(max_examples=50, deadline=None)
@given(HASHES)
def test_a_hash_comes_through_with_every_bit_of_its_margins(made):
    told = decode(encode(made))
    assert told == made
    assert told.margins.dtype == np.float32
    assert told.margins.tobytes() == made.margins.tobytes()
    assert told.luminance == made.luminance
    assert told.mode == made.mode


@given(
    st.sampled_from(["flat", "tiny", "low quality"]),
    st.integers(0, 49),
    st.sampled_from(["exact", "fast"]),
)
def test_a_picture_without_a_hash_comes_through(reason, quality, mode):
    made = Unhashable(reason, quality, mode)
    assert decode(encode(made)) == made


@given(st.text(max_size=400))
def test_a_refusal_of_any_length_fits(reason):
    told = decode(encode(Refused(reason)))
    assert isinstance(told, Refused)
    assert reason.startswith(told.reason)


@settings(max_examples=100)
@given(st.binary(max_size=600))
def test_junk_is_refused_by_name(junk):
    with pytest.raises(MalformedMessage):
        decode(junk)


HONEST = {
    "version": 2,
    "outcome": "hashed",
    "mode": "exact",
    "hash": bytes(32),
    "quality": 90,
    "margins": bytes(1024),
    "luminance": bytes(4096),
    "reason": "",
}
NONSENSE = [
    {"version": 0},
    {"version": 1},
    {"outcome": "perhaps"},
    {"mode": ""},
    {"mode": "slow"},
    {"outcome": "refused", "hash": b"", "margins": b"", "luminance": b""},
    {"hash": bytes(31)},
    {"margins": bytes(1020)},
    {"luminance": bytes(4095)},
    {"margins": np.full(256, np.nan, ">f4").tobytes()},
    {"margins": np.full(256, -1, ">f4").tobytes()},
    {"quality": 49},
    {"outcome": "unhashable"},
    {"outcome": "refused", "hash": b""},
]


@pytest.mark.parametrize("change", NONSENSE, ids=str)
def test_a_well_encoded_nonsense_is_refused_by_name(change):
    assert isinstance(decode(HASHED.encode(HONEST)), PdqHash)
    with pytest.raises(MalformedMessage):
        decode(HASHED.encode({**HONEST, **change}))


ANSWERS = st.one_of(
    HASHES, st.builds(Unhashable, st.sampled_from(["flat", "tiny"]), st.integers(0, 49))
)


@settings(max_examples=30, deadline=None)
@given(st.lists(ANSWERS, min_size=1, max_size=2))
def test_what_to_ask_of_a_picture_comes_through_in_order(made):
    assert decode_asked(encode_asked(made)) == tuple(made)


def test_a_picture_that_was_refused_is_nothing_to_ask_of():
    assert decode_asked(encode_asked([Refused("why")])) == (Refused("why"),)
    for pair in ([Refused("why"), Unhashable("flat", 0)], [Unhashable("flat", 0), Refused("why")]):
        with pytest.raises(MalformedMessage):
            decode_asked(encode_asked(pair))


@pytest.mark.parametrize("count", [0, 3])
def test_there_are_one_or_two_hashes_to_ask_of_a_picture(count):
    with pytest.raises(MalformedMessage):
        encode_asked([Unhashable("flat", 0)] * count)


@given(st.binary(max_size=200))
def test_bytes_that_ask_nothing_are_refused(body):
    with pytest.raises(MalformedMessage):
        decode_asked(body)
