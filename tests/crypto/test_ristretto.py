import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import ristretto
from softfall.crypto.ristretto import GENERATOR, ORDER, MalformedPoint, MalformedScalar, Scalar

SCALARS = st.integers(1, ORDER - 1).map(lambda n: Scalar(n.to_bytes(32, "little")))
# RFC 9496, appendix A.1: the generator's multiples 1, 2 and 3.
MULTIPLES = (
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
)
# RFC 9496, appendix A.2: encodings that must be refused.
REFUSED = {
    "not canonical": "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "above the field": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "p + 6": "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "p + 0, the identity again": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "negative": "0100000000000000000000000000000000000000000000000000000000000000",
    "negative, near p": "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "not a square": "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "negative xy": "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "s = -1": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "the identity": "00" * 32,
}


def number(n: int) -> Scalar:
    return Scalar(n.to_bytes(32, "little"))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_small_multiples_are_the_rfc_9496_ones_so_nothing_is_clamped(n: int) -> None:
    assert ristretto.multiply_base(number(n)).hex() == MULTIPLES[n - 1]
    assert ristretto.multiply(number(n), GENERATOR).hex() == MULTIPLES[n - 1]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), SCALARS)
def test_multiplication_is_repeated_addition_for_any_point(n: int, scalar: Scalar) -> None:
    point = ristretto.multiply_base(scalar)
    total = point
    for _ in range(n - 1):
        total = ristretto.add(total, point)
    assert ristretto.multiply(number(n), point) == total


@pytest.mark.parametrize("encoding", REFUSED.values(), ids=REFUSED.keys())
def test_bad_encodings_are_refused_by_every_way_in(encoding: str) -> None:
    bad = bytes.fromhex(encoding)
    with pytest.raises(MalformedPoint):
        ristretto.decode_point(bad)
    with pytest.raises(MalformedPoint):
        ristretto.decode_points(GENERATOR + bad)
    with pytest.raises(MalformedPoint):
        ristretto.multiply(number(7), ristretto.Point(bad))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=70))
def test_any_bytes_are_a_canonical_point_or_refused(data: bytes) -> None:
    try:
        point = ristretto.decode_point(data)
    except MalformedPoint:
        return
    assert ristretto.multiply(number(1), point) == data


@pytest.mark.parametrize("value", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_zero_and_oversized_scalars_are_refused(value: int) -> None:
    with pytest.raises(MalformedScalar):
        ristretto.decode_scalar(value.to_bytes(32, "little"))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_scalars_of_the_wrong_size_are_refused(size: int) -> None:
    with pytest.raises(MalformedScalar):
        ristretto.decode_scalar(b"\x01" * size)


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=64, max_size=64))
def test_a_wide_scalar_is_the_number_modulo_the_order(wide: bytes) -> None:
    expected = int.from_bytes(wide, "little") % ORDER
    if expected == 0:
        with pytest.raises(MalformedScalar):
            ristretto.scalar_from_wide(wide)
        return
    assert int.from_bytes(ristretto.scalar_from_wide(wide), "little") == expected


@settings(max_examples=25, deadline=None)
@given(st.lists(SCALARS, max_size=9))
def test_batched_inversion_agrees_with_the_plain_one(scalars: list[Scalar]) -> None:
    for scalar, inverse in zip(scalars, ristretto.invert_all(scalars), strict=True):
        plain = pow(int.from_bytes(scalar, "little"), -1, ORDER)
        assert int.from_bytes(inverse, "little") == plain


def test_a_sum_that_is_the_identity_is_refused() -> None:
    with pytest.raises(MalformedPoint):
        ristretto.add(GENERATOR, ristretto.multiply_base(number(ORDER - 1)))
    with pytest.raises(MalformedPoint):
        ristretto.weighted_sum([], [])


def test_rbcl_leaves_no_library_file_behind(tmp_path: Path) -> None:
    code = "import softfall.crypto.ristretto"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_a_point_has_one_encoding_though_libsodium_overlooks_the_highest_bit() -> None:
    second = GENERATOR[:31] + bytes([GENERATOR[31] | 0x80])
    with pytest.raises(MalformedPoint):
        ristretto.decode_point(second)
