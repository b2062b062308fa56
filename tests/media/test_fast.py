"""The linear form of PDQ agrees with its oracle, and lies next to the exact form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.media import fast, pdq_linear, pdq_oracle
from softfall.media.fast import luminance_pdq, scaled_pdq
from softfall.media.pdq import NotPixels, PdqHash, Unhashable, pdq
from tests.media.photographs import photograph, photograph_paths, pixels_of

SIDES = st.integers(1, 400) | st.sampled_from([63, 64, 65, 127, 128, 129, 1000, 1025])


def grey(pixels):
    return np.rint(pdq_oracle.luminance(pixels)).astype(np.uint8)


def distance_bits(one, other):
    return (int.from_bytes(one.bits) ^ int.from_bytes(other.bits)).bit_count()


@settings(max_examples=60, deadline=None)
@given(side=SIDES, scale=st.sampled_from([1, 2, 4, 8]))
def test_each_weighted_sum_is_a_mean_within_the_picture(side, scale):
    along = pdq_linear.weights(side, scale)
    assert along.length == -(-side // scale)
    assert (along.starts >= 0).all()
    assert (along.starts + along.lengths <= along.length).all()
    assert np.allclose(along.matrix().sum(axis=1), 1, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(height=SIDES, width=SIDES, seed=st.integers(0, 2**32 - 1))
def test_the_sums_are_the_references_filters(height, width, seed):
    plane = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    linear = pdq_linear.shrink(plane, pdq_linear.weights(height), pdq_linear.weights(width))
    assert np.abs(linear - pdq_oracle.shrink(plane.astype(np.float32))).max() < 0.01


@settings(max_examples=60, deadline=None)
@given(
    height=SIDES, width=SIDES, seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1, 2, 4, 8])
)
def test_the_kernel_agrees_with_its_oracle_on_planes_of_any_size(height, width, seed, scale):
    down, along = pdq_linear.weights(height, scale), pdq_linear.weights(width, scale)
    plane = np.random.default_rng(seed).integers(0, 256, (down.length, along.length), np.uint8)
    measured = fast.spectrum(plane, down, along)
    assert np.abs(measured.small - pdq_linear.shrink(plane, down, along)).max() < 0.001
    assert np.array_equal(measured.coefficients, pdq_oracle.dct(measured.small))
    assert measured.quality == pdq_oracle.quality(measured.small)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_picture_of_blocks_is_the_same_at_a_part_of_its_size(scale):
    plane = np.random.default_rng(scale).integers(0, 256, (90, 120), np.uint8)
    whole = np.kron(plane, np.ones((scale, scale), np.uint8))
    whole = whole[: whole.shape[0] - 1, : whole.shape[1] - scale + 1]  # its last blocks are cut
    height, width = whole.shape
    down, along = pdq_linear.weights(height, scale), pdq_linear.weights(width, scale)
    full = pdq_linear.shrink(whole, pdq_linear.weights(height), pdq_linear.weights(width))
    assert np.abs(pdq_linear.shrink(plane, down, along) - full).max() < 0.001


@pytest.mark.parametrize("path", photograph_paths(), ids=lambda path: path.name)
def test_a_grey_photograph_hashes_nearly_as_exact_does(path):
    plane = grey(pixels_of(path))
    exact, found = pdq(plane), luminance_pdq(plane)
    assert found.mode == "fast"
    assert abs(found.quality - exact.quality) <= 1
    assert type(found) is type(exact)
    if isinstance(found, PdqHash):
        assert distance_bits(found, exact) <= 2
        assert np.abs(found.margins - exact.margins).max() < 0.1


def test_rows_that_lie_apart_and_views_hash_as_their_copies():
    plane = grey(photograph("coffee.png"))
    wide = np.full((plane.shape[0], plane.shape[1] + 48), 7, np.uint8)
    wide[:, : plane.shape[1]] = plane
    expected = luminance_pdq(plane)
    for view in (
        wide[:, : plane.shape[1]],
        np.asfortranarray(plane),
        plane[::-1, ::-1][::-1, ::-1],
    ):
        assert luminance_pdq(view) == expected
    frozen = plane.copy()
    frozen.flags.writeable = False
    assert luminance_pdq(frozen) == expected


@pytest.mark.parametrize("shape", [(1, 1), (4, 900), (900, 3), (0, 0), (0, 7)])
def test_a_tiny_plane_is_unhashable_and_says_by_which_mode(shape):
    assert luminance_pdq(np.zeros(shape, np.uint8)) == Unhashable("tiny", 0, "fast")
    assert scaled_pdq(np.zeros((1, 1), np.uint8), 4, 8, 8) == Unhashable("tiny", 0, "fast")


def test_a_flat_plane_is_unhashable():
    assert luminance_pdq(np.full((90, 120), 77, np.uint8)) == Unhashable("flat", 0, "fast")


@pytest.mark.parametrize(
    "array", [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.float32), np.zeros(64, np.uint8)]
)
def test_what_is_no_plane_is_refused_by_name(array):
    with pytest.raises(NotPixels):
        luminance_pdq(array)
