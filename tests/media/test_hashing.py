"""A file's bytes to its hash: `exact` is pdqhash's, `fast` lies next to it, and each says which."""

import io

import numpy as np
import pdqhash
import pytest
from PIL import Image

from softfall.config import MediaLimits
from softfall.errors import SoftfallError
from softfall.media.decode import TooManyPixels, TooManyScans, decode, decode_luminance
from softfall.media.fast import MAX_DISTANCE_BITS, MAX_QUALITY_DISTANCE
from softfall.media.hashing import FAST_SIDE_PIXELS, LEAST_SIDE_PIXELS, by_luminance, hash_picture
from softfall.media.headers import BrokenPicture, EmptyPicture, UnsupportedPicture
from softfall.media.pdq import PdqHash, Unhashable, pdq
from tests.media.photographs import photograph, photograph_paths, pixels_of
from tests.media.picture_files import every_kind

LIMITS = MediaLimits()


def jpeg(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **{"quality": 85, **options})
    return stream.getvalue()


def coffee(width=600, height=400):
    return Image.fromarray(photograph("coffee.png")).resize((width, height))


def distance_bits(one, other):
    return (int.from_bytes(one.bits) ^ int.from_bytes(other.bits)).bit_count()


def assert_within_the_promise(data):
    exact, fast = (hash_picture(data, LIMITS, mode).found for mode in ("exact", "fast"))
    assert exact.mode == "exact"
    assert type(fast) is type(exact)
    assert abs(fast.quality - exact.quality) <= MAX_QUALITY_DISTANCE
    if isinstance(fast, PdqHash):
        assert distance_bits(fast, exact) <= MAX_DISTANCE_BITS
    return fast.mode


@pytest.mark.parametrize("path", photograph_paths(), ids=lambda path: path.name)
def test_fast_keeps_its_promise_on_every_photograph_and_its_quarters(path):
    image = Image.fromarray(pixels_of(path))
    image.thumbnail((1024, 1024))
    width, height = image.width // 2, image.height // 2
    corners = [(x, y) for x in (0, width) for y in (0, height)]
    pieces = [image, *(image.crop((x, y, x + width, y + height)) for x, y in corners)]
    savings = [{"quality": 40}, {"quality": 80, "progressive": True}, {"subsampling": 0}]
    for piece in pieces:
        for options in savings:
            assert_within_the_promise(jpeg(piece, **options))


