"""Hashes out of a body: read as they were written, or refused by name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.custodian.lookup.questions import BadHashes, TooManyHashes, from_json, from_octets
from softfall.edge.errors import InvalidRequest
from softfall.lists.index.hamming import words

HASHES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=5)


@settings(max_examples=50)
@given(HASHES, st.booleans())
def test_both_forms_say_the_same_hashes_in_order(hashes, upper):
    texts = [pdq.hex().upper() if upper else pdq.hex() for pdq in hashes]
    expected = words(hashes)
    assert (from_json(json.dumps({"hashes": texts}).encode(), 5) == expected).all()
    assert (from_octets(b"".join(hashes), 5) == expected).all()


ONE = "0f" * 32
BAD = {
    "nothing": b"",
    "junk": b"\xff\x00",
    "no object": b"[]",
    "no hashes": b"{}",
    "an empty list": b'{"hashes":[]}',
    "too short": json.dumps({"hashes": [ONE[1:]]}).encode(),
    "too long": json.dumps({"hashes": [ONE + "0"]}).encode(),
    "spaces inside": json.dumps({"hashes": ["0 " * 32]}).encode(),
    "a line end after": json.dumps({"hashes": [ONE[:63] + "\n"]}).encode(),
    "no hex": json.dumps({"hashes": ["g" * 64]}).encode(),
    "digits of another script": json.dumps({"hashes": ["\u0663" * 64]}).encode(),
    "a number": b'{"hashes":[1]}',
    "one bad among good": json.dumps({"hashes": [ONE, "x"]}).encode(),
    "a further key": json.dumps({"hashes": [ONE], "radius": 60}).encode(),
    "cut off": b'{"hashes":["0f',
    "deep": b"[" * 10_000,
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_no_list_of_hashes_is_refused(body):
    with pytest.raises(InvalidRequest) as refused:
        from_json(body, 5)
    assert refused.value.what == "not as the route asks: hashes"


@pytest.mark.parametrize("size", [0, 1, 31, 33, 65])
def test_what_is_no_whole_number_of_hashes_is_refused(size):
    with pytest.raises(BadHashes):
        from_octets(bytes(size), 5)


def test_more_than_may_be_asked_at_once_is_refused_in_both_forms():
    with pytest.raises(TooManyHashes):
        from_octets(bytes(32 * 6), 5)
    with pytest.raises(TooManyHashes):
        from_json(json.dumps({"hashes": [ONE] * 6}).encode(), 5)
