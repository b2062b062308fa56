"""PDQ is bit-identical to python `pdqhash`, on every path, for every picture."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pdqhash
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from softfall.compiled.lanes import GREATEST_DIVISOR
from softfall.media import pdq_kernels, pdq_oracle
from softfall.media.pdq import MIN_QUALITY, NotPixels, PdqHash, Unhashable, cut, pdq
from tests.media.photographs import photograph, photograph_paths, pixels_of

Pixels = npt.NDArray[np.uint8]
PATHS = {"oracle": pdq_oracle.spectrum, "kernels": pdq_kernels.spectrum}
ODD_SIZES = [
    *[(5, 5), (5, 6), (6, 5), (7, 64), (64, 7), (8, 8), (9, 16), (5, 900), (900, 5)],
    *[(63, 64), (64, 63), (63, 63), (64, 64), (64, 65), (65, 64), (65, 65)],
    *[(127, 127), (127, 128), (128, 127), (128, 128), (128, 129), (129, 128), (129, 129)],
    *[(255, 256), (257, 256), (385, 130), (20, 3000), (3000, 20), (700, 701)],
]


def noise(height: int, width: int, seed: int = 1) -> Pixels:
    """A smooth random picture: it has gradients at every scale."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return np.clip(smooth + rng.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)


def assert_as_pdqhash(pixels: Pixels) -> None:
    """Hash, quality and every coefficient, on both paths."""
    reference_bits, reference_quality = pdqhash.compute(pixels)
    reference_floats, _ = pdqhash.compute_float(pixels)
    for name, path in PATHS.items():
        measured = path(pixels)
        bits, _ = cut(measured)
        assert bits == np.packbits(reference_bits.astype(np.uint8)).tobytes(), name
        assert measured.quality == reference_quality, name
        assert np.array_equal(measured.coefficients[::-1], reference_floats), name


@pytest.mark.parametrize("path", photograph_paths(), ids=lambda path: path.name)
def test_every_photograph_hashes_as_pdqhash_does(path):
    assert_as_pdqhash(pixels_of(path))


@pytest.mark.parametrize("name", ["astronaut.png", "china.jpg", "coffee.png", "moon.png"])
def test_crops_and_resizes_hash_as_pdqhash_does(name):
    pixels = photograph(name)
    image = Image.fromarray(pixels)
    height, width = pixels.shape[:2]
    for top, left in ((1, 0), (0, 3), (17, 31), (height // 2, width // 3)):
        assert_as_pdqhash(np.ascontiguousarray(pixels[top:, left:]))
    for side in ((65, 400), (401, 129), (2 * width, 2 * height), (33, 21)):
        assert_as_pdqhash(np.asarray(image.resize(side)))


@pytest.mark.parametrize(("height", "width"), ODD_SIZES)
def test_odd_sizes_hash_as_pdqhash_does(height, width):
    assert_as_pdqhash(noise(height, width))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (4, 4), (4, 900), (900, 3)])
def test_a_tiny_picture_is_unhashable_where_pdqhash_gives_zeros(height, width):
    pixels = noise(height, width)
    bits, quality = pdqhash.compute(pixels)
    assert (not bits.any(), quality) == (True, 0)
    assert pdq(pixels) == Unhashable("tiny", 0)
    assert np.array_equal(
        pdq_kernels.spectrum(pixels).coefficients, pdq_oracle.spectrum(pixels).coefficients
    )


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(5, 300),
    width=st.integers(5, 300),
    seed=st.integers(0, 2**32 - 1),
    lowest=st.integers(0, 255),
    spread=st.integers(1, 256),
)
def test_any_pixels_hash_as_pdqhash_does(height, width, seed, lowest, spread):
    rng = np.random.default_rng(seed)
    highest = min(lowest + spread, 256)
    assert_as_pdqhash(rng.integers(lowest, highest, (height, width, 3), dtype=np.uint8))


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 400), width=st.integers(1, 400), seed=st.integers(0, 2**32 - 1))
def test_kernels_and_oracle_agree_on_pictures_of_any_size(height, width, seed):
    pixels = noise(height, width, seed)
    kernels, oracle = pdq_kernels.spectrum(pixels), pdq_oracle.spectrum(pixels)
    assert np.array_equal(kernels.coefficients, oracle.coefficients)
    assert kernels.quality == oracle.quality


@pytest.mark.parametrize("shape", [(5, 16_500), (16_500, 5), (6, pdq_kernels.MAX_SIDE_PIXELS + 1)])
def test_very_long_pictures_hash_as_the_oracles(shape):
    pixels = np.random.default_rng(4).integers(0, 256, (*shape, 3), dtype=np.uint8)
    kernels, oracle = pdq_kernels.spectrum(pixels), pdq_oracle.spectrum(pixels)
    assert np.array_equal(kernels.coefficients, oracle.coefficients)
    assert kernels.quality == oracle.quality