@pytest.mark.parametrize(
    ("size", "scale"),
    [
        ((600, 400), 1),
        ((510, 900), 1),
        ((511, 900), 2),
        ((1020, 1500), 2),
        ((1025, 1501), 4),
        ((2041, 2053), 8),
        ((3000, 257), 1),
    ],
)
def test_a_jpeg_is_decoded_as_small_as_its_short_side_allows(size, scale):
    data = jpeg(coffee(*size))
    light = decode_luminance(data, LIMITS, LEAST_SIDE_PIXELS)
    assert (light.width, light.height, light.scale) == (*size, scale)
    assert light.plane.shape == (-(-size[1] // scale), -(-size[0] // scale))
    assert scale == 1 or min(light.plane.shape) >= LEAST_SIDE_PIXELS
    assert assert_within_the_promise(data) == "fast"


def test_exact_is_pdqhash_and_names_the_picture():
    data = jpeg(coffee())
    told = hash_picture(data, LIMITS)
    bits, quality = pdqhash.compute(decode(data, LIMITS).pixels)
    assert (told.format, told.width, told.height) == ("jpeg", 600, 400)
    assert told.found.bits == np.packbits(bits.astype(np.uint8)).tobytes()
    assert (told.found.quality, told.found.mode) == (quality, "exact")


def test_fast_names_the_whole_picture_however_small_it_was_decoded():
    told = hash_picture(jpeg(coffee(1632, 1224)), LIMITS, "fast")
    assert (told.format, told.width, told.height) == ("jpeg", 1632, 1224)
    assert told.found.mode == "fast"


@pytest.mark.parametrize("name", every_kind())
def test_every_kind_of_file_is_hashed_in_fast_mode_or_exactly_and_says_so(name):
    data = every_kind()[name]
    assert hash_picture(data, LIMITS, "fast") == hash_picture(data, LIMITS)  # they are all small


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_other_formats_are_hashed_exactly(kind):
    stream = io.BytesIO()
    coffee().save(stream, kind)
    told = hash_picture(stream.getvalue(), LIMITS, "fast")
    assert told.found.mode == "exact"
    assert told == hash_picture(stream.getvalue(), LIMITS)


def test_a_cmyk_jpeg_is_hashed_exactly():
    data = jpeg(coffee().convert("CMYK"))
    assert hash_picture(data, LIMITS, "fast").found == pdq(decode(data, LIMITS).pixels)


def test_a_jpeg_of_rgb_samples_keeps_the_promise():
    assert_within_the_promise(jpeg(coffee(), keep_rgb=True))


def test_damage_that_every_viewer_forgives_is_hashed_exactly():
    data = jpeg(coffee())
    body = data.index(b"\xff\xda")
    forgiven = data[:body] + b"\x00" * 9 + data[body:]  # bytes between two segments
    assert decode_luminance(forgiven, LIMITS, LEAST_SIDE_PIXELS) is None
    assert hash_picture(forgiven, LIMITS, "fast") == hash_picture(forgiven, LIMITS)


def test_a_small_picture_is_hashed_exactly():
    side = FAST_SIDE_PIXELS
    assert by_luminance(jpeg(coffee(side - 1, 2 * side)), LIMITS) is None
    assert by_luminance(jpeg(coffee(side, 2 * side)), LIMITS) is not None


def test_a_picture_of_low_quality_and_a_flat_one_are_what_exact_says():
    flat = hash_picture(jpeg(Image.new("RGB", (300, 300), "teal")), LIMITS, "fast").found
    assert flat == Unhashable("flat", 0, "exact")
    dull = jpeg(Image.fromarray(photograph("clock_motion.png")))
    assert hash_picture(dull, LIMITS, "fast") == hash_picture(dull, LIMITS)


@pytest.mark.parametrize("axis", [0, 1])
def test_stripes_most_of_whose_bits_lie_at_the_median_are_hashed_exactly(axis):
    steps = np.random.default_rng(axis).integers(0, 256, 20, np.uint8).repeat(20)
    stripes = np.broadcast_to(steps[:, None] if axis else steps, (400, 400))
    data = jpeg(Image.fromarray(np.ascontiguousarray(stripes)), quality=60)
    assert isinstance(hash_picture(data, LIMITS).found, PdqHash)
    assert hash_picture(data, LIMITS, "fast") == hash_picture(data, LIMITS)


SPOILT = {
    "empty": (b"", EmptyPicture),
    "no picture": (b"plain words", UnsupportedPicture),
    "cut short": (jpeg(coffee())[:9000], BrokenPicture),
    "a bomb": (jpeg(coffee()).replace(b"\x01\x90\x02\x58", b"\xff\xff\xff\xff"), TooManyPixels),
    "painted over and over": (jpeg(coffee())[:-2] + b"\xff\xda\x00\x02" * 200, TooManyScans),
}


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_both_modes_refuse_the_same_files_by_the_same_names(name, mode):
    data, error = SPOILT[name]
    with pytest.raises(error):
        hash_picture(data, LIMITS, mode)


@pytest.mark.parametrize("seed", range(25))
def test_a_jpeg_spoilt_anywhere_has_a_hash_or_a_named_error(seed):
    rng = np.random.default_rng(seed)
    data = bytearray(jpeg(coffee(300, 260), progressive=bool(seed % 2)))
    for place in rng.integers(2, len(data), 8):
        data[place] = rng.integers(0, 256)
    try:
        told = hash_picture(bytes(data), LIMITS, "fast")
    except SoftfallError:
        return
    assert told.found.mode in ("exact", "fast")
