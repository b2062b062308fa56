import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import public_sums, ristretto
from softfall.crypto.public_sums import FEW, weighted_sum
from softfall.crypto.ristretto import MalformedPoint, Point, Scalar

ONE = Scalar((1).to_bytes(32, "little"))
MINUS_ONE = Scalar((ristretto.ORDER - 1).to_bytes(32, "little"))


def points(count: int, label: str = "") -> list[Point]:
    return [
        ristretto.point_from_wide(hashlib.sha512(f"{label}{i}".encode()).digest())
        for i in range(count)
    ]


scalars = st.one_of(
    st.integers(1, ristretto.ORDER - 1),
    st.integers(1, 20),
    st.integers(ristretto.ORDER - 20, ristretto.ORDER - 1),
    st.sampled_from([16**i for i in range(1, 63)] + [8 * 16**i for i in range(62)]),
).map(lambda value: Scalar(value.to_bytes(32, "little")))


@settings(max_examples=60, deadline=None)
@given(st.lists(scalars, min_size=FEW, max_size=24), st.text(max_size=4))
def test_a_sum_is_the_one_that_libsodium_adds_up(weights: list[Scalar], label: str) -> None:
    terms = points(len(weights), label)
    assert weighted_sum(weights, terms) == ristretto.weighted_sum(weights, terms)


@settings(max_examples=20, deadline=None)
@given(scalars)
def test_one_point_many_times_is_its_multiple(weight: Scalar) -> None:
    (point,) = points(1)
    terms = [point] * FEW
    assert weighted_sum([weight] * FEW, terms) == ristretto.weighted_sum([weight] * FEW, terms)


@pytest.mark.parametrize("count", [1, FEW - 1, FEW, 100, 257])
def test_few_and_many_points_are_summed_alike(count: int) -> None:
    weights = [
        ristretto.scalar_from_wide(hashlib.sha512(b"weight %d" % i).digest()) for i in range(count)
    ]
    terms = points(count)
    assert weighted_sum(weights, terms) == ristretto.weighted_sum(weights, terms)


def test_a_sum_that_is_the_identity_is_refused() -> None:
    terms = points(FEW // 2)
    with pytest.raises(MalformedPoint):
        weighted_sum([ONE] * len(terms) + [MINUS_ONE] * len(terms), terms * 2)


@pytest.mark.parametrize(
    "bad",
    [
        bytes(31) + b"\xff",  # not canonical
        (2**255 - 18).to_bytes(32, "little"),  # 1, encoded a second time
        b"\x01" + bytes(31),  # negative
        b"\x1a" + bytes(31),  # of no point, perhaps: libsodium decides below
        bytes([0xED]) + b"\xff" * 30 + b"\x7f",  # p itself
        b"\xff" * 32,
    ],
)
def test_what_libsodium_calls_no_point_is_none_here_either(bad: bytes) -> None:
    terms = [*points(FEW - 1), Point(bad)]
    try:
        expected: Point | None = ristretto.weighted_sum([ONE] * FEW, terms)
    except MalformedPoint:
        expected = None
    if expected is None:
        with pytest.raises(MalformedPoint):
            weighted_sum([ONE] * FEW, terms)
    else:
        assert weighted_sum([ONE] * FEW, terms) == expected


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_a_point_here_exactly_if_they_decode(data: bytes) -> None:
    terms = [*points(FEW - 1), Point(data)]
    try:
        ristretto.decode_point(data)
        expected: Point | None = ristretto.weighted_sum([ONE] * FEW, terms)
    except MalformedPoint:
        expected = None
    try:
        found: Point | None = weighted_sum([ONE] * FEW, terms)
    except MalformedPoint:
        found = None
    assert found == expected


def test_no_points_and_unequal_numbers_are_refused() -> None:
    with pytest.raises(MalformedPoint):
        weighted_sum([], [])
    with pytest.raises((MalformedPoint, ValueError)):
        weighted_sum([ONE] * FEW, points(FEW + 1))


def test_signed_digits_add_up_to_their_scalar() -> None:
    for value in (1, 8, 15, 16, ristretto.ORDER - 1, 2**252 + 2**251):
        (digits,) = public_sums._signed_digits(value.to_bytes(32, "little"), 1)
        assert sum(int(digit) * 16**i for i, digit in enumerate(digits)) == value
        assert digits.min() >= -8
        assert digits.max() <= 8
