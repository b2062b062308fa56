"""The shared distance against the plain one, and the uniformity of what is sent."""

import itertools
import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.shares import (
    BITS,
    DISTANCE_MODULUS,
    ProductHalf,
    first_share,
    hamming,
    masked,
    product_share,
    second_share,
    xor,
)

HASHES = st.binary(min_size=32, max_size=32)
MASKS = st.binary(min_size=BITS, max_size=BITS)


def halves(first: bytes, second: bytes, share: int) -> tuple[ProductHalf, ProductHalf]:
    """A dealt correlation with these masks and this share of the first party."""
    return ProductHalf(first, share), ProductHalf(second, product_share(second, first, share))


def shared(left: bytes, right: bytes, dealt: tuple[ProductHalf, ProductHalf]) -> int:
    """The distance modulo 512, each party from its own bits and the other's message alone."""
    mine, theirs = dealt
    to_second, to_first = masked(left, mine), masked(right, theirs)
    shares = first_share(left, mine, to_first) + second_share(right, theirs, to_second)
    return shares % DISTANCE_MODULUS


@given(HASHES, HASHES, MASKS, MASKS, st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_the_shares_add_up_to_the_plain_distance(
    left: bytes, right: bytes, first: bytes, second: bytes, share: int
) -> None:
    assert shared(left, right, halves(first, second, share)) == hamming(left, right)


def test_they_do_so_at_the_ends_whatever_the_masks() -> None:
    """Distances 0 and 256, where a modulus of 256 would take one for the other."""
    zeros, ones = bytes(32), b"\xff" * 32
    flat = [bytes(BITS), b"\xff" * BITS, b"\x01" * BITS, b"\x80" * BITS]
    for first, second, share in itertools.product(flat, flat, (0, 1, 255)):
        dealt = halves(first, second, share)
        assert [
            shared(a, b, dealt) for a, b in itertools.product((zeros, ones), repeat=2)
        ] == [0, 256, 256, 0]  # fmt: skip


@given(HASHES, MASKS)
@settings(max_examples=50, deadline=None)
def test_what_is_sent_is_the_bits_less_the_mask_and_so_any_bits_give_any_message(
    own: bytes, mask: bytes
) -> None:
    """For every hash there is one mask that would have sent this very message: it tells nothing."""
    sent = np.frombuffer(masked(own, ProductHalf(mask, 0)), np.uint8)
    other = bytes(b ^ 0x5A for b in own)
    that_mask = (np.unpackbits(np.frombuffer(other, np.uint8)) - sent).astype(np.uint8)
    assert masked(other, ProductHalf(that_mask.tobytes(), 0)) == sent.tobytes()


@given(HASHES, HASHES)
@settings(max_examples=50, deadline=None)
def test_two_xor_shares_are_the_hash_again(hash_bits: bytes, share: bytes) -> None:
    assert xor(xor(hash_bits, share), share) == hash_bits


def test_a_wrong_product_share_would_show_in_the_distance() -> None:
    """So the tests above could fail: one off in the dealt share is two off in the distance."""
    source = random.Random(1)
    left, right = source.randbytes(32), source.randbytes(32)
    good = halves(source.randbytes(BITS), source.randbytes(BITS), 9)
    bad = (good[0], ProductHalf(good[1].mask, (good[1].share + 1) % 256))
    assert (shared(left, right, bad) - hamming(left, right)) % DISTANCE_MODULUS == 510


def test_the_hamming_oracle_is_the_count_of_differing_bits() -> None:
    source = random.Random(2)
    for _ in range(20):
        left, right = source.randbytes(32), source.randbytes(32)
        pairs = zip(f"{int.from_bytes(left):0256b}", f"{int.from_bytes(right):0256b}", strict=True)
        assert hamming(left, right) == sum(a != b for a, b in pairs)
