"""Every format becomes plain RGB, told by its content; limits and damage are named."""

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from softfall.config import MediaLimits
from softfall.media.decode import (
    MAX_JPEG_SCANS,
    TooManyBytes,
    TooManyPixels,
    TooManyScans,
    decode,
)
from softfall.media.headers import BrokenPicture, EmptyPicture, UnsupportedPicture, read_header
from tests.media.photographs import photograph_paths, pixels_of
from tests.media.picture_files import (
    HEIGHT,
    WIDTH,
    chunk,
    every_kind,
    png,
    saved,
    scene,
    see_through,
)

LIMITS = MediaLimits()
FILES = every_kind()
each_kind = pytest.mark.parametrize("kind", FILES)


def open_by_pillow(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("path", photograph_paths(), ids=lambda path: path.name)
def test_photographs_decode_to_the_pixels_that_pillow_finds(path):
    picture = decode(path.read_bytes(), LIMITS)
    expected = pixels_of(path)
    if Image.open(path).has_transparency_data:
        assert picture.pixels.shape == expected.shape
    else:
        assert np.array_equal(picture.pixels, expected)


@each_kind
def test_every_kind_becomes_rgb_of_its_own_size_and_names_its_format(kind):
    picture = decode(FILES[kind], LIMITS)
    assert picture.format == kind.split()[0]
    assert picture.pixels.shape == (HEIGHT, WIDTH, 3)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert picture.pixels.dtype == np.uint8


@each_kind
def test_the_header_alone_tells_format_and_size(kind):
    header = read_header(FILES[kind])
    assert (header.format, header.width, header.height) == (kind.split()[0], WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "kind", ["jpeg", "jpeg progressive", "jpeg grey", "jpeg cmyk", "jpeg 4:4:4", "png", "png grey"]
)
def test_opaque_pictures_decode_exactly_as_by_pillow(kind):
    expected = np.asarray(open_by_pillow(FILES[kind]).convert("RGB"))
    assert np.array_equal(decode(FILES[kind], LIMITS).pixels, expected)


@pytest.mark.parametrize("kind", ["heic", "heic tiles", "avif", "webp"])
def test_lossy_formats_stay_near_the_picture_that_was_saved(kind):
    pixels = decode(FILES[kind], LIMITS).pixels.astype(int)
    assert np.abs(pixels - np.asarray(scene()).astype(int)).mean() < 12


@pytest.mark.parametrize("kind", ["png alpha", "webp alpha", "heic alpha", "avif alpha"])
def test_transparent_pictures_are_laid_on_white(kind):
    pixels = decode(FILES[kind], LIMITS).pixels
    alpha = np.asarray(see_through().getchannel("A"))
    clearest = alpha < 4
    assert clearest.any()
    assert pixels[clearest].min() > 240


def test_colours_hidden_under_full_transparency_play_no_part():
    hidden, empty = scene(), Image.new("RGB", (WIDTH, HEIGHT), "black")
    for image in (hidden, empty):
        image.putalpha(0)
    first, second = (decode(saved(image, "PNG"), LIMITS).pixels for image in (hidden, empty))
    assert np.array_equal(first, second)
    assert first.min() == 255


def test_a_picture_drawn_in_the_alpha_channel_alone_is_seen():
    image = Image.new("RGB", (WIDTH, HEIGHT), "black")
    image.putalpha(scene().convert("L"))
    pixels = decode(saved(image, "PNG"), LIMITS).pixels
    assert np.array_equal(pixels[:, :, 0], 255 - np.asarray(scene().convert("L")))


@pytest.mark.parametrize("kind", ["gif animated", "webp animated"])
def test_of_an_animation_the_first_frame_is_taken(kind):
    expected = np.asarray(open_by_pillow(FILES[kind]).convert("RGB"))
    assert np.array_equal(decode(FILES[kind], LIMITS).pixels, expected)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_exif_orientation_is_not_applied(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = decode(saved(scene(), kind, exif=exif), LIMITS)
    assert np.array_equal(turned.pixels, decode(saved(scene(), kind), LIMITS).pixels)


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_the_turn_boxes_of_heic_and_avif_are_part_of_the_picture(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # both writers turn this into an irot box
    turned = decode(saved(scene(), kind, exif=exif.tobytes()), LIMITS).pixels
    upright = np.asarray(scene().transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert turned.shape == upright.shape == (WIDTH, HEIGHT, 3)
    assert np.abs(turned.astype(int) - upright).mean() < 12


def test_sixteen_bit_samples_keep_their_high_byte():
    values = np.arange(WIDTH * HEIGHT, dtype=np.uint32).reshape(HEIGHT, WIDTH) * 10 % 65536
    grey_rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    colour_rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in values)
    expected = np.repeat((values >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    for colour, rows in ((0, grey_rows), (2, colour_rows)):
        data = png(WIDTH, HEIGHT, rows, depth=16, colour=colour)
        assert np.array_equal(decode(data, LIMITS).pixels, expected)


PNG_KINDS = [
    *[(0, depth) for depth in (1, 2, 4, 8, 16)],
    *[(3, depth) for depth in (1, 2, 4, 8)],
    *[(colour, depth) for colour in (2, 4, 6) for depth in (8, 16)],
]


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize(("colour", "depth"), PNG_KINDS)
def test_every_colour_type_and_depth_of_png_is_opened(colour, depth, clear):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = np.random.default_rng(3).integers(0, 256, 24 * samples * depth // 8, dtype=np.uint8)
    palette = chunk(b"PLTE", bytes(range(3 * 2**depth))[: 3 * 2**depth]) if depth < 8 else b""
    if colour == 3 and depth == 8:
        palette = chunk(b"PLTE", bytes(768))
    transparent = {0: b"\0\1", 2: b"\0\1\0\1\0\1", 3: b"\0"}.get(colour)
    extra = [palette] if colour == 3 else []
    if clear and transparent:
        extra.append(chunk(b"tRNS", transparent))
    data = png(24, 10, (b"\0" + row.tobytes()) * 10, depth=depth, colour=colour, extra=(*extra,))
    picture = decode(data, LIMITS)
    assert picture.pixels.shape == (10, 24, 3)
    if not (clear and transparent) and colour != 4 and colour != 6 and (colour, depth) != (0, 16):
        assert np.array_equal(picture.pixels, np.asarray(open_by_pillow(data).convert("RGB")))


def test_an_empty_file_is_named():
    with pytest.raises(EmptyPicture):
        decode(b"", LIMITS)


CONFUSED = {
    "text": b"These are plain words, not a picture.\n" * 9,
    "html": b"<!doctype html><img src=photo.jpg>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "pdf": b"%PDF-1.7\n",
    "zip": b"PK\x03\x04" + bytes(60),
    "bmp": b"BM" + bytes(60),
    "tiff": b"II*\0" + bytes(60),
    "wave": b"RIFF\x24\0\0\0WAVEfmt " + bytes(60),
    "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(60),
    "a jpeg one byte late": b"\0" + FILES["jpeg"],
    "one byte": b"\xff",
}


@pytest.mark.parametrize("kind", CONFUSED)
def test_what_is_no_supported_picture_is_named(kind):
    with pytest.raises(UnsupportedPicture):
        decode(CONFUSED[kind], LIMITS)


@each_kind
def test_a_picture_with_another_file_appended_stays_what_its_start_says(kind):
    both = FILES[kind] + b"PK\x03\x04" + FILES["png"]
    assert np.array_equal(decode(both, LIMITS).pixels, decode(FILES[kind], LIMITS).pixels)


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize(
    "kind", sorted(FILES.keys() - {"gif animated"})
)  # its first frame may be whole
def test_a_file_cut_short_is_named_and_never_half_a_picture(kind, part):
    with pytest.raises(BrokenPicture):
        decode(FILES[kind][: int(len(FILES[kind]) * part)], LIMITS)


def test_a_jpeg_with_stray_bytes_that_every_viewer_forgives_is_opened():
    data = FILES["jpeg"]
    table = data.index(b"\xff\xdb")
    stray = data[:table] + b"stray" + data[table:]
    with pytest.raises(ValueError, match="extraneous bytes"):
        simplejpeg.decode_jpeg(stray)
    assert np.array_equal(decode(stray, LIMITS).pixels, decode(data, LIMITS).pixels)


def test_a_damaged_jpeg_is_named():
    data = bytearray(FILES["jpeg"])
    middle = len(data) - 300
    data[middle : middle + 40] = b"\xff\xd3" * 20
    with pytest.raises(BrokenPicture):
        decode(bytes(data), LIMITS)


def test_a_jpeg_of_twelve_bits_is_unsupported_not_broken():
    data = bytearray(FILES["jpeg"])
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedPicture):
        decode(bytes(data), LIMITS)


@each_kind
def test_the_limit_on_bytes_comes_before_everything(kind):
    size_bytes = len(FILES[kind])
    with pytest.raises(TooManyBytes):
        decode(FILES[kind], MediaLimits(max_file_bytes=size_bytes - 1))
    assert decode(FILES[kind], MediaLimits(max_file_bytes=size_bytes)).format


@each_kind
def test_the_limit_on_pixels_is_exact(kind):
    with pytest.raises(TooManyPixels):
        decode(FILES[kind], MediaLimits(max_pixels=WIDTH * HEIGHT - 1))
    assert decode(FILES[kind], MediaLimits(max_pixels=WIDTH * HEIGHT)).format


def test_a_gif_whose_frame_outgrows_its_canvas_meets_the_limit_too():
    data = bytearray(FILES["gif"])
    data[6:10] = struct.pack("<HH", 1, 1)  # the canvas; the first frame is still 96x64
    with pytest.raises(TooManyPixels):
        decode(bytes(data), MediaLimits(max_pixels=WIDTH * HEIGHT - 1))


def repainted(data: bytes, times: int) -> bytes:
    """The JPEG with its last scan painted so many times more."""
    last_scan, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last_scan:end] * times + data[end:]


def test_a_progressive_jpeg_that_repaints_itself_without_end_is_refused():
    assert read_header(FILES["jpeg progressive"]).scans == 10
    bomb = repainted(FILES["jpeg progressive"], MAX_JPEG_SCANS)
    assert read_header(bomb).scans == 10 + MAX_JPEG_SCANS
    with pytest.raises(TooManyScans):
        decode(bomb, LIMITS)


def test_the_more_pixels_a_jpeg_has_the_fewer_scans_it_may_have():
    limits = MediaLimits(max_pixels=WIDTH * HEIGHT)
    assert decode(FILES["jpeg progressive"], limits).format == "jpeg"
    with pytest.raises(TooManyScans):
        decode(repainted(FILES["jpeg progressive"], 7), limits)
    with pytest.raises(BrokenPicture, match="progression"):  # what libjpeg thinks of repainting
        decode(repainted(FILES["jpeg progressive"], 6), limits)


def test_an_appended_film_does_not_count_as_scans_of_the_photograph():
    film = np.random.default_rng(2).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()
    assert film.count(b"\xff\xda") > 10
    assert read_header(FILES["jpeg progressive"] + film).scans == 10


def test_a_png_ignores_metadata_however_it_lies():
    rows = b"".join(b"\0" + bytes(WIDTH * 3) for _ in range(HEIGHT))
    plain = decode(png(WIDTH, HEIGHT, rows), LIMITS).pixels
    bomb = zlib.compress(bytes(40_000_000), 9)
    extra = (
        chunk(b"iCCP", b"profile\0\0" + bomb),
        chunk(b"zTXt", b"comment\0\0" + bomb),
        chunk(b"iTXt", b"comment\0\1\0\0\0" + bomb),
        chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
        chunk(b"acTL", b"\xff" * 8),
    )
    assert np.array_equal(decode(png(WIDTH, HEIGHT, rows, extra=extra), LIMITS).pixels, plain)


def test_a_png_too_short_for_its_size_is_refused_before_it_is_expanded():
    with pytest.raises(BrokenPicture, match="too short"):
        decode(png(9000, 9000, bytes(27_001)), LIMITS)


def test_every_refusal_has_a_sentence_and_a_remedy():
    for error in (EmptyPicture, UnsupportedPicture, BrokenPicture, TooManyBytes, TooManyPixels):
        assert error.remedy != error.__mro__[1].remedy
    with pytest.raises(BrokenPicture) as caught:
        decode(FILES["heic"][:900], LIMITS)
    assert "\n" not in caught.value.what
