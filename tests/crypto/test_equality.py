"""The equality test: right, bounded, and silent about anything else."""

import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import equality
from softfall.crypto.equality import DIGEST_BYTES, Answering, Asking

ELEMENT = st.binary(min_size=16, max_size=16)
ONE = bytes(15) + b"\x01"


def dealt(source: random.Random) -> tuple[Asking, Answering]:
    asking = Asking(source.randbytes(16), source.randbytes(16))
    factor = equality.factor_of(source.randbytes(16))
    return asking, Answering(factor, equality.addend_for(asking, factor))


def run(one: bytes, other: bytes, source: random.Random) -> tuple[bytes, bytes, Asking]:
    """What is asked and answered, of two digests."""
    asking, answering = dealt(source)
    asked = equality.ask(one, asking)
    return asked, equality.answer(other, asked, answering), asking


def found(one: bytes, other: bytes, source: random.Random) -> bool:
    _, answered, asking = run(one, other, source)
    return equality.equal(answered, asking)


@settings(max_examples=100, deadline=None)
@given(one=ELEMENT, other=ELEMENT, seed=st.integers(0, 2**32))
def test_equal_digests_are_found_equal_and_no_others(one: bytes, other: bytes, seed: int) -> None:
    source = random.Random(seed)
    assert found(one, one, source)
    assert found(one, other, source) is (one == other)


def test_digests_that_differ_in_any_one_bit_are_found_different() -> None:
    source = random.Random(1)
    for bit in range(128):
        changed = (1 << bit).to_bytes(16)
        assert not found(bytes(16), changed, source)


@settings(max_examples=60, deadline=None)
@given(left=ELEMENT, right=ELEMENT, third=ELEMENT)
def test_the_field_is_one_and_agrees_with_its_other_representation(
    left: bytes, right: bytes, third: bytes
) -> None:
    def add(a: bytes, b: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(a, b, strict=True))

    times = equality.multiply
    assert times(left, right) == equality.multiply_plain(left, right) == times(right, left)
    assert times(left, ONE) == left
    assert times(left, add(right, third)) == add(times(left, right), times(left, third))
    assert times(times(left, right), third) == times(left, times(right, third))
    if any(left):
        inverse = power(left, 2**128 - 2)
        assert times(left, inverse) == ONE


def power(element: bytes, exponent: int) -> bytes:
    result = ONE
    for bit in bin(exponent)[2:]:
        result = equality.multiply(result, result)
        result = equality.multiply(result, element) if bit == "1" else result
    return result


@settings(max_examples=40, deadline=None)
@given(string=st.binary(max_size=200), other=st.binary(max_size=200), seed=st.integers(0, 99))
def test_a_digest_is_the_plain_one_and_linear_in_differences(
    string: bytes, other: bytes, seed: int
) -> None:
    """Of one length: the difference of digests depends on the difference of strings alone."""
    source = random.Random(seed)
    key = source.randbytes(32)
    assert equality.digest(key, string) == equality.digest_plain(key, string)
    size = min(len(string), len(other))
    one, two, shift = string[:size], other[:size], source.randbytes(size)

    def difference(a: bytes, b: bytes) -> int:
        return int.from_bytes(equality.digest(key, a)) ^ int.from_bytes(equality.digest(key, b))

    def moved(a: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(a, shift, strict=True))

    assert difference(one, two) == difference(moved(one), moved(two))
    assert (difference(one, two) == 0) is (one == two)


def test_a_digest_is_that_of_gmac_with_the_same_key() -> None:
    key, string = bytes(range(32)), b"one string"
    assert AESGCM(key).encrypt(bytes(12), b"", string) == equality.digest(key, string)
    assert len(equality.digest(key, string)) == DIGEST_BYTES


def test_a_factor_is_never_zero() -> None:
    assert equality.factor_of(bytes(16)) == ONE
    assert equality.factor_of(b"\x00" * 15 + b"\x07") == b"\x00" * 15 + b"\x07"


RUNS = 4000
LIMIT = 15 + 12 * (2 * 15) ** 0.5  # chi-square of 15 degrees of freedom, by chance once in 10^10


def spread(samples: list[bytes]) -> float:
    """The largest chi-square of any half-byte of 16-byte samples against the uniform one."""
    worst = 0.0
    for place in range(32):
        halves = [sample[place // 2] >> 4 * (place % 2) & 15 for sample in samples]
        expected = len(samples) / 16
        counts = [halves.count(value) for value in range(16)]
        worst = max(worst, sum((count - expected) ** 2 / expected for count in counts))
    return worst


@pytest.mark.parametrize("difference", [b"\x80" + bytes(15), ONE, bytes(range(1, 17))])
def test_what_either_party_sees_is_uniform_whatever_the_digests(difference: bytes) -> None:
    """The asker computes s (a + b): uniform, so it says that they differ and not how."""
    source = random.Random(5)
    one = source.randbytes(16)
    other = bytes(a ^ b for a, b in zip(one, difference, strict=True))
    runs = [run(one, other, source) for _ in range(RUNS)]
    opened = [
        bytes(a ^ b for a, b in zip(answered, asking.value, strict=True))
        for _, answered, asking in runs
    ]
    assert spread([asked for asked, _, _ in runs]) < LIMIT
    assert spread([answered for _, answered, _ in runs]) < LIMIT
    assert spread(opened) < LIMIT
    assert bytes(16) not in opened


def test_the_spread_would_show_a_factor_that_is_always_one() -> None:
    source = random.Random(6)
    seen = []
    for _ in range(RUNS):
        asking = Asking(source.randbytes(16), source.randbytes(16))
        asked = equality.ask(bytes(16), asking)
        answering = Answering(ONE, equality.addend_for(asking, ONE))
        answered = equality.answer(ONE, asked, answering)
        seen.append(bytes(a ^ b for a, b in zip(answered, asking.value, strict=True)))
    assert spread(seen) > LIMIT