def test_the_longest_filter_has_a_divisor_whose_quotients_are_proved():
    assert pdq_oracle.window(pdq_kernels.MAX_SIDE_PIXELS) <= GREATEST_DIVISOR
    assert pdq_oracle.window(pdq_kernels.MAX_SIDE_PIXELS + 1) > GREATEST_DIVISOR


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_grey_pixels_hash_as_the_same_pixels_in_rgb(path):
    grey = np.asarray(Image.fromarray(photograph("china.jpg")).convert("L"))
    as_rgb = path(np.repeat(grey[:, :, None], 3, axis=2))
    assert np.array_equal(path(grey).coefficients, as_rgb.coefficients)
    assert path(grey).quality == as_rgb.quality


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_views_and_read_only_pixels_hash_as_their_copies(path):
    pixels = photograph("coffee.png").copy()
    view = pixels[::2, ::-1]
    frozen = view.copy()
    frozen.flags.writeable = False
    expected = path(np.ascontiguousarray(view)).coefficients
    assert np.array_equal(path(view).coefficients, expected)
    assert np.array_equal(path(frozen).coefficients, expected)


def test_a_photograph_has_a_hash_with_its_quality_and_hex_text():
    pixels = photograph("astronaut.png")
    bits, quality = pdqhash.compute(pixels)
    found = pdq(pixels)
    assert isinstance(found, PdqHash)
    assert found.quality == quality
    assert np.array_equal(np.unpackbits(np.frombuffer(found.bits, np.uint8)), bits)
    assert found.hex == f"{int(''.join(str(bit) for bit in bits), 2):064x}"


def test_margins_tell_how_far_each_bit_is_from_flipping_in_the_order_of_the_bits():
    pixels = photograph("coffee.png")
    found = pdq(pixels)
    assert isinstance(found, PdqHash)
    floats = pdqhash.compute_float(pixels)[0].astype(np.float32)  # exactly: they were float32
    median = np.sort(floats)[127]
    assert found.margins.shape == (256,)
    assert found.margins.dtype == np.float32
    assert np.array_equal(found.margins, np.abs(floats - median))
    bits = np.unpackbits(np.frombuffer(found.bits, np.uint8)).astype(bool)
    assert np.array_equal(floats > median, bits)


@pytest.mark.parametrize("shade", [0, 77, 255])
def test_a_flat_picture_is_unhashable_and_says_so(shade):
    assert pdq(np.full((90, 120, 3), shade, np.uint8)) == Unhashable("flat", 0)


def test_a_picture_of_low_quality_is_unhashable_and_carries_its_quality():
    found = pdq(photograph("clock_motion.png"))
    assert found == Unhashable("low quality", 34)
    assert found.quality < MIN_QUALITY


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), contrast=st.integers(1, 60))
def test_a_hash_is_given_exactly_where_pdqhash_finds_quality_enough(seed, contrast):
    pixels = (noise(70, 90, seed).astype(int) * contrast // 60).astype(np.uint8)
    _, quality = pdqhash.compute(pixels)
    found = pdq(pixels)
    assert found.quality == quality
    assert isinstance(found, PdqHash) == (quality >= MIN_QUALITY)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 1), np.uint8),
        np.zeros(64, np.uint8),
        [[1, 2], [3, 4]],
    ],
)
def test_what_is_no_picture_is_refused_by_name(array):
    with pytest.raises(NotPixels):
        pdq(array)


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 50, 3), (50, 0, 3), (0, 7)])
def test_a_picture_without_pixels_is_tiny(shape):
    assert pdq(np.zeros(shape, np.uint8)) == Unhashable("tiny", 0)


def run_python(program: str, **environment: str) -> str:
    """What a fresh interpreter prints for the program."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


def test_hashing_one_picture_loads_neither_numba_nor_a_picture_parser():
    program = (
        "import sys, numpy as np; from softfall.media.pdq import pdq;"
        "pdq(np.zeros((90, 90, 3), np.uint8));"
        "print([name for name in ('numba', 'PIL', 'simplejpeg') if name in sys.modules])"
    )
    assert run_python(program) == "[]"


def which_way(program: str, cache: Path) -> list[str]:
    """Of each `look()` in a program: whether the kernels had been taken by then."""
    start = (
        "import sys, numpy as np; from softfall.media import pdq, pdq_oracle;"
        "look = lambda: print('softfall.media.pdq_kernels' in sys.modules, end=' ');"
    )
    return run_python(start + program, SOFTFALL_CACHE_DIR=str(cache)).split()


def test_the_first_pictures_take_numpy_for_as_long_as_that_is_quicker(tmp_path):
    small = "pdq.spectrum(np.zeros((700, 700), np.uint8)); look();"
    not_kept = which_way(small * 3, tmp_path)
    assert not_kept == ["False"] * 3
    long = (
        "pixels = (np.arange(6 * 20000).reshape(6, 20000) // 7 % 256).astype(np.uint8);"
        "same = pdq.spectrum(pixels).coefficients == pdq_oracle.spectrum(pixels).coefficients;"
        "print(same.all(), end=' '); look();"
    )
    assert which_way(long, tmp_path) == ["True", "True"]
    kept = which_way(small * 3, tmp_path)
    assert kept == ["False", "False", "True"]


def test_the_luminance_that_comes_with_a_hash_has_nearly_that_hash() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8).repeat(40, 0)
    found = pdq(np.ascontiguousarray(pixels.repeat(40, 1)))
    assert isinstance(found, PdqHash)
    plane = np.frombuffer(found.luminance, np.uint8).reshape(64, 64)
    again = pdq(plane)
    assert isinstance(again, PdqHash)
    differing = int.from_bytes(found.bits) ^ int.from_bytes(again.bits)
    assert differing.bit_count() <= 8  # rounding moves what lies at the median
    assert again.luminance == found.luminance
